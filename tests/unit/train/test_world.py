# SPDX-License-Identifier: Apache-2.0
"""The synthetic world: labels, alpha and flow agree; the same seed gives the same clip; splits differ.

Renders really (OpenGL on EGL); skipped, with the reason, only where no EGL context can be made.
"""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mirage_lsd.worker.train.world import looks, paint, scenes
from mirage_lsd.worker.train.world.backdrops import split_photos

moderngl = pytest.importorskip("moderngl", reason="moderngl (training extra) is not installed")
pytest.importorskip("anny", reason="anny (training extra) is not installed")


@pytest.fixture(scope="module")
def world():
    try:
        moderngl.create_standalone_context(backend="egl", require=330).release()
    except Exception as error:  # noqa: BLE001 - moderngl raises bare Exception when EGL is missing
        pytest.skip(f"no EGL context can be made here: {error}")
    from mirage_lsd.worker.train.world.generate import World

    return World()


@pytest.fixture(scope="module")
def clip(world):
    return world.clip((0, 11, 2))


def test_shapes_and_words(clip):
    assert np.stack(clip["layers"]).shape == (3, 3, 384, 640, 4)
    assert np.stack(clip["labels"]).shape == (3, 3, 384, 640)
    assert np.stack(clip["surface"]).shape == (3, 3, 384, 640, 3)
    assert clip["flow"].shape == (3, 96, 160, 2) and clip["flow"].dtype == np.float16
    for look in clip["looks"]:
        assert look["upper"] in looks.UPPER and look["pattern"] in looks.PATTERNS
        assert look["lower"] in looks.LOWER and look["hair"] in looks.HAIR
        assert all(0 <= value <= 1 for value in look["upper_color"])


def test_labels_lie_where_alpha_is(clip):
    labels, alpha = np.stack(clip["labels"]), np.stack(clip["layers"])[..., 3]
    assert (alpha[labels > 0] > 0).all()
    assert (labels[alpha == 255] > 0).all()
    assert {1, 2, 4} <= set(np.unique(labels))


def test_flow_warps_the_previous_frame_onto_this_one(world):
    after = before = 0.0
    for index in range(3):
        clip = world.clip((0, 12, index), looks_count=1)
        layers = clip["layers"][0].astype(np.float32)
        flow = cv2.resize(clip["flow"][2].astype(np.float32), (640, 384), interpolation=cv2.INTER_LINEAR)
        grid = np.stack(np.meshgrid(np.arange(640), np.arange(384)), -1).astype(np.float32) + flow
        warped = cv2.remap(layers[1], grid, None, cv2.INTER_LINEAR)
        inside = cv2.erode((layers[2][..., 3] == 255).astype(np.uint8), np.ones((9, 9))) > 0
        after += np.abs(warped - layers[2])[inside][..., :3].mean()
        before += np.abs(layers[1] - layers[2])[inside][..., :3].mean()
        assert (clip["flow"][0] == 0).all()
    assert after < 0.6 * before


def test_cloth_is_rendered_undyed_and_dyed_as_the_words_say(world):
    """Undyed cloth has next to no colour of its own; dyed, it has the asked one; skin stays as it is."""
    clip = world.clip((0, 13, 2), looks_count=2, frames=1)
    words = clip["looks"][1] | {"pattern": "plain", "upper_color": (0.8, 0.1, 0.1)}
    rgb, labels = np.ascontiguousarray(clip["layers"][1][0][..., :3]), clip["labels"][1][0]
    upper = cv2.erode((labels == 4).astype(np.uint8), np.ones((5, 5))) > 0
    undyed, dyed = rgb[upper].mean(0), paint.dyed(rgb, labels, clip["surface"][1][0][..., :2], words)
    assert np.ptp(undyed) < 40
    seen = dyed[upper].mean(0)
    assert seen[0] > 2.5 * seen[1] and seen[0] > 2.5 * seen[2]
    skin = cv2.erode((labels == 2).astype(np.uint8), np.ones((5, 5))) > 0
    assert np.array_equal(dyed[skin], rgb[skin])


def test_surface_moves_with_the_body(world):
    """The same cloth point is at the same canonical place in the next frame, wherever it is in the picture."""
    clip = world.clip((0, 12, 0), looks_count=1)
    flow = cv2.resize(clip["flow"][2].astype(np.float32), (640, 384), interpolation=cv2.INTER_LINEAR)
    grid = np.stack(np.meshgrid(np.arange(640), np.arange(384)), -1).astype(np.float32) + flow
    surface = np.stack(clip["surface"][0]).astype(np.float32)
    moved = cv2.remap(surface[1], grid, None, cv2.INTER_LINEAR)
    inside = cv2.erode((clip["labels"][0][2] == 4).astype(np.uint8), np.ones((9, 9))) > 0
    assert inside.any()
    assert np.abs(moved - surface[2])[inside][:, :2].mean() < 0.01


def test_asked_looks_are_in_standard_form(world):
    """Two looks with the same words are the same look."""
    rng = np.random.default_rng(4)
    one, two = (looks.standard(looks.sample_look(rng)) for _ in range(2))
    same = replace(one, upper="jacket", lower="jeans", hair="long", pattern="dots", upper_main=(0.5, 0.1, 0.1))
    other = replace(two, upper="jacket", lower="jeans", hair="long", pattern="dots", upper_main=(0.5, 0.1, 0.1))
    shape = ("cut", "lower_hem", "dress_hem", "flare", "hair_shape", "upper_second", "pattern_scale", "logo")
    one, two = looks.standard(same), looks.standard(other)
    assert [getattr(one, name) for name in shape] == [getattr(two, name) for name in shape]


def test_same_seed_same_clip_other_split_other_clip(world):
    first, again = world.clip((0, 14, 1), 2, 2), world.clip((0, 14, 1), 2, 2)
    other = world.clip((1, 14, 1), 2, 2)
    assert np.array_equal(np.stack(first["layers"]), np.stack(again["layers"]))
    assert first["looks"] == again["looks"] != other["looks"]


def test_photo_splits_are_disjoint(tmp_path):
    for name in range(40):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros((8, 8, 3), np.uint8))
    parts = [set(split_photos(tmp_path, split)) for split in ("train", "val", "test")]
    assert sum(map(len, parts)) == 40 == len(set.union(*parts)) and all(parts)


@pytest.mark.parametrize("name", scenes.SCENES)
def test_scenes_are_seeded_and_varied(name):
    first, again, other = (scenes.paint_scene(name, np.random.default_rng(s)) for s in (1, 1, 2))
    assert first.shape == (224, 384, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first.std() > 8


def test_a_split_on_disk_has_the_agreed_files(world, tmp_path):
    from mirage_lsd.worker.train.world.generate import generate

    folder = generate(tmp_path / "val", "val", 2, 3, 2, backgrounds=2, scene_variants=1, world=world)
    arrays = {
        name: np.load(folder / f"{name}.npy")
        for name in ("layers", "labels", "surface", "flow", "backgrounds", "scenes")
    }
    assert arrays["layers"].shape == (2, 3, 2, 384, 640, 4)
    assert arrays["labels"].shape == (2, 3, 2, 384, 640) and arrays["labels"].max() <= 7
    assert arrays["surface"].shape == (2, 3, 2, 384, 640, 3)
    assert arrays["flow"].shape == (2, 2, 96, 160, 2)
    assert arrays["backgrounds"].shape == (2, 224, 384, 3) and arrays["scenes"].shape == (6, 1, 224, 384, 3)
    clips = json.loads((folder / "clips.json").read_text())
    assert [len(clip["looks"]) for clip in clips] == [3, 3] and (folder / "DONE").exists()
    with pytest.raises(ValueError, match="split"):
        generate(tmp_path, "holdout", 1, 0)

# SPDX-License-Identifier: Apache-2.0
"""The synthetic world: labels, alpha and flow agree; the same seed gives the same clip; splits differ.

Renders really (OpenGL on EGL); skipped, with the reason, only where no EGL context can be made.
"""

import json

import cv2
import numpy as np
import pytest

from mirage_lsd.worker.train.world import looks, scenes
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
    assert np.stack(clip["layers"]).shape == (3, 4, 192, 320, 4)
    assert np.stack(clip["labels"]).shape == (3, 4, 192, 320)
    assert clip["flow"].shape == (4, 48, 80, 2) and clip["flow"].dtype == np.float16
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
        flow = cv2.resize(clip["flow"][2].astype(np.float32), (320, 192), interpolation=cv2.INTER_LINEAR)
        grid = np.stack(np.meshgrid(np.arange(320), np.arange(192)), -1).astype(np.float32) + flow
        warped = cv2.remap(layers[1], grid, None, cv2.INTER_LINEAR)
        inside = cv2.erode((layers[2][..., 3] == 255).astype(np.uint8), np.ones((9, 9))) > 0
        after += np.abs(warped - layers[2])[inside][..., :3].mean()
        before += np.abs(layers[1] - layers[2])[inside][..., :3].mean()
        assert (clip["flow"][0] == 0).all()
    assert after < 0.6 * before


def test_the_stored_colour_is_the_one_seen(world):
    look = world.clip((0, 13, 0), looks_count=1, frames=1)["looks"][0]
    if look["pattern"] == "plain":
        assert np.abs(np.subtract(look["upper_color"], look["upper_main"])).max() < 0.25


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
        for name in ("layers", "labels", "flow", "backgrounds", "scenes")
    }
    assert arrays["layers"].shape == (2, 3, 2, 192, 320, 4)
    assert arrays["labels"].shape == (2, 3, 2, 192, 320) and arrays["labels"].max() <= 7
    assert arrays["flow"].shape == (2, 2, 48, 80, 2)
    assert arrays["backgrounds"].shape == (2, 224, 384, 3) and arrays["scenes"].shape == (6, 1, 224, 384, 3)
    clips = json.loads((folder / "clips.json").read_text())
    assert [len(clip["looks"]) for clip in clips] == [3, 3] and (folder / "DONE").exists()
    with pytest.raises(ValueError, match="split"):
        generate(tmp_path, "holdout", 1, 0)

# SPDX-License-Identifier: Apache-2.0
"""The scene pictures: all there, fitted to any size, and small enough to ship."""

import cv2
import numpy as np
import pytest

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.models.conditions import SCENES
from mirage_lsd.worker.models.looks import look_for
from mirage_lsd.worker.paint.background import scenes
from mirage_lsd.worker.paint.background.scenes import (
    SceneFileError,
    ScenePictures,
    cover,
    load_variant,
    put_behind,
    variants,
)
from mirage_lsd.worker.paint.dye import dyes_for
from mirage_lsd.worker.tracking.person_mask import PersonMask


@pytest.mark.parametrize("name", SCENES)
def test_every_scene_has_its_variants(name):
    assert len(variants(name)) == 2
    first, second = load_variant(name, 0), load_variant(name, 1)
    assert first.shape == second.shape == (720, 1280, 3) and first.std() > 10
    assert np.abs(first.astype(int) - second).mean() > 10


def test_they_are_small_enough_to_ship():
    assert sum(path.stat().st_size for name in SCENES for path in variants(name)) <= 1_500_000


@pytest.mark.parametrize("size_px", [(640, 360), (512, 512), (360, 640), (1920, 1080)])
def test_a_picture_covers_the_frame_without_stretching(size_px):
    picture = np.zeros((720, 1280, 3), np.uint8)
    picture[350:370, 630:650] = 255  # a square in the middle stays a square in the middle
    rows, columns = (np.flatnonzero((cover(picture, size_px)[..., 0] > 128).any(axis)) for axis in (1, 0))
    scale = max(size_px[0] / 1280, size_px[1] / 720)
    assert len(rows) == pytest.approx(20 * scale, abs=1.5) and len(columns) == pytest.approx(20 * scale, abs=1.5)
    assert rows.mean() == pytest.approx(size_px[1] / 2, abs=1)
    assert columns.mean() == pytest.approx(size_px[0] / 2, abs=1)


def keyed() -> np.ndarray:
    """A picture u8 [H,W,4] BGRA: opaque on the left, half keyed in the middle, keyed on the right."""
    picture = np.full((20, 60, 4), (90, 140, 30, 255), np.uint8)
    picture[:, 20:40, 3], picture[:, 40:] = 128, 0
    return picture


def test_a_scene_shows_where_the_picture_was_keyed():
    scene = np.full((20, 60, 3), (10, 20, 250), np.uint8)
    whole = put_behind(keyed(), scene, 1.0)
    assert np.array_equal(whole[:, :20], keyed()[:, :20]) and (whole[:, 40:, :3] == scene[:, 40:]).all()
    assert (whole[..., 3] == 255).all()
    assert np.abs(whole[:, 20:40, :3].astype(int) - (50, 80, 140)).max() <= 1
    assert np.array_equal(put_behind(keyed(), scene, 0.0), keyed())


def test_half_a_scene_behind_a_keyed_picture_is_half_seen():
    """As if the scene lay below at half its opacity, and both before what OBS has there."""
    scene, below = np.full((20, 60, 3), (10, 20, 250), np.uint8), np.float32([200, 60, 0])
    half = put_behind(keyed(), scene, 0.5).astype(np.float32)
    shown = half[..., :3] * (half[..., 3:] / 255) + below * (1 - half[..., 3:] / 255)
    source = keyed().astype(np.float32)
    behind = 0.5 * scene + 0.5 * below
    wanted = source[..., :3] * (source[..., 3:] / 255) + behind * (1 - source[..., 3:] / 255)
    assert np.abs(shown - wanted).max() < 1.5


def test_a_keyed_person_stands_before_the_scene_through_the_real_stages():
    """A person cut out as a green screen does it: a scene look shows them opaque, the scene where they were keyed."""
    astronaut = cv2.resize(pytest.importorskip("skimage.data").astronaut(), (320, 180), interpolation=cv2.INTER_AREA)
    alpha = (255 * (PersonMask()(astronaut) > 0.5)).astype(np.uint8)
    source = np.dstack([astronaut[..., ::-1] * (alpha > 0)[..., None], alpha])
    pipeline, settings = EngineHost().new_pipeline(), StreamSettings(prompt="forest", working_size="small")
    shown = [pipeline.restyle(source, settings) for _ in range(3)][-1]
    pipeline.flush()
    dyes = dyes_for(look_for(settings).conditions, settings.seed)
    forest = ScenePictures().fitted(dyes.scene, dyes.variant, (320, 180))
    assert (shown[..., 3] == 255).all()
    gone = cv2.erode((alpha == 0).astype(np.uint8), np.ones((9, 9))) > 0
    assert np.abs(shown[..., :3].astype(int) - forest)[gone].mean() < 2
    kept = shown_without_a_scene(source)
    assert np.array_equal(kept[..., 3], alpha), "without a scene, what was keyed stays keyed"


def shown_without_a_scene(source: np.ndarray) -> np.ndarray:
    pipeline = EngineHost().new_pipeline()
    shown = pipeline.restyle(source, StreamSettings(prompt="red hoodie", working_size="small"))
    pipeline.flush()
    return shown


def test_fitted_pictures_are_kept_and_the_seed_chooses(monkeypatch):
    pictures = ScenePictures()
    first = pictures.fitted("space", 0, (320, 180))
    assert pictures.fitted("space", 0, (320, 180)) is first
    assert not np.array_equal(first, pictures.fitted("space", 1, (320, 180)))
    assert np.array_equal(first, pictures.fitted("space", 2, (320, 180)))


def test_a_missing_picture_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(scenes, "SCENES_DIR", tmp_path)
    with pytest.raises(SceneFileError, match="city night"):
        load_variant("city night", 0)

# SPDX-License-Identifier: Apache-2.0
"""The scene pictures: all there, fitted to any size, small enough to ship, and painted by the code that is here."""

import numpy as np
import pytest

from mirage_lsd.worker.models import scenes
from mirage_lsd.worker.models.conditions import SCENES
from mirage_lsd.worker.models.scenes import SceneFileError, ScenePictures, cover, load_variant, variants
from mirage_lsd.worker.train.world.places.files import VARIANTS


@pytest.mark.parametrize("name", SCENES)
def test_every_scene_has_its_variants(name):
    assert len(variants(name)) == len(VARIANTS[name]) >= 2
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

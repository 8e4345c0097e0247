# SPDX-License-Identifier: Apache-2.0
"""Light and folds: folds of plain cloth are believed, prints and a camera's noise are not, materials differ."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mirage_lsd.worker.paint.detail import folds

SHAPE, FACE_PX = (200, 240), 80.0
INSIDE = np.s_[40:160, 40:200]
WHOLE = np.ones(SHAPE, np.float32)
ACROSS = np.sin(np.arange(SHAPE[1], dtype=np.float32) / 4.0) * np.ones(SHAPE, np.float32)


def noise(levels: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0.0, levels / 255.0, SHAPE).astype(np.float32)


def lit(grey: np.ndarray, material: folds.Material = folds.COTTON) -> np.ndarray:
    """The factor that the compositor puts on a colour, f32 [h,w], for grey f32 [h,w] 0..1."""
    mean, trust = folds.light_maps(grey, WHOLE, FACE_PX)
    log = cv2.LUT(cv2.GaussianBlur(np.uint8(np.clip(grey, 0, 1) * 255), (3, 3), 0), folds.LOG)
    step = np.clip((log - mean) * folds.HALF_STEPS + folds.HALF_STEPS, 0, 255).astype(np.uint8)
    return 1.0 + cv2.LUT(step, folds.answer(material)) * trust


@pytest.mark.parametrize("brightness", [0.25, 0.5, 0.8])
def test_folds_of_plain_cloth_are_believed(brightness):
    grey = brightness * (1.0 + 0.1 * ACROSS) + noise(1.5)
    _, trust = folds.light_maps(grey, WHOLE, FACE_PX)
    assert trust[INSIDE].min() > 0.95
    factor = lit(grey)[INSIDE]
    assert np.corrcoef(factor.ravel(), ACROSS[INSIDE].ravel())[0, 1] > 0.95
    assert factor.max() > 1.08 and factor.min() < 0.92 and abs(float(factor.mean()) - 1.0) < 0.03


def test_a_print_is_not():
    checks = (np.indices(SHAPE).sum(0) // 8 % 2).astype(np.float32)
    grey = 0.15 + 0.7 * cv2.resize(checks[::8, ::8], SHAPE[::-1], interpolation=cv2.INTER_NEAREST)
    _, trust = folds.light_maps(grey, WHOLE, FACE_PX)
    assert trust[INSIDE].max() < 0.05
    assert lit(grey)[INSIDE].std() < 0.03


def test_soft_light_over_the_whole_cloth_is_no_fold():
    grey = np.float32(0.3) + np.linspace(0.0, 0.3, SHAPE[1], dtype=np.float32) * WHOLE
    assert np.abs(lit(grey)[INSIDE] - 1.0).max() < 0.06


def test_the_noise_of_dark_cloth_is_no_fold():
    dark, bright = (lit(np.float32(level) + noise(3.0))[INSIDE] for level in (0.03, 0.6))
    assert dark.std() < 0.08 and bright.std() < 0.02


def test_what_lies_beside_the_cloth_has_no_say():
    cloth, grey = WHOLE.copy(), np.full(SHAPE, 0.4, np.float32)
    cloth[:, 120:], grey[:, 120:] = 0.0, 1.0
    mean, trust = folds.light_maps(grey, cloth, FACE_PX)
    np.testing.assert_allclose(mean[20:-20, 20:116], np.log(0.4 + folds.FLOOR), atol=0.02)
    assert trust[20:-20, 20:112].min() > 0.9


def test_leather_answers_the_same_light_more_strongly_than_knit():
    leather, satin, cotton, knit = (folds.answer(one) for one in (folds.LEATHER, folds.SATIN, folds.COTTON, folds.KNIT))
    high = 127 + 40
    assert leather[high] > satin[high] > cotton[high] and leather[high] > 1.2 * knit[high]
    assert knit[high - 80] > leather[high - 80]  # and darkens more
    for one in (leather, satin, cotton, knit):
        assert abs(one[127]) < 0.01 and (np.diff(one) >= 0).all() and one.min() > -0.7
    assert set(folds.MATERIALS) == {"t-shirt", "shirt", "hoodie", "jacket", "suit", "leather jacket", "dress"}


@pytest.mark.parametrize("face_px", [None, 4.0, 900.0])
def test_any_size_of_a_face_gives_maps(face_px):
    for plane in folds.light_maps(np.float32(0.5) + noise(2.0), WHOLE, face_px):
        assert plane.shape == SHAPE and plane.dtype == np.float32 and np.isfinite(plane).all()

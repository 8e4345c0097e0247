# SPDX-License-Identifier: Apache-2.0
"""The pattern check names drawn patterns, slanted, shaded and blurred, and does not see them on plain cloth.

How it does on true renders of the world is measured by every evaluation (eval.json, true_target).
"""

import cv2
import numpy as np
import pytest

pytest.importorskip("skimage", reason="scikit-image (training extra) is not installed")

from mirage_lsd.worker.eval.measures.patterns import named_pattern

MAIN, SECOND = np.array((150, 60, 40.0)), np.array((60, 200, 230.0))
SIZE = (360, 640)


@pytest.fixture(scope="module")
def garment():
    mask = np.zeros(SIZE, np.uint8)
    cv2.ellipse(mask, (320, 260), (210, 150), 0, 0, 360, 1, -1)
    return mask > 0


def cloth(pattern, angle, period):
    """Share of the second colour, f64 [H,W]."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(float)
    y = y + 12 * np.sin(x / 90)  # cloth bends
    u, v = (x * np.cos(angle) + y * np.sin(angle)) / period, (y * np.cos(angle) - x * np.sin(angle)) / period
    if pattern == "stripes":
        return (u % 1 < 0.42).astype(float)
    if pattern == "check":
        return 0.5 * (u % 1 < 0.5) + 0.5 * (v % 1 < 0.5)
    if pattern == "dots":
        u = u + 0.5 * (np.floor(v) % 2)
        return (np.hypot(u % 1 - 0.5, v % 1 - 0.5) < 0.29).astype(float)
    return np.zeros(SIZE)


def picture(pattern, angle=0.3, period=40, blur=1.0):
    share = cloth(pattern, angle, period)[..., None]
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    shade = 0.75 + 0.25 * np.cos((x - 250) / 160) * np.cos((y - 200) / 120)
    colors = ((1 - share) * MAIN + share * SECOND) * shade[..., None]
    colors += np.random.default_rng(1).normal(0, 2, colors.shape)
    return cv2.GaussianBlur(np.clip(colors, 0, 255).astype(np.uint8), (0, 0), blur)


@pytest.mark.parametrize("blur", [0.6, 3.0])
@pytest.mark.parametrize(("angle", "period"), [(0.0, 30), (0.4, 46), (1.5, 38)])
@pytest.mark.parametrize("pattern", ["stripes", "check", "dots", "plain"])
def test_drawn_patterns_are_named(garment, pattern, angle, period, blur):
    assert named_pattern(picture(pattern, angle, period, blur), garment) == pattern


def test_one_seam_is_no_pattern(garment):
    cut = picture("plain")
    cv2.line(cut, (320, 120), (330, 359), (20, 20, 20), 5)
    assert named_pattern(cut, garment) in ("plain", "other")


def test_random_patches_are_none_of_the_checked_patterns(garment):
    field = cv2.GaussianBlur(np.random.default_rng(4).normal(0, 1, SIZE), (0, 0), 14)
    share = (field > 0)[..., None]
    patches = np.where(share, SECOND, MAIN).astype(np.uint8)
    assert named_pattern(patches, garment) == "other"


def test_what_lies_outside_the_mask_says_nothing(garment):
    striped = picture("stripes")
    assert named_pattern(np.where(garment[..., None], picture("plain"), striped), garment) == "plain"


def test_too_little_cloth_is_not_judged():
    mask = np.zeros(SIZE, bool)
    mask[:20, :60] = True
    assert named_pattern(picture("stripes"), mask) is None

# SPDX-License-Identifier: Apache-2.0
"""The fine picture: its size, its box, and planes and points put into it, whatever the source's shape."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawn_sight import fine_around

from mirage_lsd.worker.paint.detail.fine import AROUND_PX, STEP_PX, box_around, fine_size_px, scaled_box

SIZES = [(1920, 1080), (640, 360), (641, 359), (90, 60), (360, 640), (1079, 1917)]


def source_of(size_px: tuple[int, int]) -> np.ndarray:
    """u8 [h,w,4] BGRA: soft blobs."""
    small = np.random.default_rng(0).integers(0, 255, (9, 16, 4), np.uint8)
    return cv2.resize(small, size_px, interpolation=cv2.INTER_CUBIC)


def shown_in_the_middle(size_px: tuple[int, int]) -> np.ndarray:
    width, height = size_px
    shown = np.zeros((height, width), bool)
    shown[height // 3 : height // 2, width // 3 : width // 2] = True
    return shown


@pytest.mark.parametrize(("size_px", "fine_px"), [
    ((1920, 1080), (640, 360)), ((3840, 2160), (640, 360)), ((641, 359), (320, 180)),
    *((size_px, size_px) for size_px in ((640, 360), (360, 640), (90, 60))),
])
def test_it_is_a_whole_fraction_of_the_source(size_px, fine_px):
    assert fine_size_px(*size_px) == fine_px


def test_a_small_source_is_its_own_fine_around():
    source = source_of((640, 360))
    picture = fine_around(source, np.ones((6, 8), bool))
    assert picture.size_px == (640, 360) and picture.box == (0, 0, 640, 360) and picture.scale == 1.0
    assert np.array_equal(picture.bgr, source[..., :3])
    shown = shown_in_the_middle((320, 192))
    part = fine_around(source, shown)
    x0, y0, x1, y1 = part.box
    assert np.array_equal(part.bgr, source[y0:y1, x0:x1, :3])


@pytest.mark.parametrize("size_px", SIZES)
def test_the_box_holds_what_is_shown_with_room_around_it(size_px):
    x0, y0, x1, y1 = box_around(shown_in_the_middle((320, 192)), size_px)
    for low, high, full, share in ((x0, x1, size_px[0], 320), (y0, y1, size_px[1], 192)):
        first, last = share // 3 / share * full, share // 2 / share * full
        assert 0 <= low <= max(0.0, first - AROUND_PX + 1) and min(full, last + AROUND_PX - 1) <= high <= full
        assert low % STEP_PX == 0 and (high % STEP_PX == 0 or high == full)


def test_nothing_shown_is_no_picture():
    assert box_around(np.zeros((192, 320), bool), (640, 360)) is None
    assert fine_around(source_of((640, 360)), np.zeros((192, 320), bool)) is None


@pytest.mark.parametrize("size_px", SIZES)
def test_the_picture_of_any_shape_is_the_sources_own_made_smaller(size_px):
    source = source_of(size_px)
    picture = fine_around(source, shown_in_the_middle((320, 192)))
    x0, y0, x1, y1 = picture.box
    assert picture.bgr.shape == (y1 - y0, x1 - x0, 3) == (*picture.grey.shape, 3) == picture.lab.shape
    whole = cv2.resize(source, picture.size_px, interpolation=cv2.INTER_AREA)[y0:y1, x0:x1, :3]
    assert np.abs(picture.bgr.astype(int) - whole).mean() < 1.5
    grey = cv2.cvtColor(picture.bgr, cv2.COLOR_BGR2GRAY)
    np.testing.assert_allclose(picture.grey, grey / np.float32(255), atol=1e-6)


@pytest.mark.parametrize("size_px", [fine_size_px(*size_px) for size_px in SIZES])
@pytest.mark.parametrize("plane_px", [(320, 192), (224, 128), (160, 96)])
def test_a_plane_in_the_box_is_the_whole_plane_scaled_and_cut(size_px, plane_px):
    plane = np.random.default_rng(3).random(plane_px[::-1], np.float32)
    x0, y0, x1, y1 = box = box_around(shown_in_the_middle((64, 40)), size_px)
    whole = cv2.resize(plane, size_px, interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(scaled_box(plane, size_px, box), whole[y0:y1, x0:x1], atol=2e-4)


def test_points_of_the_source_are_where_they_show():
    source = np.zeros((1080, 1920, 4), np.uint8)
    cv2.rectangle(source, (898, 598), (902, 602), (255, 255, 255, 255), cv2.FILLED)
    picture = fine_around(source, shown_in_the_middle((320, 192)) | (np.arange(320) > 100))
    x, y = picture.points(np.float32([[900, 600]]))[0]
    assert picture.grey[round(y), round(x)] > 0.5 and picture.grey.sum() < 5

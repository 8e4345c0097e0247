# SPDX-License-Identifier: Apache-2.0
"""The segmenter looks where the person is: boxes, when they are held, and what that does for real masks."""
from __future__ import annotations

import cv2
import numpy as np
import pytest
from tiny_stream import person_masks

from mirage_lsd.worker.tracking.person_follow import (
    LOOK_EVERY,
    PersonBox,
    PersonFollower,
    box_around,
    holds,
    person_cells,
)
from mirage_lsd.worker.tracking.person_mask import PersonMask

ROWS, COLUMNS = 24, 40
WIDE_PX, HIGH_PX = 320, 192
SIDE_PX = 72


def cells_of(rows: slice, columns: slice) -> np.ndarray:
    cells = np.zeros((ROWS, COLUMNS), bool)
    cells[rows, columns] = True
    return cells


def test_nobody_and_a_person_as_wide_as_the_picture_have_no_box():
    assert box_around(np.zeros((ROWS, COLUMNS), bool)) is None
    assert box_around(cells_of(slice(3, 4), slice(5, 8))) is None, "three cells are no person"
    assert box_around(cells_of(slice(4, 24), slice(1, 39))) is None


@pytest.mark.parametrize("rows, columns", [(slice(0, 24), slice(17, 23)), (slice(10, 24), slice(0, 9)),
                                           (slice(2, 9), slice(30, 40)), (slice(12, 20), slice(8, 26))])
def test_a_box_lies_inside_the_picture_around_the_person_and_has_the_segmenters_shape(rows, columns):
    cells = cells_of(rows, columns)
    box = box_around(cells)
    (top, bottom), (left, right) = box.rows, box.columns
    assert 0 <= top < bottom <= ROWS and 0 <= left < right <= COLUMNS
    assert top <= rows.start and bottom >= rows.stop and left <= columns.start and right >= columns.stop
    shape = (right - left) / box.height
    assert abs(shape / (16 / 9) - 1) < 0.15 if box.wide else 0.85 < shape < 1.35
    assert holds(box, cells)


def test_a_box_is_held_until_the_person_leaves_it_or_needs_less():
    person = cells_of(slice(6, 18), slice(15, 21))
    box = box_around(person)
    assert holds(box, np.roll(person, 1, axis=1)), "a cell aside is no reason to look elsewhere"
    assert not holds(box, np.roll(person, 8, axis=1))
    assert not holds(box, cells_of(slice(9, 16), slice(16, 20)))
    assert not holds(box, np.zeros_like(person))


def test_the_parsing_counts_where_the_mask_is_blind():
    mask, background = np.zeros((HIGH_PX, WIDE_PX), np.float32), np.ones((ROWS, COLUMNS), np.float32)
    background[4:20, 10:18] = 0.1
    assert not person_cells(mask).any()
    assert np.array_equal(person_cells(mask, background), background < 0.5)


@pytest.fixture(scope="module")
def small_person() -> tuple[np.ndarray, np.ndarray]:
    """A picture of somebody far away, and their mask as it is seen from near: RGB u8, f32 0..1."""
    near = pytest.importorskip("skimage.data").astronaut()
    mask = PersonMask(landscape=False)(near)
    size = (SIDE_PX, SIDE_PX)
    picture, true = np.full((HIGH_PX, WIDE_PX, 3), (92, 104, 98), np.uint8), np.zeros((HIGH_PX, WIDE_PX), np.float32)
    place = slice(HIGH_PX - SIDE_PX, HIGH_PX), slice(180, 180 + SIDE_PX)
    share = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    person = cv2.resize(near, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    picture[place] = share[..., None] * person + (1 - share[..., None]) * picture[place]
    true[place] = share
    return picture, true


def error(mask: np.ndarray, true: np.ndarray) -> float:
    return float(np.abs(mask - true).sum() / true.sum())


def test_somebody_far_away_is_cut_out_better_once_they_were_seen(small_person):
    picture, true = small_person
    follow, nowhere = PersonFollower(), np.ones((ROWS, COLUMNS), np.float32)
    first = follow(picture)
    follow.observe(first, nowhere)
    second = follow(picture)
    assert error(second, true) < 0.7 * error(first, true)
    follow.reset()
    assert np.array_equal(follow(picture), first), "after a cut the whole picture is looked at"


def test_who_else_comes_is_found_within_a_second(small_person):
    picture, true = small_person
    follow, nowhere = PersonFollower(), np.ones((ROWS, COLUMNS), np.float32)
    follow.observe(follow(picture), nowhere)
    two = picture.copy()
    two[:, :150] = picture[:, 150:300]
    seen = []
    for _ in range(LOOK_EVERY):
        mask = follow(two)
        follow.observe(mask, nowhere)
        seen.append(float(mask[:, :150].mean()))
    assert max(seen[:-1]) < 0.1 * float(true[:, 150:300].mean())
    assert seen[-1] > 0.5 * float(true[:, 150:300].mean()) and follow(two)[:, :150].mean() > 0.5 * seen[-1]


def test_a_stream_follows_its_person_until_the_scene_is_cut(small_person):
    """Through the real stages: the second frame's mask is the near one; another picture is looked at as a whole."""
    picture, _ = small_person
    source = cv2.cvtColor(picture, cv2.COLOR_RGB2BGRA)
    elsewhere = np.ascontiguousarray(255 - source[:, ::-1])
    elsewhere[..., 3] = 255
    masks = person_masks([source, source, elsewhere])
    follow = PersonFollower()
    whole = follow(picture)
    assert np.allclose(masks[0], whole, atol=1e-4)
    assert np.abs(masks[1] - whole).max() > 0.2 and not masks[1][:, :100].any()
    assert np.allclose(masks[2], follow(cv2.cvtColor(elsewhere, cv2.COLOR_BGRA2RGB)), atol=1e-4)


def test_a_mask_is_nothing_outside_of_its_box(small_person):
    picture, _ = small_person
    follow = PersonFollower()
    follow.observe(follow(picture), np.ones((ROWS, COLUMNS), np.float32))
    box: PersonBox = follow._box
    mask = follow(picture).copy()
    assert box.cut(mask).max() > 0.9
    box.cut(mask)[:] = 0
    assert not mask.any()

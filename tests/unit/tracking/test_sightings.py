# SPDX-License-Identifier: Apache-2.0
"""Where somebody was seen of late: for how long that counts, what hangs together with it, and what is presumed."""
from __future__ import annotations

import numpy as np
import pytest

from mirage_lsd.worker.tracking.sightings import Sightings, close_by, unseen

ROWS, COLUMNS, CELL_PX = 12, 20, 8
CELLS = COLUMNS, ROWS
STILL = np.zeros((3, ROWS, COLUMNS), np.float32)
PLACE = slice(3, 9), slice(5, 11)  # of somebody, in cells


def picture_of(level: int = 200, somebody: int = 60, place=PLACE) -> np.ndarray:
    picture = np.full((ROWS * CELL_PX, COLUMNS * CELL_PX, 3), level, np.uint8)
    rows, columns = (slice(CELL_PX * part.start, CELL_PX * part.stop) for part in place)
    picture[rows, columns] = somebody
    return picture


def mask_of(place=PLACE) -> np.ndarray:
    return (picture_of(0, 1, place)[..., 0]).astype(np.float32)


def cells_of(*places) -> np.ndarray:
    cells = np.zeros((ROWS, COLUMNS), bool)
    for place in places:
        cells[place] = True
    return cells


NOTHING = np.zeros((ROWS * CELL_PX, COLUMNS * CELL_PX), np.float32)


def sighted() -> Sightings:
    sightings = Sightings()
    sightings.follow(mask_of(), picture_of(), None, CELLS)
    return sightings


@pytest.mark.parametrize(("said", "lasts", "gone"), [(0.0, 12, 18), (0.1, 40, 60)], ids=["nobody", "doubt"])
def test_a_sighting_lasts_while_the_picture_is_the_same_longer_where_the_segmenter_doubts(said, lasts, gone):
    sightings = sighted()
    for _ in range(lasts):
        sightings.follow(NOTHING + np.float32(said), picture_of(), STILL, CELLS)
    assert np.array_equal(sightings.cells, cells_of(PLACE))
    for _ in range(gone - lasts):
        sightings.follow(NOTHING + np.float32(said), picture_of(), STILL, CELLS)
    assert not sightings.cells.any(), "but not for ever"


def test_a_sighting_ends_at_once_where_the_picture_changes_and_at_a_cut():
    left, cut = sighted(), sighted()
    left.follow(NOTHING, picture_of(somebody=200), STILL, CELLS)
    cut.follow(NOTHING, picture_of(), None, CELLS)
    assert not left.cells.any() and not cut.cells.any()


def test_a_sighting_moves_along():
    sightings, motion, aside = sighted(), STILL.copy(), (PLACE[0], slice(7, 13))
    motion[0] = -2.0
    sightings.follow(NOTHING, picture_of(place=aside), motion, CELLS)
    assert np.array_equal(sightings.cells, cells_of(aside))


def test_what_hangs_together_with_somebody_seen_is_somebody_and_the_rest_is_nobody():
    arm, rag = (slice(8, 10), slice(11, 16)), (slice(2, 6), slice(15, 19))
    nobody = unseen(cells_of(PLACE, arm, rag), sighted().cells)
    assert np.array_equal(nobody, cells_of(rag))
    assert not unseen(cells_of(PLACE, arm), sighted().cells).any()


def test_somebody_before_a_wall_that_is_taken_for_cloth_stays_and_the_wall_goes():
    """What is parsed of both hangs together, and the person is a small part of it."""
    wall, few = cells_of((slice(0, 12), slice(0, 20))), cells_of((slice(8, 12), slice(2, 5)))
    nobody = unseen(wall, few)
    assert not nobody[6:, :7].any() and nobody[:, 8:].all() and nobody[:5].all()
    alone = cells_of((slice(4, 5), slice(9, 10)))
    assert unseen(wall, alone).all(), "a single cell is no sighting"


TORSO = slice(2, 12), slice(5, 15)


def background_of(place, level: float = 0.1) -> np.ndarray:
    return np.where(cells_of(place), np.float32(level), np.float32(0.95))


def test_a_body_close_by_without_a_head_is_presumed_until_somebody_was_seen_well():
    fresh, known = Sightings(), sighted()
    known.presume(background_of(PLACE))
    known.follow(NOTHING, picture_of(somebody=120), STILL, CELLS)
    fresh.follow(NOTHING, picture_of(somebody=120), None, CELLS)
    for sightings in (fresh, known):
        sightings.presume(background_of(TORSO))
    assert np.array_equal(fresh.cells, cells_of(TORSO))
    assert not known.cells.any(), "who was there has left, and this is a chair"


@pytest.mark.parametrize("place", [(slice(6, 12), slice(0, 20)), (slice(0, 12), slice(0, 20)), (slice(0, 10), TORSO[1]),
                                   (slice(8, 12), slice(5, 15))], ids=["ground", "all", "hanging", "small"])
def test_a_wall_the_ground_and_small_things_are_no_body_close_by(place):
    assert not close_by(background_of(place)).any()
    assert not close_by(background_of(TORSO, 0.3)).any(), "nor what is parsed half-heartedly"

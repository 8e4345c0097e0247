# SPDX-License-Identifier: Apache-2.0
"""A person whom the segmenter loses for a moment is held, and only then."""
from __future__ import annotations

import cv2
import numpy as np
import pytest
from tiny_stream import person_masks

from mirage_lsd.worker.tracking.person_follow import PersonFollower
from mirage_lsd.worker.tracking.person_memory import PersonMemory

HEIGHT_PX, WIDTH_PX, CELL_PX = 96, 160, 8
CELLS = HEIGHT_PX // CELL_PX, WIDTH_PX // CELL_PX
ROWS, COLUMNS = slice(16, 80), slice(48, 104)
STILL = np.zeros((3, *CELLS), np.float32)
UNPARSED = np.ones(CELLS, np.float32)


def mask_of(rows: slice = ROWS, columns: slice = COLUMNS) -> np.ndarray:
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)
    mask[rows, columns] = 1.0
    return mask


def picture_of(columns: slice = COLUMNS, person: int = 60) -> np.ndarray:
    picture = np.full((HEIGHT_PX, WIDTH_PX, 3), 180, np.uint8)
    picture[ROWS, columns] = person
    return picture


def told(mask: np.ndarray, background: np.ndarray = UNPARSED, picture: np.ndarray | None = None) -> PersonMemory:
    """A memory that has seen one frame."""
    memory, picture = PersonMemory(), picture_of() if picture is None else picture
    memory.observe(memory(mask, picture, None), background)
    return memory


HEAD = slice(16, 48)
HEADLESS = mask_of(rows=slice(48, 80))


def test_a_head_that_is_lost_is_held_while_the_picture_is_the_same():
    held = told(mask_of())(HEADLESS, picture_of(), STILL)
    assert held[24:40, 60:92].min() > 0.8
    assert held[ROWS, COLUMNS].mean() > 0.85, "all of the person"
    assert held[:, :32].max() == 0.0


def test_what_is_held_fades_unless_it_is_parsed_as_a_person():
    memory, parsed = told(mask_of()), told(mask_of())
    background = UNPARSED.copy()
    background[2:6, 6:13] = 0.1
    for _ in range(40):
        held, kept = memory(HEADLESS, picture_of(), STILL), parsed(HEADLESS, picture_of(), STILL)
        memory.observe(held, UNPARSED)
        parsed.observe(kept, background)
    assert held[HEAD, COLUMNS].mean() < 0.1
    assert kept[24:40, 60:92].min() > 0.8


def test_a_picture_that_has_changed_shows_nobody():
    held = told(mask_of())(HEADLESS, picture_of(person=180), STILL)
    assert held[HEAD, COLUMNS].mean() < 0.03, "but for its outline"


def test_nothing_is_held_where_something_was_hidden_nor_after_a_cut():
    hidden = STILL.copy()
    hidden[2] = 1.0
    memory = told(mask_of())
    assert np.array_equal(memory(HEADLESS, picture_of(), hidden), HEADLESS)
    memory.observe(mask_of(), UNPARSED)
    assert np.array_equal(memory(HEADLESS, picture_of(), None), HEADLESS)
    memory.observe(mask_of(), UNPARSED)
    memory.reset()
    assert np.array_equal(memory(HEADLESS, picture_of(), STILL), HEADLESS)


@pytest.mark.parametrize("step_px", [-16, 16])
def test_a_held_head_moves_along(step_px):
    columns = slice(COLUMNS.start + step_px, COLUMNS.stop + step_px)
    motion = STILL.copy()
    motion[0] = -step_px / CELL_PX
    held = told(mask_of())(mask_of(slice(48, 80), columns), picture_of(columns), motion)
    assert held[24:40, columns].mean() > 0.8
    outside = held[24:40].sum() - held[24:40, columns].sum()
    assert outside < 0.02 * held[24:40].sum()


def test_outlines_that_tremble_do_not_grow():
    memory, areas = told(mask_of()), []
    for t in range(20):
        aside = t % 2
        mask = mask_of(columns=slice(COLUMNS.start + aside, COLUMNS.stop + aside))
        held = memory(mask, picture_of(), STILL)
        memory.observe(held, UNPARSED)
        areas.append(held.sum() / mask.sum())
    assert max(areas) < 1.02


def test_somebody_who_is_seen_anew_is_there_at_once():
    assert np.array_equal(told(np.zeros_like(mask_of()))(mask_of(), picture_of(), STILL), mask_of())


def test_a_stream_holds_what_its_segmenter_loses_but_not_over_a_cut(monkeypatch):
    """Through the real stages, with a segmenter that loses the upper half of every picture but the first."""
    astronaut = pytest.importorskip("skimage.data").astronaut()
    source = cv2.cvtColor(cv2.resize(astronaut, (320, 192), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGRA)
    cut = np.ascontiguousarray(255 - source[:, ::-1])
    cut[..., 3] = 255
    seen = []

    def half_blind(self: PersonFollower, picture: np.ndarray, **given) -> np.ndarray:
        mask = segment(self, picture, **given).copy()
        if seen:
            mask[:96] = 0.0
        seen.append(mask)
        return mask

    segment = PersonFollower.__call__
    monkeypatch.setattr(PersonFollower, "__call__", half_blind)
    masks = person_masks([source, source, cut])
    assert masks[0][:96].mean() > 0.1 and masks[1][:88].mean() > 0.8 * masks[0][:88].mean()
    assert np.array_equal(masks[2], seen[2])

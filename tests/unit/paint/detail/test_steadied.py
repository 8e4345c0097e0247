# SPDX-License-Identifier: Apache-2.0
"""Maps are held where the picture stands still, and only there."""

from __future__ import annotations

import numpy as np
from drawn_sight import fine_around, fine_of, noisy

from mirage_lsd.worker.paint.detail.steadied import Steadied

SHAPE = (120, 160)
PICTURE = np.full((*SHAPE, 3), 120, np.uint8)
ONES = np.ones(SHAPE, np.float32)


def flickering(count: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.random(SHAPE, np.float32) for _ in range(count)]


def test_where_the_picture_stands_still_maps_are_held():
    steadied, frames = Steadied(), flickering(80)
    made = [steadied(fine_of(noisy(PICTURE, 1.0, seed)), [frame])[0].copy() for seed, frame in enumerate(frames)]
    assert np.array_equal(made[0], frames[0])
    steps = [float(np.abs(np.diff(np.stack(films[60:]), axis=0)).mean()) for films in (made, frames)]
    assert steps[0] < 0.1 * steps[1]
    assert abs(float(made[-1].mean()) - 0.5) < 0.05


def test_where_it_changes_a_map_changes_at_once():
    steadied, other = Steadied(), PICTURE.copy()
    other[:, 80:] = 160
    for _ in range(5):
        steadied(fine_of(PICTURE), [ONES, 0 * ONES])
    first, second = steadied(fine_of(other), [0 * ONES, ONES])
    assert first[:, 84:].max() < 0.01 and second[:, 84:].min() > 0.99
    assert first[:, :76].min() > 0.9 and second[:, :76].max() < 0.1


def test_what_moves_slowly_is_not_held_for_ever():
    steadied = Steadied()
    for level in range(120, 200, 2):
        plane = steadied(fine_of(np.full_like(PICTURE, level)), [ONES * (level / 255)])[0]
    assert abs(float(plane.mean()) - 198 / 255) < 0.1


def test_another_size_another_number_of_maps_and_a_reset_begin_anew():
    steadied = Steadied()
    for change in (lambda: (PICTURE[:100], [ONES[:100]]), lambda: (PICTURE, [ONES, ONES]),
                   lambda: steadied.reset() or (PICTURE, [ONES])):
        steadied(fine_of(PICTURE), [0 * ONES])
        picture, planes = change()
        for made in steadied(fine_of(picture), planes):
            assert made.shape == planes[0].shape and made.min() == 1.0


def test_what_comes_into_the_box_was_not_there_before():
    steadied, source = Steadied(), np.dstack([PICTURE, PICTURE[..., 0]])
    shown = np.zeros(SHAPE, bool)
    shown[40:60, 60:70] = True
    narrow, wide = fine_around(source, shown), fine_around(source, np.ones(SHAPE, bool))
    x0, y0, x1, y1 = narrow.box
    assert (x1 - x0) * (y1 - y0) < ONES.size
    steadied(narrow, [0 * ONES[y0:y1, x0:x1]])
    made = steadied(wide, [ONES])[0]
    assert made[y0 + 4 : y1 - 4, x0 + 4 : x1 - 4].max() < 0.1 and made[:y0].min() == made[y1:].min() == 1.0



def test_what_trembles_is_held_and_what_is_decided_anew_is_not():
    steadied, columns = Steadied(), np.arange(SHAPE[1]) < 80
    for _ in range(5):
        steadied(fine_of(PICTURE), [0.5 * ONES], [0.2])
    made = steadied(fine_of(PICTURE), [np.where(columns, 0.55, 1.2).astype(np.float32) * ONES], [0.2])[0]
    assert abs(float(made[:, :80].mean()) - 0.5) < 0.01 and abs(float(made[:, 80:].mean()) - 1.2) < 0.01

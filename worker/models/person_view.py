# SPDX-License-Identifier: Apache-2.0
"""Which part of the picture the nets look at: the person's, where that shows more of them than the whole picture does.

Called by the view stage each frame, on the worker's loop thread. Pure. Invariant: a view holds the person with room to
spare when it is chosen, and stays until the person reaches its edge or would be seen much larger in another for as long
as two seconds, since what is remembered suffers a little from each change.
"""
from __future__ import annotations

from collections import deque

import numpy as np

from mirage_lsd.worker.models.config import BUCKETS, USUAL_SIZE, working_size_px
from mirage_lsd.worker.models.layer_box import Part

PERSON = 0.5  # of the mask
LEAST_CELLS = 3  # of the mask in a row or column, for it to belong to a person
ROOM, LEAST_ROOM = 0.12, 0.02  # around the person when a view is chosen, and where it is left; of the larger side
WORTH = 1.2  # so many times as large the nets must see the person for a part to be worth it
CLOSER = 1.3  # and for a closer view than the present one
SMALLEST = 0.4  # of the whole picture, so that nobody far away is taken for the hero of the scene
REMEMBERED_FRAMES = 48
SCALE_STEP = 0.125  # frame px a working px of the usual size; so a box has edges on whole pixels of both (layer_box.py)


class PersonView:
    """Follows the person of one stream of one size."""

    def __init__(self, size_px: tuple[int, int]):
        self.whole: Part = (0, 0, *size_px)
        self._boxes: deque[Part | None] = deque(maxlen=REMEMBERED_FRAMES)

    def __call__(self, person: np.ndarray, present: Part) -> Part:
        """person f32 [h,w] 0..1: the newest mask of the whole picture; present: the view of the frame before -> the
        view to have now."""
        box = person_box(person, self.whole[2:])
        self._boxes.append(box)
        seen = [each for each in self._boxes if each is not None]
        if not seen:
            return self.whole
        left, top, right, bottom = zip(*seen, strict=True)
        reach = min(left), min(top), max(right), max(bottom)
        best = self._best(reach)
        if present == self.whole:
            return best
        at_edge = box is not None and not _holds(present, _grown(box, LEAST_ROOM, self.whole))
        settled = len(self._boxes) == REMEMBERED_FRAMES
        closer = settled and self._scale(present) > CLOSER * self._scale(best)
        return best if at_edge or closer else present

    def _best(self, reach: Part) -> Part:
        """The view in which the nets see what lies in `reach` largest."""
        x0, y0, x1, y1 = _grown(reach, ROOM, self.whole)
        width_px, height_px = self.whole[2:]
        views = [self.whole]
        for across, down in BUCKETS[USUAL_SIZE]:
            scale = max((x1 - x0) / across, (y1 - y0) / down, SMALLEST * height_px / down, 1.0)
            scale = -(-scale // SCALE_STEP) * SCALE_STEP
            size_px = min(width_px, round(scale * across)), min(height_px, round(scale * down))
            views.append(_around(((x0 + x1) / 2, (y0 + y1) / 2), size_px, self.whole))
        best = min(views, key=lambda view: self._scale(view))
        return best if self._scale(self.whole) >= WORTH * self._scale(best) else self.whole

    def _scale(self, view: Part) -> float:
        """Frame px a working px, in the direction that is shrunk more."""
        width_px, height_px = view[2] - view[0], view[3] - view[1]
        across, down = working_size_px(width_px, height_px)
        return max(width_px / across, height_px / down)


def person_box(person: np.ndarray, size_px: tuple[int, int]) -> Part | None:
    """The box, in px of the picture, of all that a mask f32 [h,w] says is a person; None where nobody is."""
    inside = person > PERSON
    columns, rows = (np.flatnonzero(inside.sum(axis) >= LEAST_CELLS) for axis in (0, 1))
    if not columns.size or not rows.size:
        return None
    across, down = size_px[0] / person.shape[1], size_px[1] / person.shape[0]
    return (int(columns[0] * across), int(rows[0] * down), round((columns[-1] + 1) * across),
            round((rows[-1] + 1) * down))


def _grown(box: Part, share: float, whole: Part) -> Part:
    room_px = round(share * max(box[2] - box[0], box[3] - box[1]))
    return (max(whole[0], box[0] - room_px), max(whole[1], box[1] - room_px), min(whole[2], box[2] + room_px),
            min(whole[3], box[3] + room_px))


def _holds(view: Part, box: Part) -> bool:
    return view[0] <= box[0] and view[1] <= box[1] and view[2] >= box[2] and view[3] >= box[3]


def _around(centre: tuple[float, float], size_px: tuple[int, int], whole: Part) -> Part:
    """A part of this size with its middle as near to `centre` as fits into the whole."""
    x0, y0 = (int(min(max(middle - side / 2, 0), most - side))
              for middle, side, most in zip(centre, size_px, whole[2:], strict=True))
    return x0, y0, x0 + size_px[0], y0 + size_px[1]

# SPDX-License-Identifier: Apache-2.0
"""The eyes of one stream: which net looks at which frame.

Called through hosts/model_context.py on a thread of its own, one frame at a time, faces first, then hands. Those that
are known cost a landmark net each; the detectors look for others. Invariants: no frame runs both detectors; what it
returns is in pixels of the picture given; it keeps squares alone, so its memory does not grow.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mirage_lsd.worker.tracking.eyes.faces import Faces
from mirage_lsd.worker.tracking.eyes.hands import USUAL_HANDS, Hands
from mirage_lsd.worker.tracking.eyes.printed import PrintedFaces
from mirage_lsd.worker.tracking.eyes.sight import Face, Hand, Sight

FACES_EVERY, NOBODY_EVERY = 10, 4  # frames from one search to the next, where a face is known and where none is
HANDS_EVERY, MORE_HANDS_EVERY = 2, 10
_HALF, _TILE = 0.6, 0.4  # of the picture's longer side: parts that are searched for small faces

Box = tuple[int, int, int, int]


class Eyes:
    """Call it with uint8 [H, W, 4] BGRA at the source's size."""

    def __init__(self) -> None:
        self._faces, self._hands, self._prints = Faces(), Hands(), PrintedFaces()
        self._frames = self._searches = 0
        self._due = False

    def __call__(self, picture: np.ndarray) -> Sight:
        return seen(self.faces(picture), self.hands(picture))

    def faces(self, picture: np.ndarray) -> list[Face]:
        """The first half of a look."""
        self._due = self._searches_faces()
        return self._prints(self._faces(picture, self._parts_px(picture) if self._due else []), picture)

    def hands(self, picture: np.ndarray) -> list[Hand]:
        """The second half of it, which may find a hand in a face's place: see `seen`."""
        search, again = not self._due and self._searches_hands(), not self._due
        self._frames += 1
        return self._hands(picture, search, again)

    def expect(self, sight: Sight) -> None:
        """Hands that were carried are looked for in the next frame where they were carried to."""
        self._hands.expect(sight.hands)

    def reset(self) -> None:
        """Forgets everybody."""
        self._faces.reset()
        self._hands.reset()
        self._prints.reset()
        self._frames = self._searches = 0

    flush = reset

    def _searches_faces(self) -> bool:
        return self._frames % (FACES_EVERY if self._faces.following else NOBODY_EVERY) == 0

    def _searches_hands(self) -> bool:
        every = HANDS_EVERY if self._hands.following < USUAL_HANDS else MORE_HANDS_EVERY
        return self._frames % every == every - 1

    def _parts_px(self, picture: np.ndarray) -> list[Box]:
        """At first the whole picture and its halves, later the whole and one smaller part in turn: faces far away are
        too small for the detector in the whole."""
        (whole, *parts), number = _boxes(*picture.shape[1::-1]), self._searches
        self._searches += 1
        if number == 0:
            return [whole, *parts[:2]]
        return [parts[number // 2 % len(parts)] if number % 2 else whole]


def seen(faces: list[Face], hands: list[Hand]) -> Sight:
    """What both halves of a look found, without faces that were taken for hands."""
    return Sight(tuple(faces), tuple(hand for hand in hands if not any(_is_face(hand, face) for face in faces)))


@lru_cache(maxsize=8)
def _boxes(width_px: int, height_px: int) -> tuple[Box, ...]:
    """Left, top, right, bottom of the whole, of its two halves, which overlap, and of smaller squares that cover it."""
    longer_px = max(width_px, height_px)
    boxes = [(0, 0, width_px, height_px)]
    for part_px in (round(longer_px * _HALF), round(longer_px * _TILE)):
        across, down = _spread(width_px, part_px), _spread(height_px, part_px)
        boxes += [(left, top, right, bottom) for top, bottom in down for left, right in across]
    return tuple(boxes)


def _spread(length_px: int, part_px: int) -> list[tuple[int, int]]:
    """Begin and end of parts of a length, evenly spread, that cover it and overlap by a quarter at least."""
    if part_px >= length_px:
        return [(0, length_px)]
    count = int(np.ceil((length_px - part_px) / (0.75 * part_px))) + 1
    return [(round(begin), round(begin) + part_px) for begin in np.linspace(0, length_px - part_px, count)]


def _is_face(hand: Hand, face: Face) -> bool:
    """Whether what was taken for a hand is the face itself: of its place and its size."""
    boxes = [np.stack([points.min(0), points.max(0)]) for points in (hand.points_px, face.points_px)]
    low, high = np.maximum(boxes[0][0], boxes[1][0]), np.minimum(boxes[0][1], boxes[1][1])
    shared = np.prod(np.maximum(high - low, 0))
    areas = [np.prod(box[1] - box[0]) for box in boxes]
    return bool(shared > 0.6 * (sum(areas) - shared))

# SPDX-License-Identifier: Apache-2.0
"""The eyes of one stream: which net looks at which frame.

Called through hosts/model_context.py on a thread of its own, one frame at a time. Faces and hands that are known cost a
landmark net each; the detectors look for others. Invariants: no frame runs both detectors; what it returns is in pixels
of the picture given; it keeps squares alone, so its memory does not grow.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.tracking.eyes.faces import Faces
from mirage_lsd.worker.tracking.eyes.hands import Hands
from mirage_lsd.worker.tracking.eyes.sight import Face, Hand, Sight

FACES_EVERY, NOBODY_EVERY, HANDS_EVERY = 10, 4, 2  # frames from one search to the next
USUAL_HANDS = 2  # with so many known, no more are searched for
_PART = 0.6  # of the picture's longer side: a part that is searched for small faces

Box = tuple[int, int, int, int]


class Eyes:
    """Call it with uint8 [H, W, 4] BGRA at the source's size."""

    def __init__(self) -> None:
        self._faces, self._hands = Faces(), Hands()
        self._frames = self._searches = 0

    def __call__(self, picture: np.ndarray) -> Sight:
        parts = self._parts_px(picture) if self._searches_faces() else []
        faces = self._faces(picture, parts)
        search = not parts and self._hands.following < USUAL_HANDS and (
            self._frames % HANDS_EVERY == 1 or not self._hands.following)
        hands = self._hands(picture, search)
        self._frames += 1
        return Sight(tuple(faces), tuple(hand for hand in hands if not any(_is_face(hand, face) for face in faces)))

    def expect(self, sight: Sight) -> None:
        """Hands that were carried are looked for in the next frame where they were carried to."""
        self._hands.expect(sight.hands)

    def reset(self) -> None:
        """Forgets everybody."""
        self._faces.reset()
        self._hands.reset()
        self._frames = self._searches = 0

    flush = reset

    def _searches_faces(self) -> bool:
        return self._frames % (FACES_EVERY if self._faces.following else NOBODY_EVERY) == 0

    def _parts_px(self, picture: np.ndarray) -> list[Box]:
        """The whole picture, at first with both its parts, later one after the other: faces far away are too small for
        the detector in the whole."""
        boxes = _boxes(*picture.shape[1::-1])
        number, self._searches = self._searches, self._searches + 1
        return boxes if number == 0 else [boxes[number % len(boxes)]]


def _boxes(width_px: int, height_px: int) -> list[Box]:
    """Left, top, right, bottom of the whole and of two parts that overlap in the middle."""
    whole = (0, 0, width_px, height_px)
    if width_px >= height_px:
        part_px = round(width_px * _PART)
        return [whole, (0, 0, part_px, height_px), (width_px - part_px, 0, width_px, height_px)]
    part_px = round(height_px * _PART)
    return [whole, (0, 0, width_px, part_px), (0, height_px - part_px, width_px, height_px)]


def _is_face(hand: Hand, face: Face) -> bool:
    """Whether what was taken for a hand is the face itself: of its place and its size."""
    boxes = [np.stack([points.min(0), points.max(0)]) for points in (hand.points_px, face.points_px)]
    low, high = np.maximum(boxes[0][0], boxes[1][0]), np.minimum(boxes[0][1], boxes[1][1])
    shared = np.prod(np.maximum(high - low, 0))
    areas = [np.prod(box[1] - box[0]) for box in boxes]
    return bool(shared > 0.6 * (sum(areas) - shared))

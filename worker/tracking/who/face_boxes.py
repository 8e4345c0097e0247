# SPDX-License-Identifier: Apache-2.0
"""Faces as boxes, and what a face says of the body below it. Called by Bodies, each frame. Pure OpenCV.

Invariant: a face that is nobody's (a poster behind them, a print on their chest) is in no list.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mirage_lsd.worker.tracking.person_memory import FINER

ON_PERSON = 0.4  # share of a face's box that the person mask must hold
# In face widths and heights: the column below a face that is surely its body, what a nearer one's shoulders cover.
COLUMN_WIDE, COLUMN_DEEP = 1.4, 2.5
SHOULDERS_FROM, SHOULDERS_WIDE = 0.35, 3.2
# A face so much smaller, below another and no further aside or down, is printed on their clothes.
PRINT_SMALLER, PRINT_ASIDE, PRINT_DOWN = 0.5, 1.2, 3.5


@dataclass(frozen=True, eq=False)
class FaceBox:
    """Pixels of the bodies' picture, x and y from its upper left. unseen_frames: since when the face is turned away."""

    left: float
    top: float
    right: float
    bottom: float
    unseen_frames: int = 0

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def cut(self, plane: np.ndarray) -> np.ndarray:
        """The part of a plane [h,w] inside the box, at least a pixel of it."""
        left, top = (min(max(0, int(low)), total - 1) for low, total in
                     ((self.left, plane.shape[1]), (self.top, plane.shape[0])))
        return plane[top : max(top + 1, round(self.bottom)), left : max(left + 1, round(self.right))]

    def moved(self, motion: np.ndarray) -> FaceBox:
        """Where it is a frame later, unseen; motion f32 [3,rows,columns]: see PersonMemory."""
        x, y = (round(at / FINER) for at in self.middle)
        rows, columns = motion.shape[1:]
        right, down = -FINER * motion[:2, min(max(0, y), rows - 1), min(max(0, x), columns - 1)]
        return FaceBox(self.left + right, self.top + down, self.right + right, self.bottom + down,
                       self.unseen_frames + 1)

    def wider(self) -> FaceBox:
        """With as much again around it."""
        aside, away = self.width / 2, self.height / 2
        return FaceBox(self.left - aside, self.top - away, self.right + aside, self.bottom + away)

    def oval(self, shape: tuple[int, int]) -> np.ndarray:
        """bool [h,w]: the face itself."""
        drawn = np.zeros(shape, np.uint8)
        centre, axes = (round(at) for at in self.middle), (round(self.width / 2), round(self.height / 2))
        return cv2.ellipse(drawn, tuple(centre), axes, 0, 0, 360, 1, cv2.FILLED) > 0

    def column(self, shape: tuple[int, int]) -> np.ndarray:
        """bool [h,w]: the middle of the face and of the chest below it."""
        return self._below(shape, self.middle[1], self.bottom + COLUMN_DEEP * self.height, COLUMN_WIDE)

    def shoulders(self, shape: tuple[int, int]) -> np.ndarray:
        """bool [h,w]: where this body covers whom it stands before."""
        return self._below(shape, self.bottom + SHOULDERS_FROM * self.height, shape[0], SHOULDERS_WIDE)

    def _below(self, shape: tuple[int, int], top: float, bottom: float, wide: float) -> np.ndarray:
        drawn, half = np.zeros(shape, bool), wide * self.width / 2
        left, right = (max(0, round(self.middle[0] + side)) for side in (-half, half))
        drawn[max(0, round(top)) : max(0, round(bottom)), left:right] = True
        return drawn

    def is_printed_on(self, other: FaceBox) -> bool:
        """Whether this face is but a picture on somebody's clothes."""
        aside, down = (here - there for here, there in zip(self.middle, other.middle, strict=True))
        return (self.height < PRINT_SMALLER * other.height and abs(aside) < PRINT_ASIDE * other.width
                and 0.5 * other.height < down < PRINT_DOWN * other.height)


def face_boxes(faces: Sequence[np.ndarray], there: np.ndarray) -> list[FaceBox]:
    """faces: points f32 [n,2] (x, y) each, shares of the picture; there bool [h,w]: where somebody is -> those faces
    that are somebody's, in pixels of `there`."""
    size_px = np.float32(there.shape[::-1])
    boxes = [FaceBox(*map(float, (*points.min(0) * size_px, *points.max(0) * size_px))) for points in faces]
    real = [box for box in boxes if box.cut(there).mean() > ON_PERSON]
    return [box for box in real if not any(box.is_printed_on(other) for other in real)]

# SPDX-License-Identifier: Apache-2.0
"""What was read from a square of the picture, as long as the picture there stays the same: a net need not look again.

Owned by Faces and Hands, one thread. Invariants: it is compared with the picture that was read, not with the last one,
so that slow movements add up; nothing is answered from memory for more than `most` pictures; it holds a few small cuts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import cv2
import numpy as np

from mirage_lsd.worker.tracking.eyes.square import Square

Answer = TypeVar("Answer")
_SIDE_PX, _AROUND_PX = 48, (5, 5)
_NEAR, _TURNED, _LARGER = 0.04, 0.05, 0.05  # of a side, in radians, of a side: how far a square is still the same


@dataclass
class _Read(Generic[Answer]):
    square: Square
    small: np.ndarray
    answer: Answer
    repeated: int = 0


class Unchanged(Generic[Answer]):
    """limit: of 255, by how much a place may have become darker or lighter. most: see the module."""

    def __init__(self, limit: float, most: int) -> None:
        self._limit, self._most = limit, most
        self._now: list[_Read] = []
        self._before: list[_Read] = []

    def begin(self) -> None:
        """Another picture: what was not asked for in the last one is forgotten."""
        self._before, self._now = self._now, []

    def recall(self, picture: np.ndarray, square: Square) -> Answer | None:
        """What was read here, None where it has to be read anew. picture: uint8 [H, W, 3 or 4]."""
        for read in self._before:
            if read.repeated < self._most and _alike(read.square, square):
                change = cv2.blur(cv2.subtract(_small(picture, read.square), read.small, dtype=cv2.CV_16S), _AROUND_PX)
                if max(abs(part) for part in cv2.minMaxLoc(change.reshape(len(change), -1))[:2]) > self._limit:
                    return None
                read.repeated += 1
                self._now.append(read)
                return read.answer
        return None

    def keep(self, picture: np.ndarray, square: Square, answer: Answer) -> Answer:
        """Remembers what was read from the square."""
        self._now.append(_Read(square, _small(picture, square), answer))
        return answer

    def reset(self) -> None:
        """Forgets everything."""
        self._now, self._before = [], []


def _small(picture: np.ndarray, square: Square) -> np.ndarray:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, square.to_picture(_SIDE_PX), (_SIDE_PX, _SIDE_PX), flags=flags)


def _alike(one: Square, other: Square) -> bool:
    turned = abs((one.angle - other.angle + np.pi) % (2 * np.pi) - np.pi)
    return one.near(other, _NEAR) and turned < _TURNED and abs(one.side_px / other.side_px - 1.0) < _LARGER

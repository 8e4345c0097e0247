# SPDX-License-Identifier: Apache-2.0
"""Maps held where the picture stands still, so that what is decided anew in each frame does not flicker.

Owned by the refine stage, one a stream, on the worker's loop thread. Invariants: where the source changes, a map
changes at once; memory is one frame's maps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np

from mirage_lsd.worker.paint.detail.fine import FinePicture
from mirage_lsd.worker.processes.side_by_side import in_parallel

STILL = 5.0  # of 255: change of brightness up to which a pixel shows the same as in the last frame
KEPT = 0.93  # how much of the last frame's maps such a pixel keeps
AROUND_PX = (5, 5)


class Steadied:
    """Not thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Another scene, or another look."""
        self._grey: np.ndarray | None = None
        self._planes: list[np.ndarray] = []

    def __call__(
        self, picture: FinePicture, planes: list[np.ndarray], alike: Sequence[float] | None = None
    ) -> list[np.ndarray]:
        """planes f32 [h,w] of the picture's box, as many in each call; alike: differences of each plane's values up to
        which it trembles, beyond them it is decided anew (default: none is) -> the same, steadied;
        good until the next call."""
        x0, y0, x1, y1 = picture.box
        box = slice(y0, y1), slice(x0, x1)
        shape = picture.size_px[::-1]
        grey = picture.grey * np.float32(255.0)
        if self._grey is None or self._grey.shape != shape or len(self._planes) != len(planes):
            self._grey = np.full(shape, -1e3, np.float32)
            self._planes = [np.zeros(shape, np.float32) for _ in planes]
        change = cv2.blur(np.abs(grey - self._grey[box]), AROUND_PX)
        change *= np.float32(1.0 / STILL)
        same = cv2.exp(-np.square(change)) * np.float32(KEPT)
        before = self._grey
        self._grey = np.full(shape, -1e3, np.float32)
        self._grey[box] = grey + same * (before[box] - grey)
        return in_parallel([
            partial(_held, whole[box], plane, same, within)
            for whole, plane, within in zip(self._planes, planes, alike or [math.inf] * len(planes), strict=True)
        ])  # fmt: skip


def _held(before: np.ndarray, plane: np.ndarray, same: np.ndarray, within: float) -> np.ndarray:
    """A plane mixed with what it was before, which is changed in place, where the picture is the same and the plane's
    values are much the same, too."""
    before -= plane
    unlike = cv2.multiply(before, before, scale=-1.0 / within**2)
    before *= cv2.exp(unlike, dst=unlike)
    before *= same
    before += plane
    return before

# SPDX-License-Identifier: Apache-2.0
"""The fine picture: the source at a size at which its edges can be looked at within a few milliseconds.

Made by the refine stage for each frame, around whoever is painted. Invariant: a small source is its own fine picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import cv2
import numpy as np

from mirage_lsd.worker.paint.layer_box import Part
from mirage_lsd.worker.tracking.reduced import reduced

LONGEST_PX = 640
STEP_PX = 8  # boxes end on multiples of it
AROUND_PX = 24
SMOOTH_PX = 1.0  # a webcam's noise is taken off before colours are compared



@dataclass(frozen=True)
class FinePicture:
    """A box of the fine picture. size_px: (width, height) of the whole; box: in it. bgr u8 [h,w,3]; grey f32 [h,w]
    0..1; lab u8 [h,w,3] in OpenCV's scaling, smoothed; scale: fine pixels a source pixel."""

    size_px: tuple[int, int]
    box: Part
    bgr: np.ndarray
    grey: np.ndarray
    lab: np.ndarray
    scale: float

    def cut(self, plane: np.ndarray) -> np.ndarray:
        """A plane f32 [h,w] of any size that shows the whole picture -> f32 [h,w] of the box."""
        return scaled_box(plane, self.size_px, self.box)

    def points(self, points_px: np.ndarray) -> np.ndarray:
        """Points f32 [n,2] of the source in pixels of the box."""
        return points_px * np.float32(self.scale) - np.float32(self.box[:2])


def fine_size_px(width_px: int, height_px: int) -> tuple[int, int]:
    """The size of the fine picture: a whole fraction of the source."""
    parts = -(-max(width_px, height_px) // LONGEST_PX)
    return max(1, round(width_px / parts)), max(1, round(height_px / parts))


def fine_picture(source: np.ndarray, box: Part) -> FinePicture:
    """source u8 [H,W,4] BGRA; box: see `box_around`."""
    size_px = fine_size_px(source.shape[1], source.shape[0])
    x0, y0, x1, y1 = box
    parts = source.shape[1] / size_px[0], source.shape[0] / size_px[1]
    columns, rows = (slice(round(a * part), round(b * part)) for a, b, part in ((x0, x1, parts[0]), (y0, y1, parts[1])))
    part = source[rows, columns]
    small = part if part.shape[:2] == (y1 - y0, x1 - x0) else reduced(part, (x1 - x0, y1 - y0))
    bgr = cv2.cvtColor(small, cv2.COLOR_BGRA2BGR)
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(np.float32) * np.float32(1 / 255)
    lab = cv2.cvtColor(cv2.GaussianBlur(bgr, (5, 5), SMOOTH_PX), cv2.COLOR_BGR2LAB)
    return FinePicture(size_px, box, bgr, grey, lab, 1.0 / parts[0])


def box_around(shown: np.ndarray, size_px: tuple[int, int]) -> Part | None:
    """The box around what is shown, bool [h,w] of any size, in a picture of size_px, with some room; None where nothing
    is."""
    spans = []
    for axis, full_px in ((0, size_px[0]), (1, size_px[1])):
        places = np.flatnonzero(shown.any(axis))
        if not places.size:
            return None
        ratio = full_px / shown.shape[1 - axis]
        first = max(0, int(places[0] * ratio) - AROUND_PX) // STEP_PX * STEP_PX
        last = min(full_px, -(-(int((places[-1] + 1) * ratio) + AROUND_PX) // STEP_PX) * STEP_PX)
        spans.append((first, last))
    (x0, x1), (y0, y1) = spans
    return x0, y0, x1, y1


def seen_from(box: Part, size_px: tuple[int, int], shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of a plane [h,w] of the whole picture that a box of it, scaled to size_px, is cut from."""
    ends = []
    for first, end, near_px, full_px in zip(box[:2], box[2:], shape[::-1], size_px, strict=True):
        low = max(0, first * near_px // full_px - 2) // STEP_PX * STEP_PX
        high = min(near_px, -(-(-(-end * near_px // full_px) + 2) // STEP_PX) * STEP_PX)
        ends.append(slice(low, high))
    return ends[1], ends[0]


def scaled_box(plane: np.ndarray, size_px: tuple[int, int], box: Part) -> np.ndarray:
    """A plane [h,w(,c)] of the whole picture, scaled to size_px, inside a box, as cv2.resize would have it: only what
    lies around the box is scaled."""
    x0, y0, x1, y1 = box
    near_x0, near_x1, left, right = _around(x0, x1, plane.shape[1], size_px[0])
    near_y0, near_y1, top, bottom = _around(y0, y1, plane.shape[0], size_px[1])
    near = plane[near_y0:near_y1, near_x0:near_x1]
    scaled = cv2.resize(near, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    return scaled[y0 - top : y1 - top, x0 - left : x1 - left]


@lru_cache(maxsize=256)
def _around(first: int, end: int, near_px: int, full_px: int) -> tuple[int, int, int, int]:
    """The smallest span of a small picture that shows first..end of the full one and a pixel beside, and that begins
    and ends on whole pixels of both, as (first, end) in the small one and (first, end) in the full one."""
    step = near_px // gcd(near_px, full_px)
    low = max(0, first * near_px // full_px - 1) // step * step
    high = min(near_px, -(-(-(-end * near_px // full_px) + 1) // step) * step)
    return low, high, low * full_px // near_px, high * full_px // near_px

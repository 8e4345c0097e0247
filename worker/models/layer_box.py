# SPDX-License-Identifier: Apache-2.0
"""Boxes of a picture in which an edit layer has work to do, known in the maps' pixels and in the frame's.

Called by apply_layer.py. Pure. Invariant: a box's edges lie on whole pixels of both, so that scaling a part of the
maps up gives just what scaling them whole and cutting would.
"""
from __future__ import annotations

from dataclasses import dataclass
from math import gcd, lcm

import numpy as np

SURFACE_STEP_PX = 8  # working px a cell of the surface
MARGIN_PX = 8  # of the maps around a box: scaling up reads half a surface cell past what is shown


@dataclass(frozen=True)
class Box:
    """A part of the picture: columns x0..x1 and rows y0..y1 of the maps (`near`) and of the frame (`full`)."""

    near: tuple[int, int, int, int]
    full: tuple[int, int, int, int]

    @property
    def size_px(self) -> tuple[int, int]:
        return self.full[2] - self.full[0], self.full[3] - self.full[1]

    def meet(self, other: Box) -> Box | None:
        """What both boxes cover; None where that is nothing."""
        (x0, y0, x1, y1), (left, top, right, bottom) = (
            (*map(max, one[:2], two[:2]), *map(min, one[2:], two[2:]))
            for one, two in ((self.near, other.near), (self.full, other.full)))
        return Box((x0, y0, x1, y1), (left, top, right, bottom)) if x0 < x1 and y0 < y1 else None

    def within(self, outer: Box) -> tuple[int, int, int, int]:
        """Where this box lies in an outer one, in px of the picture."""
        left, top = outer.full[:2]
        return self.full[0] - left, self.full[1] - top, self.full[2] - left, self.full[3] - top


def cut(picture: np.ndarray, part: tuple[int, int, int, int]) -> np.ndarray:
    """A view of columns part[0]..part[2], rows part[1]..part[3]."""
    return picture[part[1] : part[3], part[0] : part[2]]


def fit_box(shown: np.ndarray, size_px: tuple[int, int]) -> Box | None:
    """The smallest box around all that is shown whose edges lie on whole pixels both in the maps (bool [h,w]) and in
    a picture of size_px; None where nothing is."""
    columns, rows = (np.flatnonzero(shown.any(axis)) for axis in (0, 1))
    if not columns.size:
        return None
    x0, x1, left, right = _span(columns, shown.shape[1], size_px[0])
    y0, y1, top, bottom = _span(rows, shown.shape[0], size_px[1])
    return Box((x0, y0, x1, y1), (left, top, right, bottom))


def _span(places: np.ndarray, near_px: int, full_px: int) -> tuple[int, int, int, int]:
    """(first, end) in the maps and (first, end) in the picture."""
    step = lcm(SURFACE_STEP_PX, near_px // gcd(near_px, full_px))
    first = max(0, int(places[0]) - MARGIN_PX) // step * step
    end = min(near_px, -(-(int(places[-1]) + 1 + MARGIN_PX) // step) * step)
    return first, end, first * full_px // near_px, end * full_px // near_px

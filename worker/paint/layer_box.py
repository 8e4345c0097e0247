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


Part = tuple[int, int, int, int]  # columns x0..x1 and rows y0..y1, as (x0, y0, x1, y1)


@dataclass(frozen=True)
class Box:
    """A part of the picture. near: in the maps; full: in the frame; span: what `near` is scaled up to, in the frame:
    `full`, or more where the box is a band, so that its cut edges are made from what lies on both sides."""

    near: Part
    full: Part
    span: Part

    @property
    def size_px(self) -> tuple[int, int]:
        return self.full[2] - self.full[0], self.full[3] - self.full[1]

    @property
    def span_px(self) -> tuple[int, int]:
        return self.span[2] - self.span[0], self.span[3] - self.span[1]

    @property
    def kept(self) -> Part:
        """Where `full` lies in `span`."""
        return _within(self.full, self.span)

    def meet(self, other: Box) -> Box | None:
        """What both boxes cover; None where that is nothing."""
        near, full, span = (
            (*map(max, one[:2], two[:2]), *map(min, one[2:], two[2:]))
            for one, two in ((self.near, other.near), (self.full, other.full), (self.span, other.span)))
        return Box(near, full, span) if full[0] < full[2] and full[1] < full[3] else None

    def within(self, outer: Box) -> Part:
        """Where this box lies in an outer one, in px of the picture."""
        return _within(self.full, outer.full)

    def bands(self, shape: tuple[int, int], size_px: tuple[int, int], count: int) -> list[Box]:
        """This box as up to `count` bands, one below the other; shape: (rows, columns) of the maps."""
        step, scale = _step(shape[0], size_px[1]), size_px[1] / shape[0]
        x0, top, x1, bottom = self.near
        steps = (bottom - top) // step
        edges = sorted({top + step * (steps * index // count) for index in range(count)} | {bottom})
        made = []
        for first, end in zip(edges, edges[1:], strict=False):
            near_rows = max(top, first - step), min(bottom, end + step)
            rows, span_rows = ([round(row * scale) for row in pair] for pair in ((first, end), near_rows))
            left, _, right, _ = self.full
            made.append(Box((x0, near_rows[0], x1, near_rows[1]), (left, rows[0], right, rows[1]),
                            (left, span_rows[0], right, span_rows[1])))
        return made


    def narrowed(self, shown: np.ndarray, size_px: tuple[int, int]) -> Box | None:
        """This band without the columns that lie beside all that is shown in it, bool [h,w] of the whole maps, in a
        picture of size_px; None where nothing is."""
        x0, y0, x1, y1 = self.near
        columns = np.flatnonzero(shown[y0:y1, x0:x1].any(0))
        if not columns.size:
            return None
        first, end, left, right = _span(columns + x0, shown.shape[1], size_px[0])
        first, left, end, right = max(first, x0), max(left, self.full[0]), min(end, x1), min(right, self.full[2])
        full, span = ((left, part[1], right, part[3]) for part in (self.full, self.span))
        return Box((first, y0, end, y1), full, span)


def _within(part: Part, outer: Part) -> Part:
    left, top = outer[:2]
    return part[0] - left, part[1] - top, part[2] - left, part[3] - top


def cut(picture: np.ndarray, part: Part) -> np.ndarray:
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
    full = left, top, right, bottom
    return Box((x0, y0, x1, y1), full, full)


def _span(places: np.ndarray, near_px: int, full_px: int) -> tuple[int, int, int, int]:
    """(first, end) in the maps and (first, end) in the picture."""
    step = _step(near_px, full_px)
    first = max(0, int(places[0]) - MARGIN_PX) // step * step
    end = min(near_px, -(-(int(places[-1]) + 1 + MARGIN_PX) // step) * step)
    return first, end, first * full_px // near_px, end * full_px // near_px


def _step(near_px: int, full_px: int) -> int:
    """How far apart box edges may lie in the maps."""
    return lcm(SURFACE_STEP_PX, near_px // gcd(near_px, full_px))

# SPDX-License-Identifier: Apache-2.0
"""Garments with a front that opens: shirt, jacket, leather jacket, suit.

Called once a garment, by sheets.py. Pure. Invariant: the left front lies over the right one (x > 0 is the left).
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.paint.garments.canvas import Canvas, Color, Point, arc, curve, filled, mirrored, resampled

WHITE, METAL = (0.90, 0.90, 0.91), (0.80, 0.80, 0.83)
CHEST = [  # where drawings say how a front opens
    (-0.100, 0.60), (0.100, 0.60), (0.130, 0.53), (0.155, 0.49), (0.130, 0.42), (0.125, -0.13), (-0.125, -0.13),
    (-0.130, 0.42), (-0.155, 0.49), (-0.130, 0.53),
]  # fmt: skip

SUIT_LAPEL = [
    (0.060, 0.49), (0.046, 0.40), (0.022, 0.30), (-0.004, 0.222), (0.050, 0.30), (0.100, 0.408), (0.078, 0.420),
]  # fmt: skip
SUIT_COLLAR = [(0.056, 0.53), (0.050, 0.452), (0.074, 0.424), (0.104, 0.440), (0.112, 0.50), (0.085, 0.58)]

BIKER_FRONT = [(-0.03, 0.36), (0.062, 0.36), (0.040, 0.17), (0.028, -0.13), (-0.10, -0.13), (-0.10, 0.30)]
BIKER_LAPEL = [(0.046, 0.525), (0.018, 0.44), (0.006, 0.33), (0.088, 0.385), (0.104, 0.448), (0.080, 0.458)]
BIKER_COLLAR = [(0.045, 0.535), (0.074, 0.462), (0.118, 0.470), (0.128, 0.53), (0.085, 0.60)]


def shirt(canvas: Canvas) -> None:
    """A collar with two points, a placket with buttons, a breast pocket, a yoke."""
    _armholes(canvas, 24.0)
    for side in (1, -1):
        canvas.seam(curve((side * 0.06, 0.47), (side * 0.11, 0.455), (side * 0.17, 0.462)), 26.0)
    pocket = [(0.05, 0.395), (0.112, 0.395), (0.112, 0.325), (0.081, 0.312), (0.05, 0.325)]
    canvas.panel(pocket, 0.8, 45.0)
    canvas.stitches([(0.052, 0.382), (0.110, 0.382)], 26.0)
    canvas.panel([(-0.018, 0.50), (0.018, 0.50), (0.018, -0.15), (-0.018, -0.15)], 0.6, 45.0)
    canvas.seam([(0.018, 0.49), (0.018, -0.15)], 40.0)
    canvas.seam([(-0.018, 0.49), (-0.018, -0.15)], 26.0)
    pearl = (0.97, 0.96, 0.93) if not canvas.light else (0.66, 0.64, 0.60)
    for number in range(8):
        canvas.button((0.0, 0.435 - 0.072 * number), pearl, 0.0062)
    _collar(canvas, 0.492, (0.052, 0.428), (0.098, 0.50))
    canvas.button((0.0, 0.482), pearl, 0.0058)


def jacket(canvas: Canvas) -> None:
    """A stand-up collar, a zip on both edges of the open front, chest seams, slanted pockets with zips."""
    _armholes(canvas, 28.0)
    _open_front(canvas, 0.030, 0.048, 0.075)
    for side in (1, -1):
        canvas.seam([(side * 0.05, 0.40), (side * 0.16, 0.382)], 36.0)
        canvas.stitches([(side * 0.05, 0.393), (side * 0.16, 0.375)], 20.0)
        _slanted_pocket(canvas, side, METAL)
        edge = [(side * 0.032, 0.49), (side * 0.036, 0.35), (side * 0.050, 0.06), (side * 0.056, -0.15)]
        _zip(canvas, edge, METAL)
        _panel(canvas, side, [(0.030, 0.485), (0.052, 0.452), (0.108, 0.488), (0.122, 0.56), (0.060, 0.60)], 1.6)


def leather_jacket(canvas: Canvas) -> None:
    """Worn closed: broad lapels with snaps, a metal zip that runs aslant, epaulettes, zips on the pockets."""
    _armholes(canvas, 40.0)
    neck = [(-0.05, 0.62), (-0.034, 0.50), (0.0, 0.445), (0.034, 0.50), (0.05, 0.62)]
    canvas.opening(neck, CHEST, WHITE)
    for side in (1, -1):
        _panel(canvas, side, [(0.095, 0.505), (0.165, 0.492), (0.165, 0.466), (0.095, 0.476)], 1.0, 60.0)
        canvas.button((side * 0.103, 0.489), METAL, 0.0045)
        canvas.seam(curve((side * 0.105, 0.335), (side * 0.10, 0.2), (side * 0.112, 0.02)), 34.0)
        canvas.seam(curve((side * 0.16, 0.37), (side * 0.12, 0.335), (side * 0.105, 0.335)), 38.0)
        _slanted_pocket(canvas, side, METAL)
    canvas.panel(BIKER_FRONT, 1.2, 60.0)
    _zip(canvas, BIKER_FRONT[1:4], METAL)
    _zip(canvas, [(-0.060, 0.265), (-0.105, 0.290)], METAL)
    for side in (-1, 1):
        _panel(canvas, side, BIKER_LAPEL, 1.8)
        _panel(canvas, side, BIKER_COLLAR, 1.6)
        canvas.button((side * 0.083, 0.408), METAL, 0.0045)
        canvas.button((side * 0.108, 0.482), METAL, 0.0045)


def suit(canvas: Canvas) -> None:
    """Lapels with notches over a white shirt and a tie, buttons, pockets and a pocket square."""
    _armholes(canvas, 22.0)
    for side in (1, -1):
        canvas.seam(curve((side * 0.125, 0.33), (side * 0.098, 0.2), (side * 0.108, 0.03)), 22.0)
        _panel(canvas, side, [(0.05, 0.095), (0.128, 0.105), (0.126, 0.077), (0.05, 0.068)], 0.8, 60.0)
    opening = [(-0.068, 0.62), (0.068, 0.62), (0.062, 0.48), (0.0, 0.225), (-0.062, 0.48)]
    canvas.opening(opening, CHEST, WHITE)
    _tie(canvas)
    _collar(canvas, 0.488, (0.038, 0.425), (0.072, 0.50), WHITE)
    canvas.seam(curve((0.004, 0.225), (0.010, 0.12), (0.05, -0.10)), 75.0, 0.0045)
    for z in (0.205, 0.135):
        canvas.button((-0.006, z), (0.34, 0.33, 0.34) if canvas.dark else (0.09, 0.08, 0.08), 0.0085)
    canvas.panel([(0.066, 0.362), (0.120, 0.374), (0.119, 0.354), (0.067, 0.342)], 0.7, 55.0)
    canvas.paint(filled([(0.072, 0.362), (0.080, 0.384), (0.092, 0.372), (0.103, 0.390), (0.114, 0.372)]), WHITE)
    for side in (-1, 1):
        _panel(canvas, side, SUIT_LAPEL, 1.7)
        _panel(canvas, side, SUIT_COLLAR, 1.2)


def _tie(canvas: Canvas) -> None:
    """The tie, its knot below the collar, with slanted stripes."""
    color, stripe = ((0.50, 0.06, 0.10), (0.72, 0.62, 0.50))
    blade = filled([(-0.011, 0.462), (0.011, 0.462), (0.026, 0.27), (0.0, 0.20), (-0.026, 0.27)])
    canvas.paint(blade, color)
    for number in range(9):
        z = 0.455 - 0.032 * number
        canvas.paint(canvas.line([(-0.04, z - 0.024), (0.04, z + 0.024)], 0.0045) * blade, stripe)
    knot = filled([(-0.019, 0.492), (0.019, 0.492), (0.011, 0.458), (-0.011, 0.458)])
    canvas.paint(knot, tuple(1.15 * part for part in color))
    canvas.shade -= 60.0 * canvas.line([(-0.011, 0.458), (0.011, 0.458)], 0.004)


def _collar(canvas: Canvas, z: float, point: Point, outer: Point, color: Color | None = None) -> None:
    """Two collar points that meet in the middle at height z."""
    for side in (-1, 1):
        front = [(0.002, z + 0.004), (point[0] * 0.35, z - 0.020), point, outer]
        leaf = [*front, (0.10, 0.57), (0.05, 0.60), (0.040, 0.535)]
        inside = _panel(canvas, side, leaf, 1.5, 150.0)
        canvas.shade -= 26.0 * canvas.line([(side * a, b) for a, b in front], 0.003)
        if color:
            canvas.paint(inside, color)
        else:
            edge = [(side * a * 0.94, b + 0.007) for a, b in front[1:]]
            canvas.stitches(edge, 20.0)


def _panel(canvas: Canvas, side: int, leaf: list[Point], rise: float, shadow: float = 85.0) -> np.ndarray:
    return canvas.panel([(side * x, z) for x, z in leaf], rise, shadow)


def _open_front(canvas: Canvas, top_m: float, bottom_m: float, neck_m: float) -> None:
    """The front open over a white T-shirt."""
    right = [(neck_m * 0.8, 0.62), (neck_m * 0.6, 0.50), (top_m, 0.40), (bottom_m, 0.06), (bottom_m * 1.15, -0.15)]
    canvas.opening([*right, *mirrored(right)[::-1]], CHEST, WHITE)
    band = canvas.line(arc((0.0, 0.545), (0.088, 0.076), -170, -10), 0.004) * (1.0 - canvas.cut)
    canvas.shade -= 30.0 * band


def _zip(canvas: Canvas, edge: list[Point], metal: Color) -> None:
    """Teeth along an edge."""
    canvas.shade -= 30.0 * canvas.line(edge, 0.009)
    canvas.paint(canvas.line(edge, 0.005), tuple(0.55 * part for part in metal))
    points = resampled(edge, 0.004)
    canvas.paint(canvas.dashes(list(zip(points[::2], points[1::2], strict=False)), 0.005), metal)


def _slanted_pocket(canvas: Canvas, side: int, metal: Color) -> None:
    mouth = [(side * 0.080, 0.185), (side * 0.122, 0.105)]
    canvas.seam(mouth, 60.0, 0.006)
    _zip(canvas, mouth, metal)


def _armholes(canvas: Canvas, depth: float) -> None:
    for side in (1, -1):
        canvas.seam(curve((side * 0.165, 0.492), (side * 0.140, 0.43), (side * 0.156, 0.345)), depth)

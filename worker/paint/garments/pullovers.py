# SPDX-License-Identifier: Apache-2.0
"""Garments that are pulled over the head: T-shirt, hoodie, dress.

Called once a garment, by sheets.py. Pure. Invariant: left and right differ only where real ones do.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.paint.garments.canvas import Canvas, Point, arc, blurred, curve, filled, mirrored

NECK = (0.0, 0.545)
NAPE = [(-0.092, 0.515), (-0.075, 0.60), (0.075, 0.60), (0.092, 0.515)]
BREAST = [*NAPE, (0.115, 0.47), (0.115, 0.14), (-0.115, 0.14), (-0.115, 0.47)]  # where drawings decide


def t_shirt(canvas: Canvas) -> None:
    """A ribbed neck band, shoulder and sleeve seams."""
    _bare(canvas, (0.070, 0.066))
    _sleeves(canvas, 20.0)
    for side in (1, -1):
        canvas.seam([(side * 0.075, 0.505), (side * 0.17, 0.478)], 18.0)
    _neck_band(canvas, (0.088, 0.084), 0.020)
    canvas.stitches(arc(NECK, (0.095, 0.091), -175, -5), 12.0)
    canvas.seam([(-0.16, 0.035), (0.16, 0.035)], 16.0)


def hoodie(canvas: Canvas) -> None:
    """A hood that lies crossed at the neck, drawstrings, a kangaroo pocket, ribbed cuffs and hem."""
    canvas.opening([(-0.06, 0.60), (-0.034, 0.51), (0.0, 0.488), (0.034, 0.51), (0.06, 0.60)], BREAST)
    _sleeves(canvas, 24.0)
    pocket = [(-0.065, 0.20), (0.065, 0.20), (0.118, 0.115), (0.118, 0.045), (-0.118, 0.045), (-0.118, 0.115)]
    canvas.panel(pocket, 1.0, 50.0)
    for side in (1, -1):
        canvas.seam([(side * 0.068, 0.197), (side * 0.117, 0.117)], 42.0, 0.0045)
        canvas.stitches([(side * 0.060, 0.194), (side * 0.109, 0.113)], 20.0)
    _ribs(canvas, -0.03, 0.025)
    canvas.seam([(-0.2, 0.027), (0.2, 0.027)], 34.0)
    outside = curve((-0.012, 0.452), (0.07, 0.462), (0.118, 0.525))
    under = [*outside, (0.105, 0.62), *curve((0.06, 0.55), (0.03, 0.50), (-0.012, 0.492))]
    over = mirrored(under)
    for flap in (under, over):
        canvas.panel(flap, 2.4, 90.0)
    for flap in (mirrored(outside), outside[2:]):
        canvas.stitches([(x, z + 0.009) for x, z in flap], 18.0)
    for side, end in ((1, 0.335), (-1, 0.318)):
        cord_line = curve((side * 0.036, 0.474), (side * 0.046, 0.41), (side * 0.040, end))
        canvas.shade -= 14.0 * canvas.line([(x + 0.0045, z - 0.002) for x, z in cord_line], 0.004)
        canvas.shade += (34.0 if not canvas.light else -24.0) * canvas.line(cord_line, 0.0055)
        canvas.paint(0.7 * canvas.line([(side * 0.040, end), (side * 0.040, end - 0.016)], 0.006), (0.60, 0.60, 0.62))
        canvas.button((side * 0.036, 0.476), (0.50, 0.50, 0.52), 0.0038)


def dress(canvas: Canvas) -> None:
    """A scoop neckline, seams to a waist band, pleats below it."""
    waist = 0.165
    _bare(canvas, (0.092, 0.118))
    for side in (1, -1):
        canvas.seam(curve((side * 0.145, 0.40), (side * 0.07, 0.36), (side * 0.055, waist)), 32.0)
    x = np.linspace(-0.36, 0.36, canvas.shade.shape[1], dtype=np.float32)[None]
    below = filled([(-0.36, waist), (0.36, waist), (0.36, -0.15), (-0.36, -0.15)])
    phase = x / 0.034 + 0.06 * np.sin(x * 37.0)
    pleats = (phase - np.floor(phase) - 0.5) * 64.0
    canvas.shade += np.clip(pleats, -22.0, 32.0) * below
    canvas.panel([(-0.2, waist + 0.012), (0.2, waist + 0.012), (0.2, waist - 0.012), (-0.2, waist - 0.012)], 0.7, 70.0)
    scoop = arc(NECK, (0.098, 0.125), -178, -2)
    canvas.seam([(0.93 * x, NECK[1] + 0.93 * (z - NECK[1])) for x, z in scoop], 30.0)
    canvas.stitches(scoop, 12.0)


def _sleeves(canvas: Canvas, depth: float) -> None:
    for side in (1, -1):
        canvas.seam(curve((side * 0.168, 0.492), (side * 0.142, 0.43), (side * 0.158, 0.345)), depth)


def _bare(canvas: Canvas, half_m: Point) -> None:
    """Bare skin above a neckline: the chin's shadow, a hint of the collarbones, the shadow inside the neckline."""
    inside = canvas.opening([(half_m[0], 0.61), *arc(NECK, half_m, 0, -180), (-half_m[0], 0.61)], BREAST)
    canvas.shade -= 26.0 * inside * blurred(filled(arc((0.0, 0.56), (0.06, 0.055), 0, -360)), 0.012)
    canvas.shade -= 26.0 * inside * blurred(1.0 - inside, 0.004)
    for side in (1, -1):
        bone = curve((side * 0.012, 0.478), (side * 0.05, 0.474), (side * 0.10, 0.494))
        canvas.shade += 40.0 * inside * blurred(canvas.line(bone, 0.004), 0.003)
        canvas.shade -= 40.0 * inside * blurred(canvas.line([(x, z - 0.007) for x, z in bone], 0.004), 0.004)


def _neck_band(canvas: Canvas, half_m: tuple[float, float], wide_m: float) -> None:
    """A knitted band below the neck, its ribs across it."""
    outer = arc(NECK, half_m, -178, -2)
    inner = arc(NECK, (half_m[0] - wide_m, half_m[1] - wide_m), -2, -178)
    band = canvas.panel([*outer, *inner], 0.7, 32.0)
    canvas.shade -= 9.0 * canvas.dashes(list(zip(outer, inner[::-1], strict=True)), 0.0016) * band


def _ribs(canvas: Canvas, bottom: float, top: float) -> None:
    x = np.linspace(-0.36, 0.36, canvas.shade.shape[1], dtype=np.float32)[None]
    band = filled([(-0.36, top), (0.36, top), (0.36, bottom), (-0.36, bottom)])
    canvas.shade += 8.0 * np.sin(x * (2 * np.pi / 0.011)) * band

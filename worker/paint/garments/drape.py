# SPDX-License-Identifier: Apache-2.0
"""Folds and grain of a cloth, drawn: where the source's own are not to be believed.

Called once a garment, by sheets.py. Seeded: the same garment always falls the same way. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sin

import cv2
import numpy as np

from mirage_lsd.worker.paint.garments.canvas import HEIGHT_PX, TEXEL_M, WIDTH_PX, X_M, Z_M

COARSE = 2  # folds are drawn so many texels a pixel


@dataclass(frozen=True)
class Drape:
    """How a cloth falls. width_m: of a fold (sigma); depth: of the folds' shade in 1/128 octave; count: folds a
    family; grain, grain_m: strength and size of the cloth's own unevenness; sharp: crispness of creases."""

    seed: int
    width_m: float = 0.009
    depth: float = 16.0
    count: int = 5
    grain: float = 5.0
    grain_m: float = 0.004
    sharp: float = 0.0


DRAPES = {
    "t-shirt": Drape(1, 0.0060, 24.0, 5, 3.0, 0.003, 0.3), "shirt": Drape(2, 0.0060, 19.0, 5, 3.0, 0.003, 0.4),
    "hoodie": Drape(3, 0.0080, 24.0, 4, 4.5, 0.003), "jacket": Drape(4, 0.008, 16.0, 4, 5.0, 0.003, 0.2),
    "leather jacket": Drape(5, 0.0075, 22.0, 4, 6.0, 0.004, 1.0), "suit": Drape(6, 0.009, 14.0, 3, 5.0, 0.003),
    "dress": Drape(7, 0.008, 20.0, 4, 3.0, 0.003, 0.2),
}  # fmt: skip


def folds(drape: Drape) -> np.ndarray:
    """f32 [h,w]: shade in steps of 1/128 octave, mean about 0."""
    rng = np.random.default_rng(drape.seed)
    high, wide = -(-HEIGHT_PX // COARSE), -(-WIDTH_PX // COARSE)
    height = np.zeros((high, wide), np.float32)
    for first, towards, last in _paths(rng, drape.count):
        width_m = drape.width_m * rng.uniform(0.75, 1.5)
        _raise(height, rng.choice((1.0, 1.0, -0.6)) * width_m, (first, towards, last), width_m)
    down, across = (cv2.Sobel(height, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((0, 1), (1, 0)))
    slope = 0.9 * down + 0.45 * across
    shade = slope / (float(slope[20:-40].std()) + 1e-9)
    shade = np.tanh(0.6 * shade) / 0.6
    if drape.sharp:
        shade += drape.sharp * np.maximum(shade - 0.8, 0.0)
    full = cv2.resize(shade, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC) * np.float32(drape.depth)
    return full + _grain(rng, drape)


def _grain(rng: np.random.Generator, drape: Drape) -> np.ndarray:
    """Unevenness of two sizes."""
    noise = rng.standard_normal((HEIGHT_PX, WIDTH_PX)).astype(np.float32)
    out = np.zeros_like(noise)
    for size_m, share in ((drape.grain_m, 1.0), (3.0 * drape.grain_m, 0.25)):
        soft = cv2.GaussianBlur(noise, (0, 0), size_m / TEXEL_M / 2)
        out += share * soft / soft.std()
    return np.float32(drape.grain) * out


def _paths(rng: np.random.Generator, count: int) -> list[tuple]:
    """Where folds run: from the armpits to the chest, from the shoulders, across the waist, and round the sleeves."""
    paths = []
    for side in (1, -1):

        def at(x: float, z: float, away: float = 0.012, side: int = side) -> np.ndarray:
            return np.float64([side * x, z]) + rng.uniform(-away, away, 2)

        for number in range(count):
            t = number / max(1, count - 1)
            middle = at(0.02 + 0.03 * t, 0.39 - 0.20 * t, 0.02)
            paths.append((at(0.15, 0.39 - 0.05 * t), at(0.09, 0.38 - 0.10 * t), middle))
            paths.append((at(0.13 - 0.07 * t, 0.475), at(0.11 - 0.06 * t, 0.41), at(0.085 - 0.07 * t, 0.33, 0.03)))
            paths.append((at(0.15, 0.30 - 0.16 * t), at(0.10, 0.25 - 0.17 * t), at(0.02, 0.215 - 0.15 * t, 0.03)))
            paths.append((at(0.145, 0.10 - 0.2 * t), at(0.10, 0.16 - 0.2 * t), at(0.045, 0.17 - 0.2 * t, 0.03)))
        for z in np.arange(-0.12, 0.47, 0.2 / count):
            paths.append((at(0.165, z), at(0.22, z - 0.03), at(0.32, z + rng.uniform(-0.03, 0.03))))
    return paths


def _raise(height: np.ndarray, by: float, path: tuple, width_m: float) -> None:
    """Adds a fold that rises and ebbs away along a curve, and is as wide as its width in the middle, to f32 [h,w]."""
    first, towards, last = path
    t = np.linspace(0.0, 1.0, 28)[:, None]
    place = (1 - t) ** 2 * first + 2 * t * (1 - t) * towards + t**2 * last
    step_m = TEXEL_M * COARSE
    points = np.stack([place[:, 0] - X_M[0], Z_M[1] - place[:, 1]], 1) * (16 / step_m)
    points, sigma = np.rint(points).astype(np.int32), width_m / step_m
    reach = int(4.0 * sigma) + 3
    left, top = np.maximum(points.min(0) // 16 - reach, 0)
    right, bottom = np.maximum(points.max(0) // 16 + reach, 0)
    part = height[top:bottom, left:right]
    if not part.size:
        return
    plane, points = np.zeros(part.shape, np.uint8), points - np.int32([left, top]) * 16
    for number, (one, two) in enumerate(zip(points.tolist(), points[1:].tolist(), strict=False)):
        level = round(255 * sin(pi * (0.12 + 0.85 * number / len(points))))
        cv2.line(plane, one, two, level, 2, cv2.LINE_AA, 4)
    part += cv2.GaussianBlur(plane, (0, 0), sigma).astype(np.float32) * np.float32(by * sigma / 255.0)

# SPDX-License-Identifier: Apache-2.0
"""The sheet of each garment: its drawing, packed for looking up at the size of a picture's pixels.

Asked for by the condition stage (`begin`) and worn.py; drawn once, on a thread of its own, while the nets work on the
look's first frame. Invariants: a sheet depends on its word and the lightness of its cloth alone; no other thread draws.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from mirage_lsd.worker.paint.garments import fronts, pullovers
from mirage_lsd.worker.paint.garments.canvas import TEXEL_M, Canvas
from mirage_lsd.worker.paint.garments.drape import DRAPES, folds

DRAWINGS = {
    "t-shirt": pullovers.t_shirt, "hoodie": pullovers.hoodie, "dress": pullovers.dress, "shirt": fronts.shirt,
    "jacket": fronts.jacket, "leather jacket": fronts.leather_jacket, "suit": fronts.suit,
}  # fmt: skip
LEVELS = 9  # texel sizes, each larger by the root of two
EVEN = 128  # shade and folds that change nothing
STEPS = 128.0  # of shade an octave
LUMAS = (0.08, 0.4, 0.8)  # dark, middling and light cloth


@dataclass(frozen=True)
class Sheet:
    """One texel size. plain u8 [h,w,4]: shade, folds, cut, decided (see canvas.py; cut and decided times 255); decal
    u8 [h,w,4]: BGR times alpha, alpha; texel_m."""

    plain: np.ndarray
    decal: np.ndarray
    texel_m: float


def begin(word: str, luma: float) -> None:
    """Starts to draw a garment's word on a cloth of this luminance 0..1, if it has a drawing."""
    if word in DRAWINGS:
        _drawn(word, _tone(luma))


def sheet(word: str, luma: float, pixel_m: float) -> Sheet:
    """The sheet of a garment's word, of a cloth of this luminance 0..1, for pixels of this size."""
    return _reduced(word, _tone(luma), level_of(pixel_m))


def level_of(pixel_m: float) -> int:
    """Which texel size fits: a texel a pixel, rather more than less."""
    return int(np.clip(round(2.0 * np.log2(0.9 * max(pixel_m, 1e-4) / TEXEL_M)), 0, LEVELS - 1))


def _tone(luma: float) -> int:
    return int(np.argmin(np.abs(np.subtract(LUMAS, luma))))


@lru_cache(maxsize=6)
def _drawn(word: str, tone: int) -> Future:
    return _pool().submit(_drawing, word, tone)


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "mirage-lsd-drawing")


def _drawing(word: str, tone: int) -> tuple[np.ndarray, np.ndarray]:
    """A Sheet's planes at the canvas's size, f32."""
    canvas = Canvas(LUMAS[tone])
    DRAWINGS[word](canvas)
    plain = np.dstack([EVEN + canvas.shade, EVEN + folds(DRAPES[word]), 255.0 * canvas.cut, 255.0 * canvas.decided])
    return plain, 255.0 * canvas.decal


@lru_cache(maxsize=12)
def _reduced(word: str, tone: int, level: int) -> Sheet:
    texel_m = TEXEL_M * 2 ** (level / 2)
    made = []
    for planes, edge in zip(_drawn(word, tone).result(), ((EVEN, EVEN, 255, 0), (0, 0, 0, 0)), strict=True):
        size_px = tuple(round(side * TEXEL_M / texel_m) for side in planes.shape[1::-1])
        small = np.clip(np.rint(cv2.resize(planes, size_px, interpolation=cv2.INTER_AREA)), 0, 255).astype(np.uint8)
        small[:, [0, -1]] = small[[0, -1]] = edge  # what lies beyond the sheet is as its edge
        made.append(small)
    return Sheet(*made, texel_m)

# SPDX-License-Identifier: Apache-2.0
"""A garment's drawing put on: looked up by the body's surface, at the fine picture's size.

Called by the refine stage, one `Wardrobe` a stream, on the worker's loop thread. Invariant: a look without a garment's
word, or undyed, gets nothing drawn; a drawing touches only what the upper share covers, or what it says is opening.
"""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.paint.cloth import NEUTRAL, pixel_size_m
from mirage_lsd.worker.paint.detail.base_layer import SKIN_SHADE
from mirage_lsd.worker.paint.detail.fine import FinePicture
from mirage_lsd.worker.paint.dye import Dyes
from mirage_lsd.worker.paint.garments.canvas import X_M, Z_M
from mirage_lsd.worker.paint.garments.sheets import DRAWINGS, EVEN, STEPS, Sheet, sheet
from mirage_lsd.worker.paint.layer_band import Drawn

SIZE_EVERY_FRAMES = 16
SLOWLY = 0.1
OPENED_TRUST = 0.7  # so much less of the old garment's light where a drawing opens the new one
SHEEN_LUMA, SHEEN = 0.22, 26.0  # cloth darker than that shows drawing and folds by its sheen, up to so many levels
LUMA = np.float32([0.114, 0.587, 0.299])


class Wardrobe:
    """Keeps how large a pixel is on the cloth, and in which light the cloth is. Not thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Another scene."""
        self._pixel_m, self._frames, self._light = 0.0, 0, None

    def looked_up(
        self, picture: FinePicture, surface: np.ndarray, dyes: Dyes, upper: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """The planes of the garment's sheet u8 [h,w,4], twice, None where there is no drawing; surface f32 [h',w',2];
        upper f32 [h,w] 0..1: the upper garment's share."""
        if dyes.garment not in DRAWINGS or dyes.upper is None:
            return None
        drawing = sheet(dyes.garment, _luma(dyes), self._size_m(surface, upper, picture))
        return looked_up(drawing, picture.cut(surface))

    def __call__(
        self,
        looked: tuple[np.ndarray, np.ndarray] | None,
        dyes: Dyes,
        planes: list[np.ndarray],
        upper: np.ndarray,
        covered: np.ndarray,
        trust: np.ndarray,
        skin_bgr: np.ndarray | None,
    ) -> Drawn | None:
        """looked: see `looked_up`; planes: the layer, three f32 [h,w] 0..510 BGR; upper, covered, trust f32 [h,w] 0..1:
        the upper garment's share, coverage, how far the source's folds are believed; skin_bgr f32 [3], None
        unknown. Changes `planes`, `upper` and `trust` where the drawing says how the garment is cut."""
        if looked is None:
            return None
        plain, decal = looked
        light = self._light_of(planes, upper * covered)
        shade, drawn_folds, cut, decided = cv2.split(plain)
        cut_out(planes, upper, light, (cut, decided, decal[..., 3]), skin_bgr)
        trust -= (OPENED_TRUST / 255**2) * trust * cv2.multiply(255 - cut, decided, dtype=cv2.CV_32F)
        folded = np.maximum(upper, decal[..., 3] * np.float32(1 / 255)) * (1.0 - trust)
        factor = _factor(shade, drawn_folds, folded, dyes.material.drawn)
        share = np.maximum(upper, decided * np.float32(1 / 255))
        lit = np.append(light / (255.0 * NEUTRAL), 1.0)
        decal = cv2.transform(decal, np.diag(lit))
        decal = cv2.multiply(decal, cv2.merge([share] * 4), dtype=cv2.CV_8U)
        return Drawn(factor, decal, SHEEN * float(np.clip(1.0 - _luma(dyes) / SHEEN_LUMA, 0.0, 1.0)))

    def _light_of(self, planes: list[np.ndarray], weight: np.ndarray) -> np.ndarray:
        """The mean of undyed cloth in the layer, f64 [3] BGR, slowly changing."""
        weight = weight[::4, ::4]
        total = float(weight.sum())
        if total > 20.0:
            now = np.array([float((plane[::4, ::4] * weight).sum()) / total for plane in planes])
            self._light = now if self._light is None else self._light + SLOWLY * (now - self._light)
        return np.full(3, 255.0 * NEUTRAL) if self._light is None else self._light

    def _size_m(self, surface: np.ndarray, upper: np.ndarray, picture: FinePicture) -> float:
        """Metres a fine pixel covers; kept until it changes by a quarter, so that the drawing does not pump."""
        if self._frames % SIZE_EVERY_FRAMES == 0:
            now = pixel_size_m(picture.cut(surface)[::4, ::4], upper[::4, ::4] > 0.5) / 4
            if not 0.8 < self._pixel_m / now < 1.25:
                self._pixel_m = now
        self._frames += 1
        return self._pixel_m


def _luma(dyes: Dyes) -> float:
    return float(np.dot(dyes.upper.main[::-1], LUMA))


def _factor(shade: np.ndarray, drawn_folds: np.ndarray, folded: np.ndarray, strength: float) -> np.ndarray:
    """f32 [h,w]: what colours are multiplied by; shade, drawn_folds u8 [h,w]; folded f32 [h,w] 0..1: how far folds are
    drawn."""
    log = (drawn_folds.astype(np.float32) - EVEN) * folded
    log += shade.astype(np.float32) - EVEN
    return cv2.exp(log * np.float32(strength * np.log(2.0) / STEPS))


def looked_up(drawing: Sheet, xz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sheet's planes u8 [H,W,4], twice, at surface points xz f32 [H,W,2]."""
    scale = 1.0 / drawing.texel_m
    place = np.float64([[scale, 0, -X_M[0] * scale - 0.5], [0, -scale, Z_M[1] * scale - 0.5]])
    whole, part = cv2.convertMaps(cv2.transform(xz, place), None, cv2.CV_16SC2)
    return tuple(cv2.remap(planes, whole, part, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
                 for planes in (drawing.plain, drawing.decal))  # fmt: skip


def cut_out(
    planes: list[np.ndarray],
    upper: np.ndarray,
    light: np.ndarray,
    drawing: tuple[np.ndarray, np.ndarray, np.ndarray],
    skin_bgr: np.ndarray | None,
) -> None:
    """Makes the upper share f32 [h,w] what the drawing (cut, decided, decal's alpha, u8 [h,w]) says, where it decides,
    and the layer's planes plain cloth or skin where that changes them, in place."""
    cut, decided, decal = (plane.astype(np.float32) * np.float32(1 / 255) for plane in drawing)
    if not drawing[1].any():
        return
    bare = (1.0 - cut) * (1.0 - decal) * decided
    change = (cut - upper) * decided
    if skin_bgr is None:
        change *= 1.0 - bare
    upper += change
    np.abs(change, out=change)
    for index, plane in enumerate(planes):
        plane += (np.float32(light[index]) - plane) * change
        if skin_bgr is not None:
            plane += (np.float32(SKIN_SHADE * skin_bgr[index]) - plane) * bare

# SPDX-License-Identifier: Apache-2.0
"""A garment's drawing put on: looked up by the body's surface, at the fine picture's size, and laid on at full size.

Called by the refine stage, one `Wardrobe` a stream, on the worker's loop thread, and by the compositor's bands.
Invariant: a look without a garment's word, or undyed, gets nothing drawn; a drawing touches only what the upper share
covers, or what it says is opening.
"""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.paint.cloth import NEUTRAL, pixel_size_m
from mirage_lsd.worker.paint.detail.base_layer import SKIN_SHADE
from mirage_lsd.worker.paint.detail.fine import FinePicture
from mirage_lsd.worker.paint.dye import Dyes
from mirage_lsd.worker.paint.garments.canvas import X_M, Z_M
from mirage_lsd.worker.paint.garments.sheets import DRAWINGS, EVEN, STEPS, Sheet, begin, sheet
from mirage_lsd.worker.paint.layer_maps import Drawn

SIZE_EVERY_FRAMES = 16
SLOWLY, FEWEST_PX = 0.1, 20.0
INKED_FOLDS = 0.6  # what lies under a garment, and what is fastened to it, has fainter folds
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
        return looked_up(drawing, picture, surface)

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
        light = self._light_of(planes, upper, covered)
        share = cut_out(planes, upper, trust, light, (plain, decal[..., 3]), skin_bgr)
        decal = _inked(decal, share, light)
        folded = np.maximum(upper, cv2.multiply(decal[..., 3], INKED_FOLDS, scale=1 / 255, dtype=cv2.CV_32F))
        folded -= cv2.multiply(folded, trust)
        factor = _factor(plain, folded, dyes.material.drawn)
        return Drawn(factor, decal, SHEEN * float(np.clip(1.0 - _luma(dyes) / SHEEN_LUMA, 0.0, 1.0)))

    def _light_of(self, planes: list[np.ndarray], upper: np.ndarray, covered: np.ndarray) -> np.ndarray:
        """The mean of undyed cloth in the layer, f64 [3] BGR, slowly changing."""
        weight = (upper[::4, ::4] * covered[::4, ::4]).ravel()
        total = float(weight.sum())
        if total > FEWEST_PX:
            now = np.array([float(np.dot(plane[::4, ::4].ravel(), weight)) / total for plane in planes])
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


def prepare(dyes: Dyes) -> None:
    """Has the garment of a look drawn in the meantime."""
    if dyes.upper is not None:
        begin(dyes.garment, _luma(dyes))


def _luma(dyes: Dyes) -> float:
    return float(np.dot(dyes.upper.main[::-1], LUMA))


def _factor(plain: np.ndarray, folded: np.ndarray, strength: float) -> np.ndarray:
    """f32 [h,w]: what colours are multiplied by; plain u8 [h,w,4]: shade, folds, ...; folded f32 [h,w] 0..1: how far
    folds are drawn."""
    octaves = strength * np.log(2.0) / STEPS
    shade, folds = cv2.extractChannel(plain, 0), cv2.extractChannel(plain, 1)
    log = cv2.multiply(cv2.subtract(folds, EVEN, dtype=cv2.CV_32F), folded, scale=octaves)
    cv2.scaleAdd(shade.astype(np.float32), octaves, log, dst=log)
    log -= np.float32(EVEN * octaves)
    return cv2.exp(log, dst=log)


def _inked(decal: np.ndarray, share: np.ndarray, light: np.ndarray) -> np.ndarray:
    """The decal u8 [h,w,4] in the cloth's light, f64 [3] BGR, where the garment is, share u8 [h,w]."""
    left, top, wide, high = cv2.boundingRect(cv2.extractChannel(decal, 3))
    there = np.s_[top : top + high, left : left + wide]
    out = np.zeros_like(decal)
    if wide:
        lit = cv2.transform(decal[there], np.diag(np.append(light / (255.0 * NEUTRAL), 1.0)))
        out[there] = cv2.multiply(lit, cv2.merge([share[there]] * 4), scale=1 / 255)
    return out


def looked_up(drawing: Sheet, picture: FinePicture, surface: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sheet's planes u8 [h,w,4], twice, in the picture's box; surface f32 [h',w',2]."""
    scale = 1.0 / drawing.texel_m
    place = np.float64([[scale, 0, -X_M[0] * scale - 0.5], [0, -scale, Z_M[1] * scale - 0.5]])
    whole, part = cv2.convertMaps(picture.cut(cv2.transform(surface, place)), None, cv2.CV_16SC2)
    return tuple(cv2.remap(planes, whole, part, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
                 for planes in (drawing.plain, drawing.decal))  # fmt: skip


def cut_out(
    planes: list[np.ndarray],
    upper: np.ndarray,
    trust: np.ndarray,
    light: np.ndarray,
    drawing: tuple[np.ndarray, np.ndarray],
    skin_bgr: np.ndarray | None,
) -> np.ndarray:
    """Makes the upper share f32 [h,w] what the drawing (plain u8 [h,w,4], decal's alpha u8 [h,w]) says, where it
    decides, and the layer's planes plain cloth or skin, and trust less, where that changes them, in place. -> u8 [h,w]:
    where there is garment or opening."""
    plain, alpha = drawing
    decided = cv2.extractChannel(plain, 3)
    share = cv2.max(cv2.multiply(upper, 255.0, dtype=cv2.CV_8U), decided)
    left, top, wide, high = cv2.boundingRect(decided)
    if not wide:
        return share
    there = np.s_[top : top + high, left : left + wide]
    cut, decided, decal = (plane.astype(np.float32) * np.float32(1 / 255)
                           for plane in (plain[there][..., 2], decided[there], alpha[there]))  # fmt: skip
    opened = (1.0 - cut) * decided
    bare = opened * (1.0 - decal)
    change = (cut - upper[there]) * decided
    if skin_bgr is None:
        change *= 1.0 - bare
    upper[there] += change
    trust[there] *= 1.0 - OPENED_TRUST * opened
    np.abs(change, out=change)
    _painted([plane[there] for plane in planes], light, change)
    if skin_bgr is not None:
        _painted([plane[there] for plane in planes], SKIN_SHADE * skin_bgr, bare)
    return share


def _painted(planes: list[np.ndarray], color: np.ndarray, share: np.ndarray) -> None:
    """Mixes a colour [3] BGR into planes f32 [h,w] by a share f32 [h,w] 0..1, in place."""
    rest = 1.0 - share
    for plane, level in zip(planes, color, strict=True):
        plane *= rest
        plane += np.float32(level) * share


def shine_on(color: list[np.ndarray], lit: np.ndarray, sheen: float) -> None:
    """Puts sheen on colours, three planes u8 [H,W] BGR, in light f32 [H,W], in place."""
    shine = np.multiply(lit - np.float32(1.0), np.float32(sheen))
    for plane in color:
        cv2.add(plane, shine, dst=plane, dtype=cv2.CV_8U)


def lay_on(color: list[np.ndarray], decal: np.ndarray, lit: np.ndarray) -> None:
    """Puts a decal u8 [H,W,4] on colours, three planes u8 [H,W] BGR, in light f32 [H,W], in place."""
    *inks, alpha = cv2.split(decal)
    rest = cv2.bitwise_not(alpha)
    for plane, ink in zip(color, inks, strict=True):
        cv2.multiply(plane, rest, dst=plane, scale=1.0 / 255.0)
        cv2.add(plane, cv2.multiply(ink, lit, dtype=cv2.CV_8U), dst=plane)

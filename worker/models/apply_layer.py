# SPDX-License-Identifier: Apache-2.0
"""The edit layer on the full-size frame: dye, pattern, scene picture and blending, elementwise, in OpenCV.

Called by the upscale stage, one `LayerApplier` a stream and size (it keeps scratch buffers, because fresh ones cost
more in page faults than the arithmetic), and by eval. Not thread-safe. The pixel rule (maps scaled up bilinearly):

    color   = clamp((rgb + detail * luma) * M) + light that the cloth gives out
    M       = 1 + sum over upper, lower, hair of share * (albedo / NEUTRAL - 1)
    layer   = color + scene * (scene picture - color)
    alpha   = clamp(offset + slope * luma)
    picture = frame + strength * alpha * (layer - frame)

Invariant: every pixel where alpha is 0, and every pixel at strength 0, is the frame's own, bit for bit. Work is done
only inside boxes: where the layer shows at all, where its colour shows, where it is dyed.
"""
from __future__ import annotations

from dataclasses import dataclass
from math import gcd, lcm

import cv2
import numpy as np

from mirage_lsd.worker.models.cloth import NEUTRAL, albedo_u8, emission, pixel_size_m
from mirage_lsd.worker.models.dye import Dyes

UPPER, LOWER, HAIR, SCENE = range(4)  # channels of the shares
SHOWN = 1.0 / 512  # less than this changes no pixel value
SURFACE_STEP_PX = 4  # working px a cell of the surface
MARGIN_PX = 6  # of the maps around a box: scaling up reads half a surface cell past what is shown


@dataclass(frozen=True)
class LayerMaps:
    """What the upscale graph gives, at the working size, and the body surface at any size.

    layer f32 [h,w,3] BGR 0..510; mask f32 [h,w,3] (detail, offset, slope); shares f32 [h,w,4] 0..1 (upper, lower,
    hair, scene); surface f32 [h',w',2] canonical x and z in metres.
    """

    layer: np.ndarray
    mask: np.ndarray
    shares: np.ndarray
    surface: np.ndarray


@dataclass(frozen=True)
class Box:
    """A part of the picture: columns x0..x1 and rows y0..y1 of the maps (`near`) and of the frame (`full`)."""

    near: tuple[int, int, int, int]
    full: tuple[int, int, int, int]

    @property
    def size_px(self) -> tuple[int, int]:
        return self.full[2] - self.full[0], self.full[3] - self.full[1]

    def within(self, outer: Box) -> tuple[int, int, int, int]:
        """Where this box lies in an outer one, in px of the picture."""
        left, top = outer.full[:2]
        return self.full[0] - left, self.full[1] - top, self.full[2] - left, self.full[3] - top


class LayerApplier:
    """Puts layers on frames of one size."""

    def __init__(self, width_px: int, height_px: int):
        self._size_px = (width_px, height_px)
        self._scratch: dict[str, np.ndarray] = {}
        self._pixel_m = 0.0

    def apply(self, frame: np.ndarray, maps: LayerMaps, dyes: Dyes, strength: float, scene: np.ndarray | None = None,
              out: np.ndarray | None = None) -> np.ndarray:
        """frame u8 [H,W,4] BGRA; scene u8 [H,W,3] BGR where dyes.scene is set; strength 0..1.

        Returns `out` (made if None): u8 [H,W,4], alpha copied.
        """
        width_px, height_px = self._size_px
        if frame.shape != (height_px, width_px, 4):
            raise ValueError(f"frame must be {(height_px, width_px, 4)}, got {frame.shape}")
        if scene is not None and scene.shape != (height_px, width_px, 3):
            raise ValueError(f"scene must be {(height_px, width_px, 3)}, got {scene.shape}")
        if out is None:
            out = np.empty_like(frame)
        np.copyto(out, frame)
        if strength <= 0.0:
            return out
        shown = shown_at(maps.mask)
        box = fit_box(shown, self._size_px)
        if box is not None:
            self._blend(frame, maps, dyes, min(strength, 1.0), scene, out, box, shown)
        return out

    def _blend(self, frame: np.ndarray, maps: LayerMaps, dyes: Dyes, strength: float, scene: np.ndarray | None,
               out: np.ndarray, box: Box, shown: np.ndarray) -> None:
        """Everything inside the box where the layer shows."""
        bgr, luma = self._source(frame, box)
        detail, alpha = self._masks(maps.mask, box, luma)
        if scene is None:
            layer = self._color(maps, dyes, box, detail, luma)
        else:
            layer = self._get("layer", bgr.shape, np.uint8)
            np.copyto(layer, cut(scene, box.full))
            colored = fit_box(shown & (maps.shares[..., SCENE] < 1.0 - SHOWN), self._size_px)
            if colored is not None:
                inside = colored.within(box)
                color = self._color(maps, dyes, colored, cut(detail, inside), cut(luma, inside))
                self._over_scene(cut(layer, inside), color, maps.shares, colored)
        if strength < 1.0:
            cv2.multiply(alpha, strength, dst=alpha)
        keep = cv2.subtract(1.0, alpha, dst=self._get("keep", luma.shape))
        mixed = cv2.blendLinear(layer, bgr, alpha, keep, dst=self._get("mixed", bgr.shape, np.uint8))
        cv2.mixChannels([mixed], [cut(out, box.full)], [0, 0, 1, 1, 2, 2])

    def _source(self, frame: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """The frame in a box: u8 [H,W,3] BGR and its luma f32 [H,W] 0..255."""
        width_px, height_px = box.size_px
        bgr = self._get("bgr", (height_px, width_px, 3), np.uint8)
        cv2.cvtColor(cut(frame, box.full), cv2.COLOR_BGRA2BGR, dst=bgr)
        gray = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY, dst=self._get("gray", bgr.shape[:2], np.uint8))
        luma = self._get("luma", bgr.shape[:2])
        np.copyto(luma, gray)
        return bgr, luma

    def _masks(self, mask: np.ndarray, box: Box, luma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """detail and alpha at full size, f32 [H,W]."""
        full = self._scaled("mask", mask, box)
        detail, alpha, slope = (self._get(name, luma.shape) for name in ("detail", "alpha", "slope"))
        cv2.split(full, (detail, alpha, slope))
        cv2.multiply(slope, luma, dst=slope, scale=1.0 / 255.0)
        cv2.add(alpha, slope, dst=alpha)
        np.clip(alpha, 0.0, 1.0, out=alpha)
        return detail, alpha

    def _color(self, maps: LayerMaps, dyes: Dyes, box: Box, detail: np.ndarray, luma: np.ndarray) -> np.ndarray:
        """The dyed layer in a box, u8 [H,W,3] BGR."""
        full = self._scaled("rgb", maps.layer, box)
        shade = cv2.multiply(detail, luma, dst=self._get("plane", luma.shape))
        cv2.add(full, cv2.merge((shade,) * 3, dst=self._get("planes", full.shape)), dst=full)
        color = self._get("color", full.shape, np.uint8)
        factor = self._factor(maps, dyes, box)
        if factor is None:
            cv2.multiply(full, 1.0, dst=color, dtype=cv2.CV_8U)
        else:
            cv2.multiply(full, factor, dst=color, dtype=cv2.CV_8U)
        if dyes.glows:
            light = emission(dyes.upper, self._scaled("xz", maps.surface, box, maps.layer.shape[:2]),
                             self._scaled("share", maps.shares[..., UPPER], box))
            light = cv2.cvtColor(light, cv2.COLOR_RGB2BGR, dst=light)
            cv2.scaleAdd(light, 255.0, color.astype(np.float32), dst=light)
            cv2.multiply(light, 1.0, dst=color, dtype=cv2.CV_8U)
        return color

    def _factor(self, maps: LayerMaps, dyes: Dyes, box: Box) -> np.ndarray | None:
        """M in a box, f32 [H,W,3] BGR; None where nothing is dyed. What does not depend on the place is made at the
        maps' size, because scaling up commutes with it."""
        matrix = dyes.matrix()
        if not matrix[:, :SCENE].any():
            return None
        factor = self._scaled("factor", cv2.transform(cut(maps.shares, box.near), matrix), box, whole=False)
        if dyes.pattern is not None:
            xz = self._scaled("xz", maps.surface, box, maps.layer.shape[:2])
            size_m = self.pixel_m(maps)
            cloth = albedo_u8(dyes.pattern, xz, size_m, out=self._get("cloth", factor.shape, np.uint8))
            share = self._scaled("share", maps.shares[..., UPPER], box)
            share = cv2.merge((share,) * 3, dst=self._get("planes", factor.shape))
            part = cv2.multiply(cloth, share, dst=share, scale=1.0 / (255.0 * NEUTRAL), dtype=cv2.CV_32F)
            cv2.add(factor, part, dst=factor)
        return factor

    def pixel_m(self, maps: LayerMaps) -> float:
        """Metres of cloth that a pixel of the frame covers; kept until it changes by a quarter, so that the cloth's
        sharpness does not pump."""
        rows, columns = maps.surface.shape[:2]
        inside = cv2.resize(np.ascontiguousarray(maps.shares[..., UPPER]), (columns, rows)) > 0.5
        now = pixel_size_m(maps.surface, inside) * columns / self._size_px[0]
        if not 0.8 < self._pixel_m / now < 1.25:
            self._pixel_m = now
        return self._pixel_m

    def _over_scene(self, below: np.ndarray, color: np.ndarray, shares: np.ndarray, box: Box) -> None:
        """Blends the layer's own colour over the scene picture, in place."""
        scene = self._scaled("share", shares[..., SCENE], box)
        own = cv2.subtract(1.0, scene, dst=self._get("plane", scene.shape))
        mixed = cv2.blendLinear(np.ascontiguousarray(below), color, scene, own, dst=color)
        np.copyto(below, mixed)

    def _scaled(self, name: str, maps: np.ndarray, box: Box, like: tuple[int, int] | None = None,
                whole: bool = True) -> np.ndarray:
        """The part of some maps that a box shows, at full size. like: (rows, columns) that box.near counts in, where
        the maps are smaller; whole: maps still have to be cut."""
        near = box.near
        if like is not None:
            near = (near[0] * maps.shape[1] // like[1], near[1] * maps.shape[0] // like[0],
                    near[2] * maps.shape[1] // like[1], near[3] * maps.shape[0] // like[0])
        width_px, height_px = box.size_px
        dst = self._get(name, (height_px, width_px, *maps.shape[2:]))
        return cv2.resize(cut(maps, near) if whole else maps, box.size_px, dst=dst, interpolation=cv2.INTER_LINEAR)

    def _get(self, name: str, shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
        """Scratch of a shape, cut from a buffer that is kept under this name."""
        wanted = int(np.prod(shape))
        buffer = self._scratch.get(name)
        if buffer is None or buffer.size < wanted:
            width_px, height_px = self._size_px
            buffer = np.empty(width_px * height_px * (shape[2] if len(shape) == 3 else 1), dtype)
            self._scratch[name] = buffer
        return buffer[:wanted].reshape(shape)


def cut(picture: np.ndarray, part: tuple[int, int, int, int]) -> np.ndarray:
    """A view of columns part[0]..part[2], rows part[1]..part[3]."""
    return picture[part[1] : part[3], part[0] : part[2]]


def shown_at(mask: np.ndarray) -> np.ndarray:
    """bool [h,w]: where a layer with this mask can cover anything, whatever the source's brightness."""
    return mask[..., 1] + np.maximum(mask[..., 2], 0.0) > SHOWN


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

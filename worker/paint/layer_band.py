# SPDX-License-Identifier: Apache-2.0
"""One band of a frame under its edit layer: the pixel rule of apply_layer.py in OpenCV, with scratch buffers.

Called by LayerApplier, each band on a thread of its own. Invariant: a band touches no pixel outside its box.
"""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mirage_lsd.worker.paint.cloth import HOT, NEUTRAL, albedo_u8, glow_of, hot
from mirage_lsd.worker.paint.detail import folds
from mirage_lsd.worker.paint.dye import Dyes
from mirage_lsd.worker.paint.garments.worn import lay_on
from mirage_lsd.worker.paint.layer_box import Box, Part, cut
from mirage_lsd.worker.paint.layer_maps import SCENE, UPPER, LayerMaps, Rim

RIM = 8.0  # times a layer's coverage: from an eighth on it is laid on the background, not on the old cloth


@dataclass(frozen=True)
class BandWork:
    """What all bands of a frame share. colored: where the layer's colour shows through the scene; placed: where the
    scene shows; printed: where the pattern or the trim is; pixel_m: metres of cloth a pixel covers."""

    frame: np.ndarray
    maps: LayerMaps
    dyes: Dyes
    strength: float
    scene: np.ndarray | None
    out: np.ndarray
    colored: Box | None
    placed: Box | None
    printed: Box | None
    pixel_m: float


class Band:
    """One band's arithmetic and scratch buffers."""

    def __init__(self, size_px: tuple[int, int]):
        self._size_px = size_px
        self._scratch: dict[str, np.ndarray] = {}

    def blend(self, work: BandWork, box: Box) -> None:
        """Everything inside a box. Works on single planes: they fit the caches, and need no taking apart and putting
        together."""
        inside = cut(work.frame, box.full)
        own = cv2.split(inside, self._many("own", inside.shape[:2], 4, np.uint8))
        gray = cv2.cvtColor(inside, cv2.COLOR_BGRA2GRAY, dst=self._get("gray", inside.shape[:2], np.uint8))
        luma = self._get("luma", gray.shape)
        np.copyto(luma, gray)
        detail, alpha = self._masks(work.maps, box, luma, inside)
        layer = self._layer(work, box, detail, luma)
        if work.strength < 1.0:
            np.multiply(alpha, np.float32(work.strength), out=alpha)
        source, change = self._get("source", luma.shape), self._get("change", luma.shape)
        if work.maps.rim is not None:
            self._clear_rim(work.maps.rim, box, own, alpha)
        for below, above in zip(own, layer, strict=False):
            np.copyto(source, below)
            np.subtract(above, source, out=change)
            np.multiply(change, alpha, out=change)
            cv2.add(source, change, dst=below, dtype=cv2.CV_8U)
        cv2.merge(own, dst=cut(work.out, box.full))

    def _clear_rim(self, rim: Rim, box: Box, own: list[np.ndarray], alpha: np.ndarray) -> None:
        """Puts the background into the source's planes u8 [H,W] under the layer's edge, in place."""
        share = self._scaled("share", cut(rim.share, box.near), box)
        weight = np.minimum(np.float32(RIM) * alpha, share, out=self._get("change", share.shape))
        behind = cv2.split(self._scaled("behind", cut(rim.behind, box.near), box))
        rest = np.subtract(np.float32(1.0), weight, out=share)
        for plane, place in zip(own, behind, strict=False):
            np.copyto(plane, cv2.blendLinear(plane, place, rest, weight))

    def _masks(
        self, maps: LayerMaps, box: Box, luma: np.ndarray, inside: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """detail and alpha at full size, f32 [H,W]; inside u8 [H,W,4]: the frame in the box."""
        mask = maps.mask
        detail, alpha, slope = (self._scaled(name, cut(mask[index], box.near), box)
                                for index, name in enumerate(("detail", "alpha", "slope")))
        guide = luma
        if maps.guide is not None:
            guide = self._get("guide", luma.shape)
            np.copyto(guide, cv2.transform(inside, maps.guide))
        cv2.multiply(slope, guide, dst=slope, scale=1.0 / 255.0)
        np.add(alpha, slope, out=alpha)
        np.clip(alpha, 0.0, 1.0, out=alpha)
        return detail, alpha

    def _layer(self, work: BandWork, box: Box, detail: np.ndarray, luma: np.ndarray) -> list[np.ndarray]:
        """The layer in a box: three planes [H,W] 0..255, B, G, R."""
        colored = box if work.scene is None else work.colored and work.colored.meet(box)
        if colored is not None and colored.full == box.full:
            planes = self._color(work, box, detail, luma)
            placed = work.placed and work.placed.meet(box)
            if placed is not None:
                self._place(work, placed, [cut(plane, placed.within(box)) for plane in planes])
            return planes
        planes = self._many("scene", luma.shape, 3, np.uint8)
        cv2.split(cut(work.scene, box.full), planes)
        if colored is not None:
            inside = colored.within(box)
            detail, luma = (np.ascontiguousarray(cut(plane, inside)) for plane in (detail, luma))
            color = self._color(work, colored, detail, luma)
            self._mix(work, colored, color, [cut(plane, inside) for plane in planes])
            for own, plane in zip(color, planes, strict=True):
                np.copyto(cut(plane, inside), own)
        return planes

    def _place(self, work: BandWork, box: Box, color: list[np.ndarray]) -> None:
        """Mixes the scene, or what is behind the person, into the layer's colours in a box."""
        scene = self._many("scene", color[0].shape, 3, np.uint8)
        cv2.split(cut(work.scene, box.full), scene)
        self._mix(work, box, color, scene)

    def _mix(self, work: BandWork, box: Box, color: list[np.ndarray], scene: list[np.ndarray]) -> None:
        """color + scene share * (scene - color), in place of color; planes u8 of a box."""
        share = self._scaled("share", cut(work.maps.shares[SCENE], box.near), box)
        change = self._get("change", share.shape)
        for own, place in zip(color, scene, strict=True):
            np.copyto(change, place)
            np.subtract(change, own, out=change)
            np.multiply(change, share, out=change)
            cv2.add(own, change, dst=own, dtype=cv2.CV_8U)

    def _color(self, work: BandWork, box: Box, detail: np.ndarray, luma: np.ndarray) -> list[np.ndarray]:
        """The dyed layer in a box: three planes u8 [H,W], B, G, R. `detail` is used up."""
        maps, dyes = work.maps, work.dyes
        lit = None if maps.light is None else self._lit(work, box, luma)
        shade = None if lit is not None and not dyes.face else np.multiply(detail, luma, out=detail)
        factor = self._factor(maps, dyes, box)
        printed = work.printed and work.printed.meet(box)
        if dyes.pattern and printed is not None:
            self._print(work, printed, printed.within(box), factor)
        color = self._many("color", luma.shape, 3, np.uint8)
        for index, dyed in enumerate(color):
            plane = self._scaled("plane", cut(maps.layer[index], box.near), box)
            if lit is not None:
                np.multiply(plane, lit, out=plane)
            if shade is not None:
                np.add(plane, shade, out=plane)
            cv2.multiply(plane, 1.0 if factor is None else factor[index], dst=dyed, dtype=cv2.CV_8U)
        if maps.drawn is not None and lit is not None:
            decal = self._scaled("decal", cut(maps.drawn.decal, box.near), box)
            lay_on(color, decal, lit, maps.drawn.sheen)
        if dyes.glows and printed is not None:
            self._glow(work, printed, printed.within(box), color)
        return color

    def _lit(self, work: BandWork, box: Box, luma: np.ndarray) -> np.ndarray:
        """The factor of the source's light in a box, f32 [H,W]."""
        light = work.maps.light
        log = cv2.LUT(cv2.GaussianBlur(luma.astype(np.uint8), (3, 3), 0), folds.LOG)  # a camera's noise is no fold
        mean = self._scaled("mean", cut(light.mean, box.near), box)
        step = cv2.addWeighted(log, folds.HALF_STEPS, mean, -folds.HALF_STEPS, folds.HALF_STEPS, dtype=cv2.CV_8U)
        lit = cv2.LUT(step, folds.answer(work.dyes.material))
        trust = self._scaled("trust", cut(light.trust, box.near), box)
        np.multiply(lit, trust, out=lit)
        np.add(lit, np.float32(1.0), out=lit)
        if work.maps.drawn is not None:
            np.multiply(lit, self._scaled("trust", cut(work.maps.drawn.factor, box.near), box), out=lit)
        return lit

    def _factor(self, maps: LayerMaps, dyes: Dyes, box: Box) -> list[np.ndarray] | None:
        """M in a box, three planes f32 [H,W], B, G, R; None where nothing is dyed. What does not depend on the place
        is made at the maps' size, because scaling up commutes with it."""
        matrix = dyes.matrix()
        if not matrix[:, :SCENE].any():
            return None
        shares = [cut(share, box.near) for share in maps.shares]
        factor = [self._scaled(f"factor{index}", blended(shares, row), box) for index, row in enumerate(matrix)]
        return factor

    def _print(self, work: BandWork, box: Box, inside: Part, factor: list[np.ndarray]) -> None:
        """Adds upper * albedo / NEUTRAL of a patterned cloth to M, where there is any of it. inside: where the box
        lies in the planes of `factor`."""
        share = self._scaled("share", cut(work.maps.shares[UPPER], box.near), box)
        np.multiply(share, np.float32(1.0 / (255.0 * NEUTRAL)), out=share)
        picture = self._get("cloth", (*share.shape, 3), np.uint8)
        albedo_u8(work.dyes.pattern, self._xz(work.maps, box), work.pixel_m, picture)
        color, part = self._get("part", share.shape), self._get("plane", share.shape)
        for index, plane in enumerate(factor):
            np.copyto(color, cv2.extractChannel(picture, index))
            np.multiply(color, share, out=part)
            target = cut(plane, inside)
            np.add(target, part, out=target)

    def _glow(self, work: BandWork, box: Box, inside: Part, color: list[np.ndarray]) -> None:
        """Adds the light that the cloth gives out. inside: where the box lies in the planes of `color`."""
        glow = glow_of(self._xz(work.maps, box), self._scaled("share", cut(work.maps.shares[UPPER], box.near), box))
        white = hot(glow, self._get("plane", glow.shape))
        np.multiply(white, np.float32(255.0 * HOT), out=white)
        lit = self._get("change", glow.shape)
        for plane, part in zip(color, work.dyes.upper.second[::-1], strict=True):
            cv2.scaleAdd(glow, 255.0 * part, white, dst=lit)
            target = cut(plane, inside)
            cv2.add(target, lit, dst=target, dtype=cv2.CV_8U)

    def _xz(self, maps: LayerMaps, box: Box) -> np.ndarray:
        """Surface points at full size, f32 [H,W,2]."""
        high, wide = maps.layer.shape[1:]
        rows, columns = maps.surface.shape[:2]
        x0, y0, x1, y1 = box.near
        near = (x0 * columns // wide, y0 * rows // high, x1 * columns // wide, y1 * rows // high)
        return self._scaled("xz", cut(maps.surface, near), box)

    def _scaled(self, name: str, maps: np.ndarray, box: Box) -> np.ndarray:
        """Maps that were cut to a box, at full size."""
        width_px, height_px = box.span_px
        dst = self._get(name, (height_px, width_px, *maps.shape[2:]), maps.dtype)
        return cut(cv2.resize(maps, box.span_px, dst=dst, interpolation=cv2.INTER_LINEAR), box.kept)

    def _many(self, name: str, shape: tuple[int, int], count: int, dtype: type) -> list[np.ndarray]:
        return [self._get(f"{name}{index}", shape, dtype) for index in range(count)]

    def _get(self, name: str, shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
        """Scratch of a shape, cut from a buffer that is kept under this name."""
        wanted = int(np.prod(shape))
        buffer = self._scratch.get(name)
        if buffer is None or buffer.size < wanted:
            width_px, height_px = self._size_px
            buffer = np.empty(width_px * height_px * (shape[2] if len(shape) == 3 else 1), dtype)
            self._scratch[name] = buffer
        return buffer[:wanted].reshape(shape)


def blended(shares: list[np.ndarray], row: np.ndarray) -> np.ndarray:
    """1 + the shares weighted: one row of Dyes.matrix()."""
    out = np.full(shares[0].shape, row[-1], np.float32)
    for share, weight in zip(shares[:SCENE], row, strict=False):
        if weight:
            cv2.scaleAdd(share, float(weight), out, dst=out)
    return out

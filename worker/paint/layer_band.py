# SPDX-License-Identifier: Apache-2.0
"""One band of a frame under its edit layer: the pixel rule of apply_layer.py in OpenCV, with scratch buffers.

Called by LayerApplier, each band on a thread of its own. Invariant: a band touches no pixel outside its box.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from mirage_lsd.worker.paint.band_buffers import BandBuffers
from mirage_lsd.worker.paint.band_rim import RimPlaces
from mirage_lsd.worker.paint.cloth import HOT, NEUTRAL, albedo_u8, glow_of, hot
from mirage_lsd.worker.paint.detail import folds
from mirage_lsd.worker.paint.detail.fine import scaled_box
from mirage_lsd.worker.paint.dye import Dyes, blended
from mirage_lsd.worker.paint.garments.worn import lay_on, shine_on
from mirage_lsd.worker.paint.layer_box import Box, Part, cut
from mirage_lsd.worker.paint.layer_maps import SCENE, UPPER, Drawn, LayerMaps


@dataclass(frozen=True)
class BandWork:
    """What all bands of a frame share. colored: where the layer's colour shows through the scene; placed: where the
    scene shows; printed: where the pattern or the trim is; inked: where the garment's decal is; matrix: the
    dyes'; pixel_m: metres of cloth a pixel covers."""

    frame: np.ndarray
    maps: LayerMaps
    dyes: Dyes
    strength: float
    scene: np.ndarray | None
    out: np.ndarray
    colored: Box | None
    placed: Box | None
    printed: Box | None
    inked: Box | None
    matrix: np.ndarray
    pixel_m: float


class Luma(NamedTuple):
    """The frame's luminance in a box, u8 [H,W]; soft: without a camera's noise, None where nobody asks."""

    gray: np.ndarray
    soft: np.ndarray | None

    def within(self, part: Part) -> Luma:
        """In a part of the box."""
        return Luma(*(plane if plane is None else cut(plane, part) for plane in self))


class Band(BandBuffers):
    """One band's arithmetic."""

    def blend(self, work: BandWork, boxes: list[Box]) -> None:
        """Everything inside boxes. Works on single planes: they fit the caches, and need no taking apart and putting
        together."""
        for box in boxes:
            self._blend(work, box)

    def _blend(self, work: BandWork, box: Box) -> None:
        inside, target = cut(work.frame, box.full), cut(work.out, box.full)
        own = cv2.split(inside, self._many("own", inside.shape[:2], 4, np.uint8))
        luma = self._luma(work, box)
        alpha = self._alpha(work.maps, box, own, luma.gray)
        layer = self._layer(work, box, luma)
        rim = None if work.maps.rim is None else RimPlaces.within(work.maps.rim, box, alpha)
        if work.strength < 1.0:
            np.multiply(alpha, np.float32(work.strength), out=alpha)
        source, change = self._get("source", alpha.shape), self._get("change", alpha.shape)
        for below, above in zip(own, layer, strict=False):
            np.copyto(source, below)
            np.subtract(above, source, out=change)
            np.multiply(change, alpha, out=change)
            cv2.add(source, change, dst=below, dtype=cv2.CV_8U)
        cv2.merge(own, dst=target)
        if rim is not None:
            rim.clear(inside, target, work.strength)

    def _luma(self, work: BandWork, box: Box) -> Luma:
        """Made with a pixel more around, as far as there is any."""
        left, top, right, bottom = box.full
        high, wide = work.frame.shape[:2]
        around = max(0, left - 1), max(0, top - 1), min(wide, right + 1), min(high, bottom + 1)
        gray, soft = self._many("gray", (around[3] - around[1], around[2] - around[0]), 2, np.uint8)
        cv2.cvtColor(cut(work.frame, around), cv2.COLOR_BGRA2GRAY, dst=gray)
        lit = work.maps.light is not None
        luma = Luma(gray, cv2.GaussianBlur(gray, (3, 3), 0, dst=soft) if lit else None)
        return luma.within((left - around[0], top - around[1], right - around[0], bottom - around[1]))

    def _alpha(self, maps: LayerMaps, box: Box, own: list[np.ndarray], gray: np.ndarray) -> np.ndarray:
        """The coverage at full size, f32 [H,W]; own: the frame's planes u8 [H,W], B, G, R, A."""
        alpha, slope = (self._scaled(name, cut(maps.mask[index], box.near), box)
                        for index, name in ((1, "alpha"), (2, "slope")))
        guide = gray
        if maps.guide is not None:
            blue, green, red, _, more = map(float, maps.guide[0])
            two, one = self._get("change", slope.shape), self._get("part", slope.shape)
            cv2.addWeighted(own[0], blue, own[1], green, more, dst=two, dtype=cv2.CV_32F)
            np.multiply(own[2], np.float32(red), out=one)
            guide = cv2.add(two, one, dst=self._get("guide", slope.shape, np.uint8), dtype=cv2.CV_8U)
        cv2.multiply(slope, guide, dst=slope, scale=1.0 / 255.0, dtype=cv2.CV_32F)
        np.add(alpha, slope, out=alpha)
        return np.clip(alpha, 0.0, 1.0, out=alpha)

    def _layer(self, work: BandWork, box: Box, luma: Luma) -> list[np.ndarray]:
        """The layer in a box: three planes [H,W] 0..255, B, G, R."""
        colored = box if work.scene is None else work.colored and work.colored.meet(box)
        if colored is not None and colored.full == box.full:
            planes = self._color(work, box, luma)
            placed = work.placed and work.placed.meet(box)
            if placed is not None:
                self._place(work, placed, [cut(plane, placed.within(box)) for plane in planes])
            return planes
        planes = self._many("scene", luma.gray.shape, 3, np.uint8)
        cv2.split(cut(work.scene, box.full), planes)
        if colored is not None:
            inside = colored.within(box)
            color = self._color(work, colored, luma.within(inside))
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

    def _color(self, work: BandWork, box: Box, luma: Luma) -> list[np.ndarray]:
        """The dyed layer in a box: three planes u8 [H,W], B, G, R."""
        maps, dyes = work.maps, work.dyes
        printed = work.printed and work.printed.meet(box)
        color = self._many("color", luma.gray.shape, 3, np.uint8)
        lit = None if maps.light is None else self._lit(work, box, luma.soft)
        if lit is None or dyes.face or (dyes.pattern and printed is not None):
            self._dyed(work, box, luma.gray, lit, color)
        else:
            self._plainly_dyed(work, box, lit, color)
        if maps.drawn is not None and lit is not None:
            self._draw(maps.drawn, work.inked and work.inked.meet(box), box, color, lit)
        if dyes.glows and printed is not None:
            self._glow(work, printed, printed.within(box), color)
        return color

    def _plainly_dyed(self, work: BandWork, box: Box, lit: np.ndarray, color: list[np.ndarray]) -> None:
        """A layer without detail and pattern is dyed at the maps' size, and lit."""
        shares = [cut(share, box.near) for share in work.maps.shares]
        for plane, row, dyed in zip(work.maps.layer, work.matrix, color, strict=True):
            plane = cut(plane, box.near)
            if row[:SCENE].any():
                plane = plane * blended(shares, row)
            cv2.multiply(self._scaled("plane", plane, box), lit, dst=dyed, dtype=cv2.CV_8U)

    def _dyed(
        self, work: BandWork, box: Box, gray: np.ndarray, lit: np.ndarray | None, color: list[np.ndarray]
    ) -> None:
        maps, dyes = work.maps, work.dyes
        shade = None
        if lit is None or dyes.face:
            shade = self._scaled("detail", cut(maps.mask[0], box.near), box)
            np.multiply(shade, gray, out=shade)
        factor = self._factor(maps, work.matrix, box)
        printed = work.printed and work.printed.meet(box)
        if dyes.pattern and printed is not None:
            self._print(work, printed, printed.within(box), factor)
        for index, dyed in enumerate(color):
            plane = self._scaled("plane", cut(maps.layer[index], box.near), box)
            if lit is not None:
                np.multiply(plane, lit, out=plane)
            if shade is not None:
                np.add(plane, shade, out=plane)
            cv2.multiply(plane, 1.0 if factor is None else factor[index], dst=dyed, dtype=cv2.CV_8U)

    def _draw(self, drawn: Drawn, inked: Box | None, box: Box, color: list[np.ndarray], lit: np.ndarray) -> None:
        """Lays a garment's sheen and, in the box `inked`, its decal on the colours of a box."""
        if drawn.sheen:
            shine_on(color, lit, drawn.sheen)
        if inked is not None:
            inside = inked.within(box)
            decal = self._scaled("decal", cut(drawn.decal, inked.near), inked)
            lay_on([cut(plane, inside) for plane in color], decal, cut(lit, inside))

    def _lit(self, work: BandWork, box: Box, soft: np.ndarray) -> np.ndarray:
        """The factor of the source's light in a box, f32 [H,W]; soft: see Luma."""
        light = work.maps.light
        log = cv2.LUT(soft, folds.LOG, dst=self._get("log", soft.shape))
        mean = self._scaled("mean", cut(light.mean, box.near), box)
        step = self._get("step", soft.shape, np.uint8)
        cv2.addWeighted(log, folds.HALF_STEPS, mean, -folds.HALF_STEPS, folds.HALF_STEPS, dst=step, dtype=cv2.CV_8U)
        lit = cv2.LUT(step, folds.answer(work.dyes.material), dst=log)
        trust = self._scaled("trust", cut(light.trust, box.near), box)
        np.multiply(lit, trust, out=lit)
        np.add(lit, np.float32(1.0), out=lit)
        if work.maps.drawn is not None:
            np.multiply(lit, self._scaled("trust", cut(work.maps.drawn.factor, box.near), box), out=lit)
        return lit

    def _factor(self, maps: LayerMaps, matrix: np.ndarray, box: Box) -> list[np.ndarray] | None:
        """M in a box, three planes f32 [H,W], B, G, R; None where nothing is dyed. What does not depend on the place
        is made at the maps' size, because scaling up commutes with it."""
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
        albedo_u8(work.dyes.pattern, scaled_box(work.maps.surface, self._size_px, box.full), work.pixel_m, picture)
        color, part = self._get("part", share.shape), self._get("plane", share.shape)
        for index, plane in enumerate(factor):
            np.copyto(color, cv2.extractChannel(picture, index))
            np.multiply(color, share, out=part)
            target = cut(plane, inside)
            np.add(target, part, out=target)

    def _glow(self, work: BandWork, box: Box, inside: Part, color: list[np.ndarray]) -> None:
        """Adds the light that the cloth gives out. inside: where the box lies in the planes of `color`."""
        share = self._scaled("share", cut(work.maps.shares[UPPER], box.near), box)
        glow = glow_of(scaled_box(work.maps.surface, self._size_px, box.full), share)
        white = hot(glow, self._get("plane", glow.shape))
        np.multiply(white, np.float32(255.0 * HOT), out=white)
        lit = self._get("change", glow.shape)
        for plane, part in zip(color, work.dyes.upper.second[::-1], strict=True):
            cv2.scaleAdd(glow, 255.0 * part, white, dst=lit)
            target = cut(plane, inside)
            cv2.add(target, lit, dst=target, dtype=cv2.CV_8U)

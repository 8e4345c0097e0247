# SPDX-License-Identifier: Apache-2.0
"""From what is decided to the maps that the compositor lays on: light, the garment's drawing, edges; steadied.

Owned by the refine stage, one a stream, on the worker's loop thread. Invariant: outside the picture's box every map is
0.
"""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial

import cv2
import numpy as np

from mirage_lsd.worker.paint.background.matte import EVEN, SLOWLY, as_transform, telling_grey
from mirage_lsd.worker.paint.detail import coverage, folds
from mirage_lsd.worker.paint.detail.box_layer import BoxLayer
from mirage_lsd.worker.paint.detail.fine import FinePicture
from mirage_lsd.worker.paint.detail.steadied import Steadied
from mirage_lsd.worker.paint.dye import Dyes
from mirage_lsd.worker.paint.garments.worn import Wardrobe
from mirage_lsd.worker.paint.layer_maps import HAIR, SCENE, UPPER, ClothLight, Drawn, LayerMaps, Rim
from mirage_lsd.worker.processes.side_by_side import beside, in_parallel

BARE_TRUST = 0.4  # of the light of what lay there, skin that is painted over cloth takes so much
# Coverage, logarithm's mean, trust, three colours (0..510), three shares: differences that are trembling.
ALIKE = (0.35, 0.15, 0.4, 40.0, 40.0, 40.0, 0.35, 0.35, 0.35)
OUTLINE = np.ones((7, 7), np.uint8)
GREY_QUICK_FRAMES, GREY_EVERY_FRAMES = 30, 2  # so many frames each is looked at, later every other one


class Finisher:
    """Keeps the last frame's maps, the grey that tells cloth from what is beside it, and the wardrobe."""

    def __init__(self) -> None:
        self._steadied, self._wardrobe = Steadied(), Wardrobe()
        self._grey: np.ndarray | None = None
        self._looked_up: Future | None = None
        self._frames = 0

    def changed(self) -> None:
        """Another look, or for other people: the last maps are not this one's."""
        self._steadied.reset()

    def reset(self) -> None:
        """Another scene."""
        self._steadied.reset()
        self._wardrobe.reset()
        self._grey = None
        self._frames = 0

    def begin(self, picture: FinePicture, maps: LayerMaps, dyes: Dyes) -> None:
        """Looks the garment's drawing up on another thread, for the call that follows; maps at the working size."""
        upper = maps.shares[UPPER]
        self._looked_up = beside(lambda: self._wardrobe.looked_up(picture, maps.surface, dyes, picture.cut(upper)))

    def __call__(
        self,
        picture: FinePicture,
        layer: BoxLayer,
        matte: np.ndarray,
        face_px: float | None,
        surface: np.ndarray,
        dyes: Dyes,
        skin_bgr: np.ndarray | None,
    ) -> LayerMaps:
        """After `begin`. matte f32 [h,w] 0..1: the person; surface f32 [h',w',2]; skin_bgr f32 [3] 0..255, None where
        unknown. Changes the layer."""
        whole, upper = _Whole(picture), layer.shares[UPPER]
        total = np.clip(layer.covered + layer.shown, 0.0, 1.0)
        rim = beside(lambda: Rim(*map(whole, coverage.rim_of(picture.bgr, matte))))
        mean, trust = folds.light_maps(picture.grey, layer.covered, face_px)
        trust = _trusted(trust, layer, matte)
        drawn = self._wardrobe(self._looked_up.result(), dyes, layer.planes, upper, layer.covered, trust, skin_bgr)
        held = self._steadied(picture, [total, mean, trust, *layer.planes, *layer.shares[:SCENE]], ALIKE)
        (total, mean, trust), planes = held[:3], held[3:6]
        shares = [*held[6:], layer.shown / np.maximum(total, 1e-3)]
        rim = rim.result()
        (mask, guide), (colour, shares, light) = in_parallel([
            partial(self._mask, picture, layer.detail, total, whole),
            lambda: (whole.many(planes), whole.many(shares), ClothLight(whole(mean), whole(trust))),
        ])  # fmt: skip
        drawn = drawn and Drawn(whole(drawn.factor), whole(drawn.decal), drawn.sheen)
        return LayerMaps(colour, mask, shares, surface, light, rim, guide, drawn)

    def _mask(
        self, picture: FinePicture, detail: np.ndarray | None, total: np.ndarray, whole: _Whole
    ) -> tuple[np.ndarray, np.ndarray]:
        """LayerMaps' mask and guide, for what is covered, total f32 [h,w] 0..1."""
        guide = self._guide(picture.bgr, total)
        offset, slope = coverage.edge_coefficients(cv2.transform(picture.bgr, guide[:, [0, 1, 2, 4]]), total)
        return whole.many([detail, offset, slope]), guide

    def _guide(self, bgr: np.ndarray, covered: np.ndarray) -> np.ndarray:
        """f32 [1,5] for cv2.transform of BGRA: the grey in which what is covered differs most from what is beside it,
        slowly changing."""
        self._frames += 1
        looks = self._frames < GREY_QUICK_FRAMES or self._frames % GREY_EVERY_FRAMES == 0
        now = telling_grey(bgr, covered) if looks else None
        if now is not None:
            self._grey = now if self._grey is None else self._grey + SLOWLY * (now - self._grey)
        return as_transform(EVEN if self._grey is None else self._grey)


def _trusted(trust: np.ndarray, layer: BoxLayer, matte: np.ndarray) -> np.ndarray:
    """How far the source's light is believed, f32 [h,w] 0..1: less on painted skin, and at outlines, whose own shadow
    is no fold."""
    trust = np.maximum(trust, layer.shares[HAIR]) * (1.0 - (1.0 - BARE_TRUST) * layer.skin)
    trust *= cv2.blur(cv2.erode(matte, OUTLINE), (5, 5))
    return trust


class _Whole:
    """Puts planes of the box into planes of the whole fine picture, 0 elsewhere."""

    def __init__(self, picture: FinePicture) -> None:
        x0, y0, x1, y1 = picture.box
        self._box, self._shape = (slice(y0, y1), slice(x0, x1)), picture.size_px[::-1]

    def __call__(self, plane: np.ndarray) -> np.ndarray:
        whole = np.zeros((*self._shape, *plane.shape[2:]), plane.dtype)
        whole[self._box] = plane
        return whole

    def many(self, planes: list[np.ndarray | None]) -> np.ndarray:
        """f32 [n,H,W] of planes f32 [h,w], None for 0."""
        whole = np.zeros((len(planes), *self._shape), np.float32)
        for target, plane in zip(whole, planes, strict=True):
            if plane is not None:
                target[self._box] = plane
        return whole

# SPDX-License-Identifier: Apache-2.0
"""The nets' layer in the fine picture's box: plain colours, decided shares and coverage.

Made by refined.py for each frame, in two halves: the first needs nothing of the person's colours and runs beside their
learning. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mirage_lsd.worker.paint.detail import base_layer
from mirage_lsd.worker.paint.detail.fine import FinePicture
from mirage_lsd.worker.paint.layer_maps import SCENE, LayerMaps

INSIDE = np.ones((5, 5), np.uint8)  # working pixels: at outlines the nets mix cloth with what they uncover
DECIDED = 5.0  # times as steep: half bare, half covered, skin and cloth would be airbrushed


@dataclass
class BoxLayer:
    """planes: three f32 [h,w] 0..510 BGR; shares: four f32 [h,w] 0..1 (upper, lower, hair, scene); f32 [h,w] 0..1:
    covered: what the nets put on the person; shown: what of the place behind they show; undyed: what of the covered
    takes no dye; skin: that which is bare skin; detail: what of the source's luminance is added, None for nothing."""

    planes: list[np.ndarray]
    shares: list[np.ndarray]
    covered: np.ndarray
    shown: np.ndarray
    undyed: np.ndarray
    skin: np.ndarray
    detail: np.ndarray | None


@dataclass(frozen=True)
class PlainLayer:
    """At the working size, true only where the fine picture's box is cut from. layer f32 [3,h,w] BGR without the nets'
    own detail; shares f32 [4,h,w], also beside what is painted; dyed f32 [h,w] 0..1; inside f32 [h,w] 0..1: where the
    nets paint, away from outlines; alpha f32 [h,w] 0..1; detail f32 [h,w]: the nets' own, of a face that the words
    change, else None."""

    layer: np.ndarray
    shares: np.ndarray
    dyed: np.ndarray
    inside: np.ndarray
    alpha: np.ndarray
    detail: np.ndarray | None


def plain(
    maps: LayerMaps,
    grey: np.ndarray,
    alpha: np.ndarray,
    person: np.ndarray,
    face: np.ndarray | None,
    there: tuple[slice, slice],
) -> PlainLayer:
    """grey f32 [h,w] 0..255; alpha, person f32 [h,w] 0..1; face f32 [h,w] 0..1: where a face is that the words change,
    None where they change none; there: see fine.seen_from."""
    detail = None if face is None else maps.mask[0] * face
    own = maps.mask[0][there] if detail is None else maps.mask[0][there] - detail[there]
    layer, shares = maps.layer[:, *there] + own * grey[there], maps.shares[:, *there]
    inside = alpha[there] * (1.0 - shares[SCENE]) * cv2.erode(person, INSIDE)[there]
    shares = base_layer.spread_shares(shares, inside)
    dyed = np.clip(shares[:SCENE].sum(0), 0.0, 1.0)
    made = np.zeros((9, *alpha.shape), np.float32)
    for planes, part in zip(np.split(made, (3, 7, 8)), (
        base_layer.plain_layer(layer, inside, dyed), shares, dyed, inside), strict=True):  # fmt: skip
        planes[:, *there] = part
    return PlainLayer(made[:3], made[3:7], made[7], made[8], alpha, detail)


def box_layer(given: PlainLayer, picture: FinePicture, skin_bgr: np.ndarray | None, opened: bool) -> BoxLayer:
    """skin_bgr float32 [3] 0..255, None where unknown; opened: under the garment another one shows."""
    scene = given.shares[SCENE]
    bare = np.clip(1.0 - given.dyed - scene, 0.0, 1.0)
    layer, skin = base_layer.own_skin(given.layer, bare, given.inside, skin_bgr)
    skin = picture.cut(skin)
    return BoxLayer(
        planes=[picture.cut(plane) for plane in layer],
        shares=[np.clip(DECIDED * (picture.cut(share) - 0.5) + 0.5, 0.0, 1.0) for share in given.shares],
        covered=picture.cut(given.alpha * (1.0 - scene)),
        shown=picture.cut(given.alpha * scene),
        undyed=skin if opened else 1.0 - picture.cut(given.dyed),
        skin=skin,
        detail=None if given.detail is None else picture.cut(given.detail),
    )

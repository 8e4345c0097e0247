# SPDX-License-Identifier: Apache-2.0
"""The source's own place out of focus, as a wide lens shows it, without the person's colours in it.

Called by the composite stage, each frame. A disc counts only what is surely the place, in linear light, so that lamps
become discs and nobody glows around themselves; it is worked out small and enlarged. Pure. OpenCV and numpy only.
"""
from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from mirage_lsd.worker.paint.background.matte import reduced_px
from mirage_lsd.worker.tracking.reduced import reduced

BLUR_PX = 288  # long side at which it is worked out
RADIUS_PX = 6.0  # of the disc there, at full strength
SURE = 3.0  # times the person's share: from a third on a pixel tells nothing of the place
MARGIN = np.ones((5, 5), np.uint8)
WIDE_PX = (71, 71)  # where no disc finds any of the place: behind the person's middle
ENOUGH = 0.05  # share of a disc that must be the place
LIGHT = np.square(np.arange(256, dtype=np.float32))  # linear enough, and its root is quick


def blurred_place(source: np.ndarray, matte: np.ndarray, person: np.ndarray, strength: float) -> np.ndarray:
    """source u8 [H,W,4] BGRA; matte u8 [H,W]: what the look shows of the person; person f32 [h,w] 0..1: where they are
    in the source; strength 0..1 scales the disc -> u8 [H,W,4] BGRA, opaque."""
    height_px, width_px = matte.shape
    size_px = reduced_px(width_px, height_px, BLUR_PX)
    small = reduced(source, size_px)[..., :3]
    seen = reduced(matte, size_px).astype(np.float32) * np.float32(1 / 255)
    hidden = cv2.dilate(np.maximum(seen, cv2.resize(person, size_px, interpolation=cv2.INTER_LINEAR)), MARGIN)
    share = np.clip(1.0 - SURE * hidden, 0.0, 1.0)
    light = cv2.multiply(cv2.LUT(small, LIGHT), cv2.merge([share] * 3))
    disc = disc_of(max(1.0, RADIUS_PX * strength))
    sums, found = cv2.filter2D(light, -1, disc), cv2.filter2D(share, -1, disc)
    sums += ENOUGH * cv2.blur(light, WIDE_PX) + 1e-4 * light.mean((0, 1))
    found += ENOUGH * cv2.blur(share, WIDE_PX) + 1e-4 * share.mean()
    shown = np.sqrt(np.maximum(cv2.divide(sums, cv2.merge([np.maximum(found, 1e-7)] * 3)), 0.0))
    place = cv2.cvtColor(np.clip(shown + 0.5, 0.0, 255.0).astype(np.uint8), cv2.COLOR_BGR2BGRA)
    return cv2.resize(place, (width_px, height_px), interpolation=cv2.INTER_CUBIC)


@lru_cache(maxsize=32)
def disc_of(radius_px: float) -> np.ndarray:
    """f32 [n,n] that sums up to 1: a disc with a soft border."""
    reach = int(np.ceil(radius_px))
    places = np.arange(-reach, reach + 1)
    disc = np.clip(radius_px + 0.5 - np.hypot(places, places[:, None]), 0.0, 1.0)
    return (disc / disc.sum()).astype(np.float32)

# SPDX-License-Identifier: Apache-2.0
"""What may lie behind a person: the picture with the person's pixels filled in from what is around them.

Where a look uncovers the background (sleeves, hair and trouser legs that go), the layer's scene share says so and this
is shown, as a scene picture is where the words ask for one. Push-pull over an image pyramid (Gortler et al. 1996, "The
Lumigraph", section 4): nearer pixels count more, holes of any size are filled. Called by the upscale stage and, on
loader threads, by training. Invariant: pixels that are surely background stay as they are.
"""
from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from mirage_lsd.worker.models.layer_band import SCENE, LayerMaps
from mirage_lsd.worker.models.layer_box import Box, cut

MARGIN = np.ones((5, 5), np.uint8)  # masks end a pixel or two beside outlines; cloth must not get into the fill
SURE = 3.0  # times a person's share: from a third on a pixel tells nothing of the background
UNCOVERED_FROM, DECIDED = 0.3, 4.0  # the scene share from which on it is decided for background, and how steeply
ENOUGH = 4.0  # times the known share of a coarser pixel: a quarter of it known, it is known


def background_share(person: np.ndarray) -> np.ndarray:
    """person f32 [h,w] 0..1 -> f32 [h,w] 0..1: how surely a pixel is background."""
    return np.square(np.clip(1.0 - SURE * cv2.dilate(person, MARGIN), 0.0, 1.0))


def filled(picture: np.ndarray, share: np.ndarray) -> np.ndarray:
    """picture u8 [h,w,3], share f32 [h,w] of the background (`background_share`) -> u8 [h,w,3]."""
    if not share.any():
        return picture.copy()
    full = _pulled(picture.astype(np.float32) * share[..., None], share)
    return np.clip(full + 0.5, 0.0, 255.0).astype(np.uint8)


def _pulled(color: np.ndarray, share: np.ndarray) -> np.ndarray:
    """color f32 [h,w,3], each pixel times its share [h,w] -> the same with what is missing from coarser levels."""
    rows, columns = share.shape
    if rows % 2 or columns % 2:
        around = color.sum(axis=(0, 1)) / max(float(share.sum()), 1e-6)
    else:
        half = (columns // 2, rows // 2)
        means, known = (cv2.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in (color, share))
        enough = np.minimum(ENOUGH * known, 1.0)
        means *= (enough / np.maximum(known, 1e-6))[..., None]
        around = cv2.resize(_pulled(means, enough), (columns, rows), interpolation=cv2.INTER_LINEAR)
    return color + (1.0 - share[..., None]) * around


def uncovering(maps: LayerMaps, share: np.ndarray) -> LayerMaps:
    """Maps whose scene share is decided, as coverage is (half-uncovered, the old cloth's colour would show), and which
    leave alone what is surely background; share f32 [h,w]: see `background_share`."""
    shares, mask = maps.shares.copy(), maps.mask.copy()
    scene = shares[SCENE]
    np.clip((scene - UNCOVERED_FROM) * DECIDED + 0.5, 0.0, 1.0, out=scene)
    mask[1:] *= 1.0 - scene * share
    return replace(maps, shares=shares, mask=mask)


class Behind:
    """What lies behind the person, on frames of any size; keeps one picture's buffer. Not thread-safe."""

    def __init__(self) -> None:
        self._picture = np.empty((0, 0, 3), np.uint8)

    def __call__(self, frame: np.ndarray, working: np.ndarray, share: np.ndarray, box: Box) -> np.ndarray:
        """frame u8 [H,W,4] BGRA, working u8 [h,w,3] RGB: the same, small; share f32 [h,w]: see `background_share`; box:
        where it is needed -> u8 [H,W,3] BGR, true only inside the box."""
        if self._picture.shape[:2] != frame.shape[:2]:
            self._picture = np.empty((*frame.shape[:2], 3), np.uint8)
        small = filled(cv2.cvtColor(working, cv2.COLOR_RGB2BGR), share)
        hidden, sure = (cv2.resize(cut(plane, box.near), box.size_px, interpolation=cv2.INTER_LINEAR)
                        for plane in (small, share))
        own = cv2.cvtColor(cut(frame, box.full), cv2.COLOR_BGRA2BGR)
        cut(self._picture, box.full)[:] = cv2.blendLinear(own, hidden, sure, 1.0 - sure)
        return self._picture

# SPDX-License-Identifier: Apache-2.0
"""Holes of a picture filled in from around: push-pull over an image pyramid.

Gortler et al. 1996, "The Lumigraph", section 4: nearer pixels count more, holes of any size are filled. Used live by
clean_plate.py and, on loader threads, by training. Invariant: pixels that are surely known stay as they are.
"""
from __future__ import annotations

import cv2
import numpy as np

ENOUGH = 4.0  # times the known share of a coarser pixel: a quarter of it known, it is known


def filled(picture: np.ndarray, share: np.ndarray) -> np.ndarray:
    """picture u8 [h,w,3], share f32 [h,w] 0..1 of what is known -> u8 [h,w,3]."""
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

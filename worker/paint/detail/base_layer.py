# SPDX-License-Identifier: Apache-2.0
"""The nets' layer as plain colour: their own blotches and the old garment's ghost smoothed out of what is dyed, so that
light and folds can come from the source; and bare skin in the colour of the person's own.

Called by the refine stage, at the working size. Pure.
"""

from __future__ import annotations

import cv2
import numpy as np

DYED_PX, OTHER_PX = 5.0, 1.0  # working pixels (sigma) over which dyed cloth, and the rest, is smoothed
SHARES_PX = 2.0  # and shares
SKIN_FROM, SKIN = 0.10, 0.08  # saturation from which on painted colour may be skin, and how much more until it is
SKIN_SHADE = 0.97
FEWEST_PX = 30


def plain_layer(layer: np.ndarray, covered: np.ndarray, dyed: np.ndarray) -> np.ndarray:
    """layer f32 [3,h,w] BGR 0..510; covered, dyed f32 [h,w] 0..1: the coverage, and how much of it takes a dye -> f32
    [3,h,w]: also beside what was covered, as far as there is colour near."""
    pixels = np.ascontiguousarray(layer.transpose(1, 2, 0))
    smooth = _spread(pixels, covered * dyed, DYED_PX)
    other = _spread(pixels, covered * (1.0 - dyed), OTHER_PX)
    mixed = other + (smooth - other) * dyed[..., None]
    return np.ascontiguousarray(mixed.transpose(2, 0, 1))


def spread_shares(shares: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """shares f32 [4,h,w]; covered f32 [h,w] 0..1 -> f32 [4,h,w]: the same where it is covered, and beside it as there,
    for cloth that reaches farther than the nets painted."""
    pixels = np.ascontiguousarray(shares[:3].transpose(1, 2, 0))
    near = _spread(pixels, np.square(covered), SHARES_PX)
    known = covered[..., None]
    beside = near + (pixels - near) * known
    return np.concatenate([beside.transpose(2, 0, 1), shares[3:]])


def own_skin(
    layer: np.ndarray, bare: np.ndarray, inside: np.ndarray, skin_bgr: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """A layer f32 [3,h,w] whose bare skin, bare f32 [h,w] 0..1 (neither dyed nor scene), has the person's own colour,
    float32 [3] BGR 0..255, as the mean where it is painted for sure, inside f32 [h,w] 0..1, with the nets' shading, unchanged where that is not known; and where that skin is, f32 [h,w] 0..1."""
    low, high = layer.min(0), layer.max(0)
    saturation = (high - low) / np.maximum(high, 1.0)
    skin = bare * np.clip((saturation - SKIN_FROM) / SKIN, 0.0, 1.0) * (layer[2] > layer[0])
    where = skin * inside > 0.5
    if skin_bgr is None or np.count_nonzero(where) < FEWEST_PX:
        return layer, skin
    painted = layer[:, where].mean(1)
    ratio = SKIN_SHADE * skin_bgr / np.maximum(painted, 1.0)
    return layer * (1.0 + skin * (ratio[:, None, None] - 1.0)), skin


def _spread(pixels: np.ndarray, weight: np.ndarray, sigma_px: float) -> np.ndarray:
    """Means of pixels f32 [h,w,3] around, by weight f32 [h,w]; from farther off where there is none near."""
    near, far = _mean(pixels, weight, sigma_px), _mean(pixels, weight, 4.0 * sigma_px)
    here = np.clip(8.0 * near[1], 0.0, 1.0)[..., None]
    return far[0] + (near[0] - far[0]) * here


def _mean(pixels: np.ndarray, weight: np.ndarray, sigma_px: float) -> tuple[np.ndarray, np.ndarray]:
    side_px = round(np.sqrt(6.0 * sigma_px**2 + 1.0)) | 1
    size = (side_px, side_px)
    total = cv2.blur(cv2.blur(weight, size), size)
    over = cv2.blur(cv2.blur(pixels * weight[..., None], size), size)
    return over / (total + np.float32(1e-5))[..., None], total

# SPDX-License-Identifier: Apache-2.0
"""The nets' layer as plain colour: their own blotches and the old garment's ghost smoothed out of what is dyed, so that
light and folds can come from the source; and bare skin in the colour of the person's own.

Called by the refine stage, at the working size. Pure.
"""

from __future__ import annotations

import cv2
import numpy as np

DYED_PX, OTHER_PX = 5.0, 1.0  # working pixels (sigma) over which dyed cloth, and the rest, is smoothed
SHARES_PX, FAR_SMALLER = 2.0, 2  # and shares, those far off at half the size
SKIN_FROM, SKIN = 0.10, 0.08  # saturation from which on painted colour may be skin, and how much more until it is
SKIN_SHADE = 1.06
FEWEST_PX = 30
LIMB_PX, SIDE_LIGHT = (15, 15), 0.72  # working pixels about a limb's half width; how light its sides are
LIMB = np.ones(LIMB_PX, np.uint8)
FINEST_PX, SMALLEST = 2.5, 4  # colours' means are worked out smaller, to this sigma there, this much smaller at most


def plain_layer(layer: np.ndarray, covered: np.ndarray, dyed: np.ndarray) -> np.ndarray:
    """layer f32 [3,h,w] BGR 0..510; covered, dyed f32 [h,w] 0..1: the coverage, and how much of it takes a dye -> f32
    [3,h,w]: also beside what was covered, as far as there is colour near."""
    weight = covered * dyed
    mixed = _spread(layer, weight, DYED_PX, SMALLEST)
    other = _spread(layer, covered - weight, OTHER_PX, SMALLEST)
    mixed -= other
    mixed *= dyed
    mixed += other
    return mixed


def spread_shares(shares: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """shares f32 [4,h,w]; covered f32 [h,w] 0..1 -> f32 [4,h,w]: the same where it is covered, and beside it as there,
    for cloth that reaches farther than the nets painted."""
    near, beside = _spread(shares[:3], np.square(covered), SHARES_PX, FAR_SMALLER), shares.copy()
    beside[:3] -= near
    beside[:3] *= covered
    beside[:3] += near
    return beside


def own_skin(
    layer: np.ndarray, bare: np.ndarray, inside: np.ndarray, skin_bgr: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """A layer f32 [3,h,w] whose bare skin, bare f32 [h,w] 0..1 (neither dyed nor scene), has the person's own colour,
    float32 [3] BGR 0..255, as the mean where it is painted for sure, inside f32 [h,w] 0..1, with the nets' shading,
    unchanged where that is not known; and where that skin is, f32 [h,w] 0..1."""
    low, high = layer.min(0), layer.max(0)
    saturation = (high - low) / np.maximum(high, 1.0)
    skin = bare * np.clip((saturation - SKIN_FROM) / SKIN, 0.0, 1.0) * (layer[2] > layer[0])
    where = skin * inside > 0.5
    if skin_bgr is None or np.count_nonzero(where) < FEWEST_PX:
        return layer, skin
    painted = layer[:, where].mean(1)
    ratio = SKIN_SHADE * skin_bgr / np.maximum(painted, 1.0)
    shade = 1.0 + skin * (ratio[:, None, None] * rounded(skin) - 1.0)
    return layer * shade, skin


def rounded(skin: np.ndarray) -> np.ndarray:
    """f32 [h,w]: light on painted skin, f32 [h,w] 0..1, as if each patch were an arm or a neck: darker at its sides,
    for flat skin looks like paste."""
    inside = cv2.distanceTransform((skin > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    widest = cv2.blur(cv2.dilate(inside, LIMB), LIMB_PX)
    depth = np.clip(inside / np.maximum(widest, 1.0), 0.0, 1.0)
    round_ = np.sqrt(np.maximum(1.0 - np.square(1.0 - depth), 0.0))
    return cv2.blur(SIDE_LIGHT + (1.0 - SIDE_LIGHT) * round_, (3, 3))


def _spread(planes: np.ndarray, weight: np.ndarray, sigma_px: float, smallest: int = 1) -> np.ndarray:
    """Means of planes f32 [3,h,w] around, by weight f32 [h,w]; from farther off where there is none near. smallest: see
    `_mean`."""
    weighed = cv2.merge([*(plane * weight for plane in planes), weight])
    (near, total), (far, _) = (_mean(weighed, times * sigma_px, smallest) for times in (1.0, 4.0))
    here = np.clip(8.0 * total, 0.0, 1.0)
    near -= far
    near *= here
    near += far
    return near


def _mean(weighed: np.ndarray, sigma_px: float, smallest: int) -> tuple[np.ndarray, np.ndarray]:
    """weighed f32 [h,w,4]: three planes times a weight, and the weight -> (their mean around f32 [3,h,w], how much
    weight there is f32 [h,w]); worked out at down to 1 / smallest of the size where it is smooth."""
    size_px, scale = weighed.shape[1::-1], min(smallest, 1 << max(0, int(np.log2(sigma_px / FINEST_PX))))
    small_px = tuple(max(1, side // scale) for side in size_px)
    small = weighed if scale == 1 else cv2.resize(weighed, small_px, interpolation=cv2.INTER_AREA)
    side_px = round(np.sqrt(6.0 * (sigma_px / scale) ** 2 + 1.0)) | 1
    *over, total = cv2.split(cv2.blur(cv2.blur(small, (side_px, side_px)), (side_px, side_px)))
    share = np.float32(1.0) / (total + np.float32(1e-5))
    means = [np.multiply(plane, share, out=plane) for plane in over]
    if scale > 1:
        *means, total = (cv2.resize(plane, size_px, interpolation=cv2.INTER_LINEAR) for plane in (*means, total))
    return np.stack(means), total

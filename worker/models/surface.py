# SPDX-License-Identifier: Apache-2.0
"""The body surface: steadied over time, and laid out over the body as cloth lies.

Called by the condition stage (`steadied`) and the upscale stage (`laid_out`), each frame. Pure numpy. Invariant: a
cloth pattern follows the body, so a place whose surface was hidden, or is now another one (an arm before the chest),
takes what is seen now.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

INERTIA = 0.98
SAME_WITHIN_M = 0.12
NEAR_CELLS = 1.6  # how far a neighbourhood reaches (sigma), in places of the laid-out surface: 8 working px each
OUTLIER_M = 0.05
RIDGE = np.float32(0.02)


def steadied(seen: np.ndarray, moved: np.ndarray, occlusion: np.ndarray) -> np.ndarray:
    """seen, moved f32 [1,3,h,w] (x, z in metres, arm): of this frame, and of the last one warped to it; occlusion f32
    [1,1,h/2,w/2] 0..1 -> f32 [1,3,h,w]."""
    hidden = cv2.resize(occlusion[0, 0], (seen.shape[3], seen.shape[2]), interpolation=cv2.INTER_LINEAR)
    change = moved - seen
    far = np.square(change[0, :2]).sum(0) * np.float32(1.0 / SAME_WITHIN_M**2)
    return seen + (INERTIA * (1.0 - hidden) * np.exp(-far)).astype(np.float32) * change


def laid_out(surface: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The surface as cloth lies on it: in every neighbourhood the plain (affine) map that fits best, so that a
    pattern's lines run straight where single places err. Sleeves and body are fitted apart.

    surface f32 [3,h,w] (x, z in metres, arm), share f32 [H,W] 0..1 of any size: how much of a place is cloth
    -> f32 [h/2,w/2,2]: the fit is smooth, half the places are enough.
    """
    size = (surface.shape[2] // 2, surface.shape[1] // 2)
    seen = cv2.resize(surface.transpose(1, 2, 0), size, interpolation=cv2.INTER_AREA)
    cloth = cv2.resize(share, size, interpolation=cv2.INTER_AREA)
    cloth = np.clip(cloth * 2.0 - 0.6, 0.0, 1.0) + np.float32(1e-3)
    sleeve = np.clip((seen[..., 2] + 0.75) * 2.0, 0.0, 1.0)
    body, arm = (_fitted(seen[..., :2], cloth * part) for part in (1.0 - sleeve, sleeve))
    return (body + sleeve[..., None] * (arm - body)).astype(np.float32)


def _fitted(points: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """f32 [h,w,2]: at each place the weighted local affine fit of points, twice, the second time without outliers."""
    window = _window(*weight.shape)
    across, down = window.basis[..., 1], window.basis[..., 2]
    terms = np.concatenate([window.basis, points[..., :1] * window.basis[..., :3],
                            points[..., 1:] * window.basis[..., :3]], axis=2)
    weight = weight + np.float32(1e-4)
    fit = _affine(window.sums(terms * weight[..., None]), across, down)
    off = np.square((points - fit) * np.float32(1.0 / OUTLIER_M)).sum(2)
    weight = weight / (1.0 + off * off)
    return _affine(window.sums(terms * weight[..., None]), across, down)


def _affine(sums: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """The fits from sums [h,w,12] of weight times (1, a, d, aa, ad, dd, x, xa, xd, z, za, zd), at every place."""
    mean = sums[..., 1:] / (sums[..., :1] + np.float32(1e-9))
    mean_a, mean_d = mean[..., 0], mean[..., 1]
    var_a = mean[..., 2] - mean_a * mean_a + RIDGE
    var_d = mean[..., 4] - mean_d * mean_d + RIDGE
    both = mean[..., 3] - mean_a * mean_d
    at_a, at_d = (across - mean_a) / (var_a * var_d - both * both), (down - mean_d) / (var_a * var_d - both * both)
    pull_a, pull_d = at_a * var_d - at_d * both, at_d * var_a - at_a * both
    fits = []
    for value, by_a, by_d in ((5, 6, 7), (8, 9, 10)):
        middle = mean[..., value]
        slope_a, slope_d = mean[..., by_a] - middle * mean_a, mean[..., by_d] - middle * mean_d
        fits.append(middle + slope_a * pull_a + slope_d * pull_d)
    return np.stack(fits, 2)


@dataclass(frozen=True)
class _Window:
    """A Gaussian neighbourhood of NEAR_CELLS in a field of one size: basis f32 [h,w,6] (1, a, d, aa, ad, dd) and the
    matrices that sum over rows and over columns."""

    basis: np.ndarray
    rows: np.ndarray
    columns: np.ndarray

    def sums(self, terms: np.ndarray) -> np.ndarray:
        """Neighbourhood sums of f32 [h,w,k]."""
        high, wide, count = terms.shape
        tall = (self.rows @ terms.reshape(high, wide * count)).reshape(high, wide, count)
        return np.matmul(self.columns, tall)


@lru_cache(maxsize=8)
def _window(high: int, wide: int) -> _Window:
    down, across = (np.arange(side, dtype=np.float32) / np.float32(NEAR_CELLS) for side in (high, wide))
    rows, columns = (np.exp(-0.5 * np.square(line[:, None] - line)).astype(np.float32) for line in (down, across))
    across, down = np.meshgrid(across, down)
    ones = np.ones_like(across)
    return _Window(np.stack([ones, across, down, across**2, across * down, down**2], 2), rows, columns)

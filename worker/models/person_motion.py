# SPDX-License-Identifier: Apache-2.0
"""The flow on the person, smoothed as bodies move: in every neighbourhood the affine motion that fits best.

Called by the condition stage, each frame but the first. Pure numpy. Where cloth has texture the flow is trusted nearly
as it is; plain cloth, whose inside shows no motion, takes that of its wider neighbourhood, borders and folds with it.
Invariant: outside the person, and where there is no motion, the flow stays as it is.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

WIDE, NARROW = 1 / 8, 1 / 20  # how far neighbourhoods reach (sigma), as shares of the picture's longer side
TEXTURED = 30.0  # mean squared grey step per pixel
MOST_TEXTURE = 400.0  # an outline is no better than this
OUTLIER_CELLS = np.float32(0.1)
RIDGE = np.float32(0.02)


def texture_of(grey: np.ndarray, cells: tuple[int, int]) -> np.ndarray:
    """uint8 [h,w], (rows, columns) -> f32 [rows,columns]: mean squared grey step per pixel."""
    steps = [cv2.Scharr(grey, cv2.CV_32F, *axis, scale=1 / 32) for axis in ((1, 0), (0, 1))]
    power = np.minimum(steps[0] * steps[0] + steps[1] * steps[1], MOST_TEXTURE)
    return cv2.resize(power, cells[::-1], interpolation=cv2.INTER_AREA)


def on_person(flow: np.ndarray, texture: np.ndarray, person_mask: np.ndarray) -> np.ndarray:
    """flow f32 [1,2,h,w] in cells, texture f32 [h,w], person_mask f32 [1,1,H,W] 0..1 -> flow f32 [1,2,h,w]."""
    points = flow[0].transpose(1, 2, 0)
    high, wide = texture.shape
    person = cv2.resize(person_mask[0, 0], (wide, high), interpolation=cv2.INTER_AREA) ** 4
    far, near = (_fitted(points, person, share * max(high, wide)) for share in (WIDE, NARROW))
    power = cv2.GaussianBlur(texture, (0, 0), 1.0)
    trusted = np.square(power / (power + np.float32(TEXTURED)))
    fitted = far + trusted[..., None] * (near - far)
    out = points + person[..., None] * (fitted - points)
    return np.ascontiguousarray(out.transpose(2, 0, 1)[None], np.float32)


def _fitted(points: np.ndarray, weight: np.ndarray, reach: float) -> np.ndarray:
    """f32 [h,w,2]: at each place the weighted local affine fit of points, twice, the second time without outliers."""
    window = _window(*weight.shape, reach)
    terms = np.concatenate([window.basis, points[..., :1] * window.basis[..., :3],
                            points[..., 1:] * window.basis[..., :3]], axis=2)
    weight = weight + np.float32(1e-4)
    fit = _affine(window.sums(terms * weight[..., None]), window.basis)
    off = np.square((points - fit) / OUTLIER_CELLS).sum(2)
    weight = weight / (1.0 + off * off)
    return _affine(window.sums(terms * weight[..., None]), window.basis)


def _affine(sums: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """The fits from sums [h,w,12] of weight times (1, a, d, aa, ad, dd, x, xa, xd, y, ya, yd), at every place."""
    mean = sums[..., 1:] / (sums[..., :1] + np.float32(1e-9))
    mean_a, mean_d = mean[..., 0], mean[..., 1]
    var_a = mean[..., 2] - mean_a * mean_a + RIDGE
    var_d = mean[..., 4] - mean_d * mean_d + RIDGE
    both = mean[..., 3] - mean_a * mean_d
    scale = 1.0 / (var_a * var_d - both * both)
    at_a, at_d = (basis[..., 1] - mean_a) * scale, (basis[..., 2] - mean_d) * scale
    pull_a, pull_d = at_a * var_d - at_d * both, at_d * var_a - at_a * both
    fits = []
    for value, by_a, by_d in ((5, 6, 7), (8, 9, 10)):
        middle = mean[..., value]
        slope_a, slope_d = mean[..., by_a] - middle * mean_a, mean[..., by_d] - middle * mean_d
        fits.append(middle + slope_a * pull_a + slope_d * pull_d)
    return np.stack(fits, 2)


@dataclass(frozen=True)
class _Window:
    """A Gaussian neighbourhood in a field of one size: basis f32 [h,w,6] (1, a, d, aa, ad, dd; a and d in units of its
    sigma) and the matrices that sum over rows and over columns."""

    basis: np.ndarray
    rows: np.ndarray
    columns: np.ndarray

    def sums(self, terms: np.ndarray) -> np.ndarray:
        """Neighbourhood sums of f32 [h,w,k]."""
        high, wide, count = terms.shape
        tall = (self.rows @ terms.reshape(high, wide * count)).reshape(high, wide, count)
        return np.matmul(self.columns, tall)


@lru_cache(maxsize=16)
def _window(high: int, wide: int, reach: float) -> _Window:
    down, across = (np.arange(side, dtype=np.float32) / np.float32(reach) for side in (high, wide))
    rows, columns = (np.exp(-0.5 * np.square(line[:, None] - line)).astype(np.float32) for line in (down, across))
    across, down = np.meshgrid(across, down)
    ones = np.ones_like(across)
    return _Window(np.stack([ones, across, down, across**2, across * down, down**2], 2), rows, columns)

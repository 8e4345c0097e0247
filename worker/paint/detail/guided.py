# SPDX-License-Identifier: Apache-2.0
"""The guided filter: a plane's edges moved to where the picture's own are (He, Sun and Tang 2013; the fast form of He
and Sun 2015: coefficients made small, used at full size).

Called by the refine and composite stages, on any thread. Pure OpenCV.
"""

from __future__ import annotations

import cv2
import numpy as np


def guided_coefficients(
    guide: np.ndarray, plane: np.ndarray, radius_px: int, eps: float
) -> tuple[np.ndarray, np.ndarray]:
    """guide f32 [h,w] grey 0..1, plane f32 [h,w] -> (a, b) f32 [h,w]: a * guide + b is the filtered plane, at this size
    or, both scaled up, at a larger one. eps: how much of the guide's variance is no edge."""
    guide_mean, plane_mean = _mean(guide, radius_px), _mean(plane, radius_px)
    variance = _mean(guide * guide, radius_px) - guide_mean * guide_mean
    covariance = _mean(guide * plane, radius_px) - guide_mean * plane_mean
    a = covariance / (np.maximum(variance, 0.0) + np.float32(eps))
    return _mean(a, radius_px), _mean(plane_mean - a * guide_mean, radius_px)


def guided(guide: np.ndarray, plane: np.ndarray, radius_px: int, eps: float) -> np.ndarray:
    """The filtered plane, f32 [h,w]; see `guided_coefficients`."""
    a, b = guided_coefficients(guide, plane, radius_px, eps)
    return a * guide + b


def _mean(plane: np.ndarray, radius_px: int) -> np.ndarray:
    side_px = 2 * radius_px + 1
    return cv2.blur(plane, (side_px, side_px), borderType=cv2.BORDER_REFLECT)

# SPDX-License-Identifier: Apache-2.0
"""The guided filter (He, Sun, Tang 2013; its fast form He, Sun 2015): a plane whose edges follow a picture's own.

Within every window the plane is the best linear function of the guide, a * guide + b. a and b change slowly, so that
they may be worked out small and applied to the guide at full size. Pure; OpenCV and numpy only.
"""
from __future__ import annotations

import cv2
import numpy as np


def guided_coefficients(guide: np.ndarray, plane: np.ndarray, radius_px: int,
                        eps: float) -> tuple[np.ndarray, np.ndarray]:
    """guide f32 [h,w] grey 0..1, plane f32 [h,w] -> (a, b), f32 [h,w] each. radius_px: half the window's side; eps: a
    guide's variance below which it is taken for flat."""
    size_px = (2 * radius_px + 1, 2 * radius_px + 1)
    mean_guide, mean_plane = cv2.blur(guide, size_px), cv2.blur(plane, size_px)
    variance = cv2.sqrBoxFilter(guide, cv2.CV_32F, size_px)
    variance -= mean_guide * mean_guide
    np.maximum(variance, 0.0, out=variance)
    slope = cv2.blur(guide * plane, size_px)
    slope -= mean_guide * mean_plane
    slope /= variance + np.float32(eps)
    mean_plane -= slope * mean_guide
    return cv2.blur(slope, size_px), cv2.blur(mean_plane, size_px)


def guided(guide: np.ndarray, plane: np.ndarray, radius_px: int, eps: float) -> np.ndarray:
    """The plane f32 [h,w] along the edges of the guide f32 [h,w] grey 0..1."""
    slope, offset = guided_coefficients(guide, plane, radius_px, eps)
    return slope * guide + offset

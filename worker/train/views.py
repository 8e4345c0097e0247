# SPDX-License-Identifier: Apache-2.0
"""Crop, zoom and mirror of one training sample. Called by compose.py on loader threads. Pure numpy/OpenCV.

Invariant: a view is the same for all looks and frames of a sample.
"""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

CLOSEST = 0.42  # of the rendered picture
MOST_SQUEEZED = 1.07  # across, as a 16:9 picture is that has to fit the working size
COARSEST = 1.6  # layer px a px of the view; what would be coarser is sampled from layers of half the size


@dataclass(frozen=True)
class View:
    """Crop, zoom and mirror of the person layers: a 2x3 matrix from picture to layer px, constant over a clip."""

    size_px: tuple[int, int]
    matrix: np.ndarray
    mirrored: bool

    @property
    def steps(self) -> np.ndarray:
        """f32 [2]: layer px that a px of the view is wide and high."""
        return np.abs(np.float32([self.matrix[0, 0], self.matrix[1, 1]]))

    def layer(self, picture: np.ndarray, nearest: bool = False, edge: bool = False) -> np.ndarray:
        """The picture in the view; outside it zeros, or with `edge` its border repeated."""
        flags = (cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
        border = cv2.BORDER_REPLICATE if edge else cv2.BORDER_CONSTANT
        return cv2.warpAffine(picture, self.matrix, self.size_px, flags=flags, borderMode=border)

    def person(self, rgba: np.ndarray) -> np.ndarray:
        """A drawn person u8 [H,W,4] in the view, colours at the outline the person's own, and smooth where it shrinks:
        what is not drawn is black, and must not get into the outline."""
        alpha = rgba[..., 3:]
        drawn = cv2.merge([cv2.multiply(rgba[..., :3], cv2.merge([alpha] * 3), scale=1.0 / 255.0), alpha])
        matrix = self.matrix.copy()
        while matrix[1, 1] > COARSEST:
            drawn = cv2.resize(drawn, (drawn.shape[1] // 2, drawn.shape[0] // 2), interpolation=cv2.INTER_AREA)
            matrix /= 2.0
            matrix[:, 2] -= 0.25  # pixel centres
        out = cv2.warpAffine(drawn, matrix, self.size_px, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        alpha = np.ascontiguousarray(out[..., 3])
        rgb = cv2.divide(out[..., :3], cv2.merge([np.maximum(alpha, 1)] * 3), scale=255.0)
        return cv2.merge([rgb, alpha])


def sample_view(rng: np.random.Generator, size_px: tuple[int, int], layer_px: tuple[int, int],
                closest: float = CLOSEST) -> View:
    """Mostly close to the rendered framing; sometimes zoomed in to the upper part, as webcams are, up to a share
    `closest` of the rendered picture. Sizes are (width, height): of the view, of the layers."""
    (width, height), (wide, high) = size_px, layer_px
    base = (max if wide / high < width / height else min)(wide / width, high / height)
    zoom = float(rng.uniform(closest, 1.0)) if rng.random() < 0.7 else float(rng.uniform(1.0, 1.15))
    scale = base * zoom
    across = scale * float(rng.uniform(1.0, MOST_SQUEEZED))
    left = (wide - width * across) * float(rng.uniform(0.25, 0.75))
    spare = high - height * scale
    top = spare * (float(rng.uniform(0.0, 1.0)) if spare > 0 else 1.0)  # keep feet/crop line at the bottom edge
    if rng.random() < 0.5:
        return View(size_px, np.float32([[-across, 0, left + (width - 1) * across], [0, scale, top]]), True)
    return View(size_px, np.float32([[across, 0, left], [0, scale, top]]), False)

# SPDX-License-Identifier: Apache-2.0
"""Crop, zoom and mirror of one training sample. Called by compose.py on loader threads. Pure numpy/OpenCV.

Invariant: a view is the same for all looks and frames of a sample.
"""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

CLOSEST = 0.42  # of the rendered picture


@dataclass(frozen=True)
class View:
    """Crop, zoom and mirror of the person layers: a 2x3 matrix from picture to layer px, constant over a clip."""

    size_px: tuple[int, int]
    matrix: np.ndarray
    mirrored: bool

    def layer(self, picture: np.ndarray, nearest: bool = False, edge: bool = False) -> np.ndarray:
        """The picture in the view; outside it zeros, or with `edge` its border repeated."""
        flags = (cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
        border = cv2.BORDER_REPLICATE if edge else cv2.BORDER_CONSTANT
        return cv2.warpAffine(picture, self.matrix, self.size_px, flags=flags, borderMode=border)


def sample_view(rng: np.random.Generator, size_px: tuple[int, int], aspect: float, closest: float = CLOSEST) -> View:
    """Mostly close to the rendered framing; sometimes zoomed in to the upper part, as webcams are, up to a share
    `closest` of the rendered picture."""
    width, height = size_px
    base = max(320 / width, 192 / height) if aspect < width / height else min(320 / width, 192 / height)
    zoom = float(rng.uniform(closest, 1.0)) if rng.random() < 0.7 else float(rng.uniform(1.0, 1.15))
    scale = base * zoom
    left = (320 - width * scale) * float(rng.uniform(0.25, 0.75))
    spare = 192 - height * scale
    top = spare * (float(rng.uniform(0.0, 1.0)) if spare > 0 else 1.0)  # keep feet/crop line at the bottom edge
    mirrored = bool(rng.random() < 0.5)
    matrix = np.float32([[scale, 0, left], [0, scale, top]])
    if mirrored:
        matrix = np.float32([[-scale, 0, left + (width - 1) * scale], [0, scale, top]])
    return View(size_px, matrix, mirrored)

# SPDX-License-Identifier: Apache-2.0
"""What is behind the person of a sample: a part of one background picture, which may drift. Called by compose.py."""

from __future__ import annotations

import cv2
import numpy as np


class Backdrop:
    """drift: pixels a frame, f64 [2]."""

    def __init__(self, backgrounds: np.ndarray, rng: np.random.Generator, size_px: tuple[int, int]):
        self._size_px = size_px
        self._picture = np.asarray(backgrounds[int(rng.integers(len(backgrounds)))])
        if rng.random() < 0.5:
            self._picture = self._picture[:, ::-1]
        if rng.random() < 0.25:
            self._picture = cv2.GaussianBlur(np.ascontiguousarray(self._picture), (0, 0), float(rng.uniform(1, 4)))
        self.drift = rng.normal(0, 1.0, 2) if rng.random() < 0.4 else np.zeros(2)
        width, height = size_px
        self._zoom = float(rng.uniform(0.75, 1.0)) * min(384 / width, 224 / height) * 0.9
        self._corner = rng.uniform(0, 1, 2) * (384 - width * self._zoom, 224 - height * self._zoom)

    def at(self, t: int) -> np.ndarray:
        """u8 [H,W,3] in frame t."""
        left, top = self._corner - self.drift * t * self._zoom
        matrix = np.float32([[self._zoom, 0, left], [0, self._zoom, top]])
        return cv2.warpAffine(self._picture, matrix, self._size_px, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                              borderMode=cv2.BORDER_REFLECT)

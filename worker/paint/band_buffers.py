# SPDX-License-Identifier: Apache-2.0
"""Scratch buffers of one band, kept from frame to frame: fresh ones cost more in page faults than the arithmetic.

Base of layer_band.Band; one thread at a time. Invariant: what two names give never overlaps.
"""

from __future__ import annotations

from math import prod

import cv2
import numpy as np

from mirage_lsd.worker.paint.layer_box import Box, cut


class BandBuffers:
    """size_px: (width, height) of the frame, which no band is larger than."""

    def __init__(self, size_px: tuple[int, int]):
        self._size_px = size_px
        self._scratch: dict[str, np.ndarray] = {}

    def _scaled(self, name: str, maps: np.ndarray, box: Box) -> np.ndarray:
        """Maps that were cut to a box, at full size."""
        width_px, height_px = box.span_px
        dst = self._get(name, (height_px, width_px, *maps.shape[2:]), maps.dtype)
        return cut(cv2.resize(maps, box.span_px, dst=dst, interpolation=cv2.INTER_LINEAR), box.kept)

    def _many(self, name: str, shape: tuple[int, int], count: int, dtype: type) -> list[np.ndarray]:
        return [self._get(f"{name}{index}", shape, dtype) for index in range(count)]

    def _get(self, name: str, shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
        """Scratch of a shape, cut from a buffer that is kept under this name."""
        wanted = prod(shape)
        buffer = self._scratch.get(name)
        if buffer is None or buffer.size < wanted:
            width_px, height_px = self._size_px
            buffer = np.empty(width_px * height_px * (shape[2] if len(shape) == 3 else 1), dtype)
            self._scratch[name] = buffer
        return buffer[:wanted].reshape(shape)

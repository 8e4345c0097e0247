# SPDX-License-Identifier: Apache-2.0
"""The stream's noise on the host: unit noise for what is new in a frame, and the dither of the noise's motion.

Called by the worker's loop thread once a frame, one instance a stream. The warp graph moves the noise with the
source's motion (warping.py; Chang et al. 2024, Burgert et al. 2025); what it cannot know it takes from `fresh`.
Deterministic for a seed; a frame's noise is a window of one big field, since drawing 100,000 numbers a frame would take
a millisecond.
"""
from __future__ import annotations

import numpy as np

from mirage_lsd.worker.v1.graphs.graphs import NOISE_CHANNELS
from mirage_lsd.worker.v1.graphs.shapes import SdShapes

_FIELD = 2  # the field's sides, in frames
_STRIDES = np.array([0.6180339887498949, 0.41421356237309515])  # golden and silver ratio: even cover, no period


class NoiseSource:
    """Noise for one stream and size."""

    def __init__(self, seed: int, shapes: SdShapes):
        self._rng = np.random.default_rng(seed)
        self._cells = shapes.cells()
        field = (NOISE_CHANNELS, *(_FIELD * side for side in self._cells))
        self._field = self._rng.standard_normal(field, dtype=np.float32)
        self._frames = 0

    def fresh(self) -> np.ndarray:
        """f32 [1,20,rows,columns], unit variance, contiguous; the caller's own."""
        rows, columns = self._cells
        top, left = (int(self._rng.integers(0, (_FIELD - 1) * side + 1)) for side in self._cells)
        return np.ascontiguousarray(self._field[None, :, top : top + rows, left : left + columns])

    def dither(self) -> np.ndarray:
        """f32 [1,2] in -0.5..0.5: noise moves by whole cells; the dither makes slow motion move it now and then."""
        self._frames += 1
        return ((self._frames * _STRIDES) % 1.0 - 0.5).astype(np.float32)[None]

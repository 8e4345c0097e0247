# SPDX-License-Identifier: Apache-2.0
"""Where the garment worn ends and trousers begin: one height on the body's surface, for the nets paint over trousers
now and then.

Owned by the refine stage, one a stream, on the worker's loop thread. Pixels vote by their colours, heights decide,
slowly: single pixels would leave blots. Invariant: no hem is higher than HIGHEST_M.
"""

from __future__ import annotations

import numpy as np

HIGHEST_M, LOWEST_M, STEP_M = 0.17, -0.15, 0.01  # metres upwards on the body's surface
HEIGHTS = round((HIGHEST_M - LOWEST_M) / STEP_M)
KEPT = 0.9  # what a height keeps of its votes from frame to frame
FEWEST = 25  # pixels of a height that vote
SOFT_M = 0.012


class Hem:
    """Not thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Another scene, or another look."""
        self._cloth = np.ones(HEIGHTS, np.float32)  # share of the votes for cloth, lowest first
        self._told = np.zeros(HEIGHTS, bool)

    def __call__(self, height: np.ndarray, rather: np.ndarray, torso: np.ndarray) -> np.ndarray:
        """height f32 [h,w]: metres; rather f32 [h,w] 0..1: votes for cloth, not trousers; torso bool [h,w]: who votes
        -> f32 [h,w] 0..1: 1 above the hem."""
        places = ((height - LOWEST_M) * (1.0 / STEP_M)).astype(np.int32)
        votes = torso & (places >= 0) & (places < HEIGHTS)
        counts = np.bincount(places[votes], minlength=HEIGHTS)
        known = counts >= FEWEST
        share = np.bincount(places[votes], rather[votes], HEIGHTS)[known] / counts[known]
        weight = np.where(self._told[known], KEPT, 0.0)
        self._cloth[known] += (1.0 - weight) * (share - self._cloth[known])
        self._told |= known
        return np.clip((height - self.height_m) * (1.0 / SOFT_M) + 0.5, 0.0, 1.0)

    @property
    def height_m(self) -> float:
        """Metres; far below everything where no hem was seen."""
        trousers = np.flatnonzero(self._told & (self._cloth < 0.5))
        return LOWEST_M + STEP_M * (int(trousers[-1]) + 1) if trousers.size else 10 * LOWEST_M

# SPDX-License-Identifier: Apache-2.0
"""A head's place in a frame: the coordinates in which props are drawn.

Plain arithmetic. Invariant: one unit is the head's width from ear to ear, counted from the point between the eyes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Head:
    """eyes_px: the point between the eyes; across: unit vector from the left of the picture to the right, along the
    eyes; width_px: from ear to ear."""

    eyes_px: np.ndarray
    across: np.ndarray
    width_px: float

    def at(self, points) -> np.ndarray:
        """Points in head widths right of and below the eyes, to pixels; float [n, 2]."""
        points = np.asarray(points, np.float64).reshape(-1, 2) * self.width_px
        down = np.array([-self.across[1], self.across[0]])
        return self.eyes_px + points[:, :1] * self.across + points[:, 1:] * down


def middle_of(heads: list[Head]) -> Head:
    """Where the head mostly is: a place for what stands still."""
    return Head(np.median([head.eyes_px for head in heads], 0), np.array([1.0, 0.0]),
                float(np.median([head.width_px for head in heads])))  # fmt: skip

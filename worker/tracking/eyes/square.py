# SPDX-License-Identifier: Apache-2.0
"""A turned square of a picture: what the landmark nets look at, and the way from its pixels back to the picture's.

Pure geometry, any thread. Invariant: a cut costs the same whatever the picture's size, as only its own pixels are read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

_TO_RGB = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}


@dataclass(frozen=True)
class Square:
    """center_px: float32 [2] x and y in the picture; side_px; angle: clockwise from upright, in radians."""

    center_px: np.ndarray
    side_px: float
    angle: float

    def to_picture(self, side: int) -> np.ndarray:
        """float64 [2, 3]: from a place in a cut of side x side pixels to that in the picture."""
        scale = self.side_px / side
        cos, sin = np.cos(self.angle) * scale, np.sin(self.angle) * scale
        turn = np.array([[cos, -sin], [sin, cos]])
        return np.hstack([turn, (np.asarray(self.center_px) - turn @ [side / 2, side / 2])[:, None]])

    def cut(self, picture: np.ndarray, side: int) -> np.ndarray:
        """picture: uint8 [H, W, 3 or 4] BGR(A) -> float32 [1, side, side, 3] RGB 0..1; black beyond the picture."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cut = cv2.warpAffine(picture, self.to_picture(side), (side, side), flags=flags)
        return cv2.cvtColor(cut, _TO_RGB[cut.shape[2]])[None].astype(np.float32) * np.float32(1 / 255)

    def place(self, points: np.ndarray, side: int) -> np.ndarray:
        """float32 [n, 2] in pixels of the cut -> float32 [n, 2] in pixels of the picture."""
        there = self.to_picture(side).astype(np.float32)
        return points @ there[:, :2].T + there[:, 2]

    def grown(self, by: float) -> Square:
        """Larger about the same place."""
        return replace(self, side_px=self.side_px * by)

    def near(self, other: Square, share: float) -> bool:
        """Whether the centers are closer than a share of the smaller side."""
        away_px = float(np.linalg.norm(self.center_px - other.center_px))
        return away_px < share * min(self.side_px, other.side_px)


def upright_angle(low: np.ndarray, high: np.ndarray) -> float:
    """Of the way from low to high (x, y), clockwise from upwards, in radians."""
    return float(np.arctan2(high[0] - low[0], low[1] - high[1]))


def around(points: np.ndarray, angle: float, grows: float, moves: float = 0.0) -> Square:
    """The square about points float32 [n, 2] that is turned by the angle: so many times their extent, moved upwards (in
    its own sense) by a share of it."""
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    upright = points @ turn.T
    low, high = upright.min(axis=0), upright.max(axis=0)
    size_px = float((high - low).max())
    return moved(turn.T @ ((low + high) / 2), size_px, angle, grows, moves)


def moved(center_px: np.ndarray, size_px: float, angle: float, grows: float, moves: float) -> Square:
    """A square larger than size_px, and further along its own upward way."""
    upwards = np.array([np.sin(angle), -np.cos(angle)], np.float32)
    return Square(np.asarray(center_px, np.float32) + upwards * size_px * moves, size_px * grows, angle)

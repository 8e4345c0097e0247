# SPDX-License-Identifier: Apache-2.0
"""What the eyes saw in one frame: faces and hands, in pixels of the full source.

Made by Eyes on its own thread, handed on by the track stage. Invariant: frozen; x runs to the right, y downwards, and
points may lie outside the picture where a face or a hand does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

FACE_POINTS, HAND_POINTS = 468, 21
# MediaPipe's face mesh: the outline of a face from the forehead clockwise; chin, and the temples.
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
CHIN = 152


@dataclass(frozen=True)
class Face:
    """points_px: float32 [468, 2] x and y, as MediaPipe's face mesh numbers them; presence: 0..1."""

    points_px: np.ndarray
    presence: float


@dataclass(frozen=True)
class Hand:
    """points_px: float32 [21, 2] x and y: 0 wrist, then thumb, index, middle, ring and little finger from the palm
    outwards, four each; presence: 0..1; held_frames: for how many frames it was carried by the flow, 0 where it was
    seen in this one; colors: uint8 [21, 3] RGB at the points when it was last seen;
    depth_px: float32 [21], towards the camera is negative."""

    points_px: np.ndarray
    presence: float
    held_frames: int = 0
    colors: np.ndarray | None = None
    depth_px: np.ndarray = field(default_factory=lambda: np.zeros(HAND_POINTS, np.float32))

    @property
    def solid_px(self) -> np.ndarray:
        """float32 [21, 3]: the points with their depth."""
        return np.column_stack((self.points_px, self.depth_px))

    def moved(self, points_px: np.ndarray) -> Hand:
        """The same hand, one frame later, not seen in it."""
        return replace(self, points_px=points_px, held_frames=self.held_frames + 1)


@dataclass(frozen=True)
class Sight:
    """The faces and hands of one frame, the surest of each first."""

    faces: tuple[Face, ...] = ()
    hands: tuple[Hand, ...] = ()

# SPDX-License-Identifier: Apache-2.0
"""The edge of a layer, where the source is a mix of old cloth and background: the background is put under it.

Called by layer_band.py, after a band was blended. As the picture is frame + strength * alpha * (layer - frame), a frame
of which a share w is the background there is made good afterwards by adding strength * (1 - alpha) * w * (background -
frame), at the few places where alpha is neither 0 nor 1. Invariant: nothing else is touched.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mirage_lsd.worker.paint.layer_box import Box, cut
from mirage_lsd.worker.paint.layer_maps import Rim

RIM = 8.0  # times a layer's coverage: from an eighth on it is laid on the background, not on the old cloth
LEAST = 1.0 / 512
BESIDE = np.ones((3, 3), np.uint8)  # scaled up, a share reaches a pixel of its map farther
ROW = 256  # cv2.remap takes no long columns


@dataclass(frozen=True)
class RimPlaces:
    """columns, rows intp [n] in a box of the frame; share f32 [n] 0..1: how far the frame's colour is background's,
    seen through the layer; behind u8 [n,3] BGR."""

    columns: np.ndarray
    rows: np.ndarray
    share: np.ndarray
    behind: np.ndarray

    @classmethod
    def within(cls, rim: Rim, box: Box, alpha: np.ndarray) -> RimPlaces | None:
        """alpha f32 [H,W] 0..1: the layer's coverage in the box. None where the layer has no edge there."""
        near, behind = cut(rim.share, box.near), cut(rim.behind, box.near)
        counts = cv2.dilate((near > LEAST).astype(np.uint8), BESIDE)
        counts = cut(cv2.resize(counts, box.span_px, interpolation=cv2.INTER_NEAREST), box.kept)
        places = cv2.findNonZero(cv2.bitwise_and(cv2.inRange(alpha, LEAST, 1.0 - LEAST), counts * np.uint8(255)))
        if places is None:
            return None
        columns, rows = places.reshape(-1, 2).T
        at = [(line + (kept + 0.5)) * (small / large) - 0.5 for line, kept, small, large in zip(
            (columns, rows), box.kept, near.shape[::-1], box.span_px, strict=False)]  # fmt: skip
        covered = alpha[rows, columns]
        share = np.minimum(np.float32(RIM) * covered, looked_up(near, *at))
        share *= 1.0 - covered
        return cls(columns, rows, share, looked_up(behind, *at))

    def clear(self, frame: np.ndarray, out: np.ndarray, strength: float) -> None:
        """Puts the background under the layer's edge in `out`, in place; frame, out u8 [H,W,4], of the box."""
        frame, picture = frame[self.rows, self.columns, :3], out[self.rows, self.columns]
        change = np.subtract(self.behind, frame, dtype=np.float32)
        change *= (self.share * np.float32(strength))[:, None]
        change += picture[:, :3]
        picture[:, :3] = np.clip(np.rint(change, out=change), 0.0, 255.0, out=change)
        out[self.rows, self.columns] = picture


def looked_up(plane: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A plane [h,w(,c)] at places f64 [n] between its pixels -> [n(,c)]."""
    count = -(-columns.size // ROW) * ROW
    across, down = (np.resize(line.astype(np.float32), (count // ROW, ROW)) for line in (columns, rows))
    found = cv2.remap(plane, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(count, *plane.shape[2:])[: columns.size]

# SPDX-License-Identifier: Apache-2.0
"""Flow-warp error with the world's true flow: how much a film changes along its own motion.

Pure functions, called by the scorers. Invariant: only pixels seen in both frames count, so a film that moves
as the flow says has (but for resampling) no error.
"""

from __future__ import annotations

import cv2
import numpy as np

EDGE_PX = 4  # flow is stored in 4x4 blocks: nearer to an outline it is not known
SOLID, EMPTY = 250, 5  # alpha levels of "person" and "no person"


def full_flow(blocks: np.ndarray, person: np.ndarray, drift_px: tuple[float, float]) -> np.ndarray:
    """Backward flow f32 [H,W,2] px (a pixel of now was at place + flow): the person's from blocks f16
    [H/4,W/4,2] where alpha u8 [H,W] is solid, else the background's, which moves by drift_px a frame."""
    height, width = person.shape
    flow = cv2.resize(blocks.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    flow[person < SOLID] = (-drift_px[0], -drift_px[1])
    return flow


def moved(before: np.ndarray, flow: np.ndarray, nearest: bool = False) -> np.ndarray:
    """The picture before, moved to now; outside the picture its edge is repeated."""
    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    how = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return cv2.remap(before, columns + flow[..., 0], rows + flow[..., 1], how, borderMode=cv2.BORDER_REPLICATE)


def seen_in_both(labels_before: np.ndarray, labels: np.ndarray, person: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """bool [H,W]: pixels that are the same part (u8 labels) now and where the flow says they were, away from the
    person's outline and from the picture's edge."""
    height, width = labels.shape
    same = moved(labels_before, flow, nearest=True) == labels
    outline = ((person > EMPTY) & (person < SOLID)).astype(np.uint8)
    outline |= (cv2.morphologyEx((person >= SOLID).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0)
    near = cv2.dilate(outline, np.ones((2 * EDGE_PX + 1,) * 2)) > 0
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return same & inside & ~near


def warp_error(before: np.ndarray, now: np.ndarray, flow: np.ndarray, seen: np.ndarray) -> float:
    """Mean absolute difference (0..255) of now and the moved before over the seen pixels; nan if none are."""
    if not seen.any():
        return float("nan")
    return float(cv2.absdiff(moved(before, flow), now)[seen].mean())

# SPDX-License-Identifier: Apache-2.0
"""Hands that were there and are not found now, blurred or quick ones, are carried by the flow for a few frames.

Called by the track stage. Pure numpy and OpenCV. Invariant: nothing is carried over a cut (no motion), nor for longer
than HELD_FRAMES, nor beside the same hand seen anew, nor to where the picture has another colour than the hand had.
"""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.stages.base import FrameMotion
from mirage_lsd.worker.tracking.eyes.sight import Hand, Sight

HELD_FRAMES = 6
OTHER_COLOR, LEAST_ALIKE = 0.08, 0.4  # share of the light that a channel may differ by, and of the points that do not
_SAME = 0.8  # of the hand's extent: a hand seen this close is the carried one
_STEPS = 3


def carried(before: Sight | None, now: Sight, motion: FrameMotion | None, source: np.ndarray) -> Sight:
    """What is seen now, with the hands that it lost. source: uint8 [H, W, 3 or 4] BGR(A)."""
    if before is None or motion is None:
        return now
    kept, size_px = list(now.hands), source.shape[1::-1]
    for hand in before.hands:
        if hand.held_frames < HELD_FRAMES:
            went_px = moved_points(hand.points_px, motion.flow, size_px) - hand.points_px
            held = hand.moved(hand.points_px + np.median(went_px, axis=0))  # as one
            alike = _inside(held, size_px) and _alike(held, source)
            if alike and not any(_same(held, other) for other in kept):
                kept.append(held)
    return Sight(now.faces, tuple(kept))


def moved_points(points_px: np.ndarray, flow: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """float32 [n, 2] of the last frame -> where they are now. flow: see FrameMotion: it is told for places of this
    frame, so the place is found in steps."""
    rows, columns = flow.shape[2:]
    cell_px = np.float32(size_px) / np.float32((columns, rows))
    fields = [np.ascontiguousarray(flow[0, axis], np.float32) for axis in (0, 1)]
    there_px = points_px
    for _ in range(_STEPS):
        x, y = (there_px / cell_px - 0.5).astype(np.float32).T
        went = [cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for field in fields]
        there_px = points_px - np.stack([part.reshape(-1) for part in went], 1) * cell_px
    return there_px.astype(np.float32)


def _alike(hand: Hand, source: np.ndarray) -> bool:
    """Whether most of its points still lie on its own colour, lighter or darker."""
    if hand.colors is None:
        return True
    height_px, width_px = source.shape[:2]
    x, y = np.clip(hand.points_px, 0, (width_px - 1, height_px - 1)).astype(int).T
    now, own = (_chroma(colors) for colors in (source[y, x, 2::-1], hand.colors))
    away = np.abs(now - np.median(own, axis=0)).max(axis=1)
    return bool(np.mean(away < OTHER_COLOR) >= LEAST_ALIKE)


def _chroma(colors: np.ndarray) -> np.ndarray:
    """uint8 [n, 3] RGB -> float32 [n, 3]: each channel's share of the light."""
    light = colors.astype(np.float32) + 8.0
    return light / light.sum(axis=1, keepdims=True)


def _inside(hand: Hand, size_px: tuple[int, int]) -> bool:
    x, y = hand.points_px.mean(0)
    return bool(0 <= x < size_px[0] and 0 <= y < size_px[1])


def _same(one: Hand, other: Hand) -> bool:
    away_px = float(np.linalg.norm(one.points_px.mean(0) - other.points_px.mean(0)))
    return away_px < _SAME * min(float(np.ptp(hand.points_px, axis=0).max()) for hand in (one, other))

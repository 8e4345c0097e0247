# SPDX-License-Identifier: Apache-2.0
"""What the eyes would see of drawn people: faces as ovals, hands with spread fingers; and fine pictures of drawings."""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.paint.detail.fine import FinePicture, box_around, fine_picture, fine_size_px
from mirage_lsd.worker.paint.detail.seen.kept import FACE_LENGTH
from mirage_lsd.worker.tracking.eyes.sight import CHIN, FACE_POINTS, OVAL, Face, Hand

FINGER_SPREAD = np.radians([-65.0, -25.0, -5.0, 15.0, 40.0])  # thumb to little finger, from straight up
JOINTS = (0.55, 0.75, 0.9, 1.05)  # lengths of a hand, from the wrist


def face_at(x_px: float, y_px: float, width_px: float) -> Face:
    """A face whose oval is an ellipse about (x, y)."""
    points = np.tile(np.float32([x_px, y_px]), (FACE_POINTS, 1))
    turn = np.linspace(0.0, 2.0 * np.pi, len(OVAL), endpoint=False)  # from the forehead clockwise, as OVAL
    around = np.stack([np.sin(turn), -FACE_LENGTH * np.cos(turn)], 1) * width_px / 2
    points[list(OVAL)] += around.astype(np.float32)
    points[CHIN] = x_px, y_px + FACE_LENGTH * width_px / 2
    return Face(points, 0.99)


def hand_at(x_px: float, y_px: float, length_px: float, held_frames: int = 0) -> Hand:
    """An open hand upright, its wrist at (x, y), with air between the fingers."""
    points = [np.float32([x_px, y_px])]
    for spread in FINGER_SPREAD:
        root = np.float32([x_px + 0.28 * length_px * np.sin(spread), y_px - 0.45 * length_px])
        away = np.float32([np.sin(spread), -np.cos(spread)]) * length_px
        points += [root + (joint - JOINTS[0]) * away for joint in JOINTS]
    return Hand(np.float32(points), 0.99, held_frames)


def fine_of(bgr: np.ndarray) -> FinePicture:
    """The whole of u8 [h,w,3] as a fine picture."""
    return fine_around(np.dstack([bgr, np.full(bgr.shape[:2], 255, np.uint8)]), np.ones(bgr.shape[:2], bool))


def noisy(bgr: np.ndarray, levels: float = 1.5, seed: int = 1) -> np.ndarray:
    """u8 [h,w,3] with a camera's noise."""
    noise = np.random.default_rng(seed).normal(0.0, levels, bgr.shape)
    return np.clip(bgr + noise, 0, 255).astype(np.uint8)


def fine_around(source: np.ndarray, shown: np.ndarray) -> FinePicture | None:
    """The fine picture of a source u8 [H,W,4] around what is shown, bool [h,w]; None where nothing is."""
    box = box_around(shown, fine_size_px(source.shape[1], source.shape[0]))
    return None if box is None else fine_picture(source, box)

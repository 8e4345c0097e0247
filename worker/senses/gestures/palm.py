# SPDX-License-Identifier: Apache-2.0
"""Finds palms in a picture, with MediaPipe's palm detector (lite).

Called by the gestures' process, one thread. Invariant: the answer is in pixels of the picture that was given.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mirage_lsd.worker.senses.gestures.tflite import Model, model_file

SIDE_PX = 192
LEAST_SCORE = 0.4
_STRIDES = ((8, 2), (16, 6))  # pixels from one anchor to the next, and anchors at each place
_WRIST, _MIDDLE_KNUCKLE = 0, 2  # of the seven points


@dataclass(frozen=True)
class Palm:
    """wrist_px, knuckle_px: float32 [2], x and y, of the wrist and of the middle finger's knuckle. center_px: of the
    palm's square; size_px: its side. score: 0 … 1."""

    wrist_px: np.ndarray
    knuckle_px: np.ndarray
    center_px: np.ndarray
    size_px: float
    score: float


class PalmFinder:
    """Call it with uint8 [H, W, 3] RGB; returns the surest palm, None if there is none."""

    def __init__(self) -> None:
        self._model = Model(model_file("palm_detection_lite.tflite"))
        self._anchors = _anchors()

    def __call__(self, picture: np.ndarray) -> Palm | None:
        square, scale, pad_px = _letterboxed(picture)
        boxes, scores = self._model(square)
        boxes, scores = boxes.reshape(-1, 18), scores.reshape(-1)
        assert len(boxes) == len(self._anchors), f"{len(boxes)} boxes for {len(self._anchors)} anchors"
        best = int(scores.argmax())
        score = float(1 / (1 + np.exp(-np.clip(scores[best], -60, 60))))
        if score < LEAST_SCORE:
            return None
        points = boxes[best].reshape(9, 2) / SIDE_PX  # center (from its anchor), size, seven points
        points[np.arange(9) != 1] += self._anchors[best]
        points_px = points * SIDE_PX / scale
        size_px = float(points_px[1].max())
        points_px = points_px - np.array(pad_px, np.float32) / scale
        return Palm(points_px[2 + _WRIST], points_px[2 + _MIDDLE_KNUCKLE], points_px[0], size_px, score)


def _letterboxed(picture: np.ndarray) -> tuple[np.ndarray, float, tuple[int, int]]:
    """(float32 [1, SIDE, SIDE, 3] of 0 … 1, scale, (left, top) of the picture in it)."""
    height_px, width_px = picture.shape[:2]
    scale = SIDE_PX / max(height_px, width_px)
    small = cv2.resize(picture, (max(round(width_px * scale), 1), max(round(height_px * scale), 1)),
                       interpolation=cv2.INTER_AREA)
    out = np.zeros((1, SIDE_PX, SIDE_PX, 3), np.float32)
    top, left = (SIDE_PX - small.shape[0]) // 2, (SIDE_PX - small.shape[1]) // 2
    out[0, top : top + small.shape[0], left : left + small.shape[1]] = small / np.float32(255)
    return out, scale, (left, top)


def _anchors() -> np.ndarray:
    """float32 [2016, 2]: x and y of each anchor, 0 … 1, row by row, the finer grid first."""
    found = []
    for stride, count in _STRIDES:
        side = SIDE_PX // stride
        rows, columns = np.divmod(np.arange(side * side), side)
        found.append(np.repeat(np.stack([columns + 0.5, rows + 0.5], 1) / side, count, axis=0))
    return np.concatenate(found).astype(np.float32)

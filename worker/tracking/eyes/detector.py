# SPDX-License-Identifier: Apache-2.0
"""Finds faces or palms in a small letterboxed picture: MediaPipe's detectors, which are single-shot (SSD) nets.

Each answers, for every anchor, with a box and key points in input pixels relative to the anchor, and a LOGIT of how
surely something is there. Called by faces.py and hands.py, one thread. Invariant: answers are in pixels of the picture
given, the surest first, no two of them the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mirage_lsd.worker.tracking.eyes.tflite import Model
from mirage_lsd.worker.tracking.reduced import reduced

_STRIDES = ((8, 2), (16, 6))  # pixels from one anchor to the next, and anchors at each place
_SAME = 0.3  # of the union: boxes that share more are one thing


@dataclass(frozen=True)
class Found:
    """center_px: float32 [2] x and y; size_px: the longer side of its box; points_px: float32 [k, 2], the key points;
    score: 0..1."""

    center_px: np.ndarray
    size_px: float
    points_px: np.ndarray
    score: float


class Detector:
    """file: in models/data; low: what black is in the input (0 or -1; white is 1); least_score: 0..1."""

    def __init__(self, file: str, low: float, least_score: float) -> None:
        self._model = Model(file)
        self._low, self._least_score = low, least_score
        self._side_px = self._model.input_shape[1]
        self._anchors = _anchors(self._side_px)

    def __call__(self, picture: np.ndarray, box_px: tuple[int, int, int, int] | None = None) -> list[Found]:
        """picture: uint8 [H, W, 3 or 4] BGR(A); box_px: left, top, right, bottom of the part to search."""
        left, top, right, bottom = box_px or (0, 0, picture.shape[1], picture.shape[0])
        square, scale, pad_px = self._letterboxed(picture[top:bottom, left:right])
        boxes, scores = self._split(self._model(square))
        sure = 1 / (1 + np.exp(-np.clip(scores, -60, 60)))
        chosen = np.flatnonzero(sure >= self._least_score)
        chosen = chosen[np.argsort(-sure[chosen], kind="stable")]
        values = boxes[chosen].reshape(len(chosen), boxes.shape[1] // 2, 2)  # center, size, key points
        values[:, np.arange(values.shape[1]) != 1] += self._anchors[chosen, None] * self._side_px
        values /= scale
        shift = np.array((left, top), np.float32) - pad_px / np.float32(scale)
        found = [Found(one[0] + shift, float(one[1].max()), one[2:] + shift, float(sure[k]))
                 for one, k in zip(values, chosen, strict=True)]
        return _apart(found)

    def _split(self, outputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """float32 [anchors, values], float32 [anchors], whatever order the file has them in."""
        scores, boxes = sorted(outputs, key=lambda output: output.shape[-1])
        assert boxes.shape[1] == len(self._anchors), f"{boxes.shape[1]} boxes for {len(self._anchors)} anchors"
        return boxes[0], scores.reshape(-1)

    def _letterboxed(self, picture: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        """(float32 [1, side, side, 3] of low..1, scale, float32 [2] left and top of the picture in it)."""
        side, (height_px, width_px) = self._side_px, picture.shape[:2]
        scale = side / max(height_px, width_px)
        small = reduced(picture, (max(round(width_px * scale), 1), max(round(height_px * scale), 1)))
        small = cv2.cvtColor(small, cv2.COLOR_BGRA2RGB if small.shape[2] == 4 else cv2.COLOR_BGR2RGB)
        out = np.full((1, side, side, 3), self._low, np.float32)
        top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
        out[0, top : top + small.shape[0], left : left + small.shape[1]] = (
            small * np.float32((1 - self._low) / 255) + np.float32(self._low))
        return out, scale, np.array((left, top), np.float32)


def _apart(found: list[Found]) -> list[Found]:
    """Without what repeats something surer."""
    kept: list[Found] = []
    for one in found:
        if all(_overlap(one, other) < _SAME for other in kept):
            kept.append(one)
    return kept


def _overlap(one: Found, other: Found) -> float:
    """Of two squares: what they share by what they cover, 0..1."""
    low = np.maximum(one.center_px - one.size_px / 2, other.center_px - other.size_px / 2)
    high = np.minimum(one.center_px + one.size_px / 2, other.center_px + other.size_px / 2)
    shared = float(np.prod(np.maximum(high - low, 0)))
    return shared / (one.size_px**2 + other.size_px**2 - shared + 1e-6)


def _anchors(side_px: int) -> np.ndarray:
    """float32 [n, 2]: x and y of each anchor, 0..1, row by row, the finer grid first."""
    found = []
    for stride, count in _STRIDES:
        side = side_px // stride
        rows, columns = np.divmod(np.arange(side * side), side)
        found.append(np.repeat(np.stack([columns + 0.5, rows + 0.5], 1) / side, count, axis=0))
    return np.concatenate(found).astype(np.float32)

# SPDX-License-Identifier: Apache-2.0
"""The 21 points of a hand, with MediaPipe's hand landmark model (lite); follows the hand from look to look.

Called by the gestures' process, one thread. While a hand is followed only the landmark model runs; the palm detector
looks for a new one. Points as MediaPipe numbers them: 0 wrist, then thumb, index, middle, ring and little finger from
the palm outwards, four each. Invariant: the answer is in pixels of the picture that was given.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mirage_lsd.worker.senses.gestures.palm import Palm, PalmFinder
from mirage_lsd.worker.senses.gestures.tflite import Model, model_file

SIDE_PX = 224
POINTS = 21
LEAST_PRESENCE = 0.6
_PALM_GROWS, _PALM_MOVES = 2.6, 0.5  # from the palm's square to that of the whole hand: as MediaPipe crops it
_HAND_GROWS, _HAND_MOVES = 2.0, 0.1
_PALM_POINTS = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]
_MIDDLE_KNUCKLE = 9


@dataclass(frozen=True)
class Hand:
    """points: float32 [21, 3], x and y in pixels of the picture, z alike (towards the camera is negative)."""

    points: np.ndarray
    presence: float


@dataclass(frozen=True)
class _Square:
    """Where to look: center_px [2], side_px, and the angle by which the hand is turned from upright."""

    center_px: np.ndarray
    side_px: float
    angle: float


class HandFinder:
    """Call it with uint8 [H, W, 3] RGB; returns the hand, None if there is none."""

    def __init__(self) -> None:
        self._palms = PalmFinder()
        self._model = Model(model_file("hand_landmark_lite.tflite"))
        self._square: _Square | None = None

    @property
    def following(self) -> bool:
        """True while the next look needs no search."""
        return self._square is not None

    def reset(self) -> None:
        """Forget the hand: the next picture is another one."""
        self._square = None

    def __call__(self, picture: np.ndarray) -> Hand | None:
        square = self._square
        if square is None:
            palm = self._palms(picture)
            square = _around_palm(palm) if palm else None
        hand = self._points(picture, square) if square else None
        self._square = _around_hand(hand.points) if hand else None
        return hand

    def _points(self, picture: np.ndarray, square: _Square) -> Hand | None:
        to_picture = _to_picture(square)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(picture, to_picture, (SIDE_PX, SIDE_PX), flags=flags)
        found, presence, *_ = self._model(crop[None].astype(np.float32) / 255)
        if float(presence.item()) < LEAST_PRESENCE:
            return None
        points = found.reshape(POINTS, 3).copy()
        points[:, :2] = points[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
        points[:, 2] *= square.side_px / SIDE_PX
        return Hand(points, float(presence.item()))


def _around_palm(palm: Palm) -> _Square:
    return _square(palm.wrist_px, palm.knuckle_px, palm.center_px, palm.size_px, _PALM_GROWS, _PALM_MOVES)


def _around_hand(points: np.ndarray) -> _Square:
    """The square for the next look, from the points of this one."""
    flat = points[:, :2]
    angle = _angle(flat[0], (flat[5] + flat[13]) / 4 + flat[_MIDDLE_KNUCKLE] / 2)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    upright = flat[_PALM_POINTS] @ turn.T
    low, high = upright.min(axis=0), upright.max(axis=0)
    center, size_px = turn.T @ ((low + high) / 2), float((high - low).max())
    return _moved(center, size_px, angle, _HAND_GROWS, _HAND_MOVES)


def _square(wrist: np.ndarray, knuckle: np.ndarray, center, size_px: float, grows: float, moves: float) -> _Square:
    return _moved(np.asarray(center, np.float32), size_px, _angle(wrist, knuckle), grows, moves)


def _moved(center: np.ndarray, size_px: float, angle: float, grows: float, moves: float) -> _Square:
    """A square that is larger, and further along the fingers."""
    fingers = np.array([np.sin(angle), -np.cos(angle)], np.float32)
    return _Square(center + fingers * size_px * moves, size_px * grows, angle)


def _angle(wrist: np.ndarray, knuckle: np.ndarray) -> float:
    """Of the way from the wrist to the middle finger's knuckle, clockwise from upwards, in radians."""
    return float(np.arctan2(knuckle[0] - wrist[0], wrist[1] - knuckle[1]))


def _to_picture(square: _Square) -> np.ndarray:
    """float64 [2, 3]: from a place in the crop to that in the picture."""
    scale = square.side_px / SIDE_PX
    cos, sin = np.cos(square.angle) * scale, np.sin(square.angle) * scale
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.hstack([turn, (np.asarray(square.center_px) - turn @ [SIDE_PX / 2, SIDE_PX / 2])[:, None]])

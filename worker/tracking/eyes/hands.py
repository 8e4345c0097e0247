# SPDX-License-Identifier: Apache-2.0
"""The 21 points of every hand, followed from look to look: MediaPipe's palm detector and hand landmarks.

Called by Eyes and by the gestures' process, one thread each. palm_detection_lite: float32 [1, 192, 192, 3] RGB 0..1 ->
2016 boxes of 18 values (center, size, wrist, knuckles, thumb), scores are logits. hand_landmark_lite: float32 [1, 224,
224, 3] RGB 0..1 -> 21 points of 3 in input pixels; presence is a PROBABILITY. Invariant: answers are in pixels of the
picture given, and a followed hand needs no detector.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.tracking.eyes.detector import Detector, Found
from mirage_lsd.worker.tracking.eyes.sight import HAND_POINTS, Hand
from mirage_lsd.worker.tracking.eyes.square import Square, around, moved, upright_angle
from mirage_lsd.worker.tracking.eyes.tflite import Model

MOST_HANDS = 4
SIDE_PX = 224
LEAST_SCORE, LEAST_PRESENCE = 0.4, 0.5
_PALM_GROWS, _PALM_MOVES = 2.6, 0.5  # from the palm's square to that of the whole hand: as MediaPipe crops it
_HAND_GROWS, _HAND_MOVES = 2.0, 0.1
_PALM_POINTS = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]
_WRIST, _KNUCKLE = 0, 2  # of the detector's seven points: the wrist and the middle finger's knuckle
_SAME = 0.2  # of the square's side: hands this close are one


class Hands:
    """Keeps the squares in which the next look's hands should be."""

    def __init__(self, most: int = MOST_HANDS) -> None:
        self._detector = Detector("palm_detection_lite.tflite", 0.0, LEAST_SCORE)
        self._landmarks = Model("hand_landmark_lite.tflite")
        self._most = most
        self._squares: list[Square] = []

    @property
    def following(self) -> int:
        """How many the next look needs no search for."""
        return len(self._squares)

    def __call__(self, picture: np.ndarray, search: bool) -> list[Hand]:
        """picture: uint8 [H, W, 3 or 4] BGR(A); search: run the detector if not every hand is known."""
        hands: list[Hand] = []
        squares, self._squares = self._squares, []
        for square in squares:
            self._look(picture, square, hands)
        if search and len(hands) < self._most:
            for found in self._detector(picture):
                self._look(picture, _around_palm(found), hands)
        return sorted(hands, key=lambda hand: -hand.presence)

    def expect(self, hands: tuple[Hand, ...]) -> None:
        """Where to look next, hands that were not seen this time included."""
        self._squares = [_around_hand(hand.points_px) for hand in hands]

    def reset(self) -> None:
        """Forgets every hand: the next picture is another one."""
        self._squares = []

    def _look(self, picture: np.ndarray, square: Square, hands: list[Hand]) -> None:
        """Adds the hand in the square, if there is one that is not known."""
        if len(hands) >= self._most or any(square.near(known, _SAME) for known in self._squares):
            return
        points, presence, *_ = self._landmarks(square.cut(picture, SIDE_PX))
        if float(presence.item()) < LEAST_PRESENCE:
            return
        points = points.reshape(HAND_POINTS, 3)
        points_px = square.place(points[:, :2], SIDE_PX)
        following = _around_hand(points_px)
        if not any(following.near(known, _SAME) for known in self._squares):
            self._squares.append(following)
            depth_px = points[:, 2] * np.float32(square.side_px / SIDE_PX)
            hands.append(Hand(points_px, float(presence.item()), 0, depth_px))


def _around_palm(found: Found) -> Square:
    angle = upright_angle(found.points_px[_WRIST], found.points_px[_KNUCKLE])
    return moved(found.center_px, found.size_px, angle, _PALM_GROWS, _PALM_MOVES)


def _around_hand(points: np.ndarray) -> Square:
    """The square for the next look, from the points [21, 2] of this one."""
    angle = upright_angle(points[0], (points[5] + points[13]) / 4 + points[9] / 2)
    return around(points[_PALM_POINTS], angle, _HAND_GROWS, _HAND_MOVES)

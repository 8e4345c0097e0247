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
from mirage_lsd.worker.tracking.eyes.unchanged import Unchanged

MOST_HANDS, USUAL_HANDS = 4, 2
SIDE_PX = 224
LEAST_SCORE, LEAST_PRESENCE = 0.4, 0.3  # MediaPipe's own .5 loses blurred hands
_GROWTHS = (1.0, 1.3)  # squares to look in, one after the other: a quick hand has left its own
LOST_LOOKS = 12  # for so many after a hand was lost, each searches for it
_PALM_GROWS, _PALM_MOVES = 2.6, 0.5  # from the palm's square to that of the whole hand: as MediaPipe crops it
_HAND_GROWS, _HAND_MOVES = 2.0, 0.1
_PALM_POINTS = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]
_WRIST, _KNUCKLE = 0, 2  # of the detector's seven points: the wrist and the middle finger's knuckle
_SAME = 0.2  # of the square's side: hands this close are one
_STILL, _MOST_STILL = 4.0, 3  # of 255; looks: a hand that has not moved is not read again
_MIDDLE = 0.15  # of the square's side: how far from its middle the points are still exact


class Hands:
    """Keeps the squares in which the next look's hands should be. most: how many it follows; usual: with so many known,
    no more are searched for unless told."""

    def __init__(self, most: int = MOST_HANDS, usual: int = USUAL_HANDS) -> None:
        self._detector = Detector("palm_detection_lite.tflite", 0.0, LEAST_SCORE)
        self._landmarks = Model("hand_landmark_lite.tflite")
        self._most, self._usual = most, min(most, usual)
        self._squares: list[Square] = []
        self._unchanged: Unchanged[Hand] = Unchanged(_STILL, _MOST_STILL)
        self._seen = self._lost_looks = 0

    @property
    def following(self) -> int:
        """How many hands were seen in the last look."""
        return self._seen

    def __call__(self, picture: np.ndarray, search: bool = False, again: bool = True) -> list[Hand]:
        """picture: uint8 [H, W, 3 or 4] BGR(A); search: whether to run the detector; again: whether to where a hand was
        lost lately."""
        hands: list[Hand] = []
        self._unchanged.begin()
        squares, self._squares = self._squares, []
        for square in squares:
            any(self._look(picture, square.grown(by), hands) for by in _GROWTHS)
        if len(hands) < self._seen:
            self._lost_looks = LOST_LOOKS
        again = again and self._lost_looks > 0 and len(hands) < self._usual
        if (search or again) and len(hands) < self._most:
            for found in self._detector(picture):
                self._look(picture, _around_palm(found), hands)
        self._seen, self._lost_looks = len(hands), max(self._lost_looks - 1, 0)
        return sorted(hands, key=lambda hand: -hand.presence)

    def expect(self, hands: tuple[Hand, ...]) -> None:
        """Where to look next, hands that were not seen this time included."""
        self._squares = [_around_hand(hand.points_px) for hand in hands]

    def reset(self) -> None:
        """Forgets every hand: the next picture is another one."""
        self._squares = []
        self._unchanged.reset()
        self._seen = self._lost_looks = 0

    def _look(self, picture: np.ndarray, square: Square, hands: list[Hand]) -> bool:
        """Adds the hand in the square, if there is one that is not known; whether nothing is left to look for there.
        Where it has left the square's middle, it is looked at once more."""
        if len(hands) >= self._most or any(square.near(known, _SAME) for known in self._squares):
            return True
        hand = self._read(picture, square)
        if hand is None:
            return False
        if not _around_hand(hand.points_px).near(square, _MIDDLE):
            hand = self._read(picture, _around_hand(hand.points_px)) or hand
        following = _around_hand(hand.points_px)
        if not any(following.near(known, _SAME) for known in self._squares):
            self._squares.append(following)
            hands.append(hand)
        return True

    def _read(self, picture: np.ndarray, square: Square) -> Hand | None:
        known = self._unchanged.recall(picture, square)
        if known is not None:
            return known
        cut = square.cut(picture, SIDE_PX)
        points, presence, *_ = self._landmarks(cut)
        if float(presence.item()) < LEAST_PRESENCE:
            return None
        points = points.reshape(HAND_POINTS, 3)
        depth_px = points[:, 2] * np.float32(square.side_px / SIDE_PX)
        x, y = np.clip(points[:, :2], 0, SIDE_PX - 1).astype(int).T
        colors = (cut[0, y, x] * 255).astype(np.uint8)
        hand = Hand(square.place(points[:, :2], SIDE_PX), float(presence.item()), 0, colors, depth_px)
        return self._unchanged.keep(picture, square, hand)


def _around_palm(found: Found) -> Square:
    angle = upright_angle(found.points_px[_WRIST], found.points_px[_KNUCKLE])
    return moved(found.center_px, found.size_px, angle, _PALM_GROWS, _PALM_MOVES)


def _around_hand(points: np.ndarray) -> Square:
    """The square for the next look, from the points [21, 2] of this one."""
    angle = upright_angle(points[0], (points[5] + points[13]) / 4 + points[9] / 2)
    return around(points[_PALM_POINTS], angle, _HAND_GROWS, _HAND_MOVES)

# SPDX-License-Identifier: Apache-2.0
"""Whether a gesture is meant: a sign held still, or a quick wave of the open hand to one side.

Called for every look, with or without a hand. Invariants: a sign counts once each time it is made, after HOLD_MS of
the same sign by a hand that stays where it is; nothing counts within COOLDOWN_MS of the last gesture; a swipe needs an
open hand all the way, goes nearly level, and is over in SWIPE_MS. So talking with one's hands triggers nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from mirage_lsd.worker.senses.gestures.signs import NONE, OPEN_PALM, sign_of

HOLD_MS, COOLDOWN_MS = 700, 1500
HOLD_LOOKS = 4
STILL = 0.3  # of the palm's length: how far the hand may drift while it holds a sign
LOST_MS = 600  # a gap this short in the looks does not end what is under way
SWIPE_MS, SWIPE_PALMS, SWIPE_LOOKS = 700, 2.5, 3
LEVEL = 0.5  # height of a swipe by its width, at most
SWIPE_LEFT, SWIPE_RIGHT = "swipe_left", "swipe_right"


@dataclass(frozen=True)
class _Look:
    at_ms: float
    sign: str
    place: np.ndarray  # [2], of the palm's middle
    palm: float
    open: bool


class Watcher:
    """Call it with the time and the hand's points (None: no hand); returns a gesture, "" for none.

    mirrored: the picture is a mirror's. Left and right are those of the person.
    """

    def __init__(self, mirrored: bool = False) -> None:
        self._to_the_right = 1 if mirrored else -1  # a camera's picture has the person's right on its left
        self._looks: deque[_Look] = deque(maxlen=64)
        self._seen_ms = self._silent_until_ms = 0.0
        self._done = NONE  # the sign that has counted and is still held

    def __call__(self, at_ms: float, points: np.ndarray | None) -> str:
        if at_ms - self._seen_ms > LOST_MS:
            self._looks.clear()
            self._done = NONE
        if points is None:
            return NONE
        self._seen_ms = at_ms
        now = _look(at_ms, points)
        self._looks.append(now)
        if now.sign != self._done and not self._blinks(now):
            self._done = NONE
        if at_ms < self._silent_until_ms:
            return NONE
        return self._counted(at_ms, self._swipe(now) or self._held(now))

    def _counted(self, at_ms: float, gesture: str) -> str:
        if gesture:
            self._silent_until_ms = at_ms + COOLDOWN_MS
            self._looks.clear()
        return gesture

    def _blinks(self, now: _Look) -> bool:
        """The sign that has counted was seen within LOST_MS: one look in between is no letting go."""
        return any(look.sign == self._done and now.at_ms - look.at_ms < LOST_MS for look in self._looks)

    def _held(self, now: _Look) -> str:
        if now.sign in (NONE, self._done):
            return NONE
        since = []
        for look in reversed(self._looks):
            if look.sign != now.sign:
                break
            since.append(look)
        places = np.stack([look.place for look in since])
        drift = float(np.ptp(places, axis=0).max())
        long_enough = now.at_ms - since[-1].at_ms >= HOLD_MS and len(since) >= HOLD_LOOKS
        if not long_enough or drift > STILL * now.palm:
            return NONE
        self._done = now.sign
        return now.sign

    def _swipe(self, now: _Look) -> str:
        path = [look for look in self._looks if now.at_ms - look.at_ms <= SWIPE_MS]
        for start in range(len(path) - SWIPE_LOOKS + 1):
            width = _swept(path[start:])
            if abs(width) > SWIPE_PALMS * now.palm:
                return SWIPE_RIGHT if width * self._to_the_right > 0 else SWIPE_LEFT
        return NONE


def _swept(path: list[_Look]) -> float:
    """How far to the right of the picture an open hand went, level and without turning back; 0 if it did not."""
    places = np.stack([look.place for look in path])
    steps, width = np.diff(places[:, 0]), float(places[-1, 0] - places[0, 0])
    one_way = bool((np.sign(steps) == np.sign(width)).all())
    level = float(np.ptp(places[:, 1])) <= LEVEL * abs(width)
    return width if one_way and level and all(look.open for look in path) else 0.0


def _look(at_ms: float, points: np.ndarray) -> _Look:
    sign = sign_of(points)
    palm = float(np.linalg.norm(points[9, :2] - points[0, :2]))
    place = points[[0, 5, 9, 13, 17], :2].mean(axis=0)
    return _Look(at_ms, sign, place, palm, sign == OPEN_PALM or _fingers_out(points))


def _fingers_out(points: np.ndarray) -> bool:
    """Three fingers or more reach out: a waving hand is seldom a perfect open palm."""
    wrist = points[0]
    tips, joints = (np.linalg.norm(points[numbers] - wrist, axis=1) for numbers in ([8, 12, 16, 20], [6, 10, 14, 18]))
    return int((tips > 1.2 * joints).sum()) >= 3

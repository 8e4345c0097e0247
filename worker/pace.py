# SPDX-License-Identifier: Apache-2.0
"""Which working size mirage-lsd-tiny runs at where the user leaves it to us ("auto"): the largest that keeps pace.

Owned by the engine host; called by the loading thread (`start`) and the worker's loop thread (`took`). A first guess is
made from the nets' own time at start; after that the frames' times decide. Invariant: a change is rare, since it starts
the stream's history afresh: down after two seconds of frames that are too slow, or four with more than one in twenty
of them; up only after ten seconds with room to spare, and a size that proved too slow is not tried again for a minute,
then two, then four.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from statistics import median

from mirage_lsd.worker.models.config import AUTO_SIZES, BUCKETS

log = logging.getLogger(__name__)
BUDGET_MS = 40.0  # 24 frames a second, and what is promised of all frames but one in twenty
ROOM_TO_SPARE = 0.9  # of the budget that a larger size may be expected to take
WHOLE_FRAME = 1.5  # a frame's time over its nets' alone: person mask, full-size work, rings
SCALED_SHARE = 0.5  # of a frame's time that grows with the working size
WINDOW_FRAMES = 48
SLOW_FRAMES = 2  # the slowest frames of a window that may be over the budget
LATE_WINDOWS = 2  # as many windows in a row with more such frames are too many
WINDOWS_UNTIL_UP = 5
BARRED_S, BARRED_AT_MOST_S = 60.0, 1920.0


class Pace:
    """size: the working size to run at, one of AUTO_SIZES."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self.size = AUTO_SIZES[-1]
        self._now_s = now_s
        self._frames: deque[float] = deque(maxlen=WINDOW_FRAMES)
        self._good_windows = self._late_windows = 0
        self._barred: dict[str, tuple[float, float]] = {}  # size -> (until when, for how long)

    def start(self, size: str, nets_ms: float) -> None:
        """A first guess, from the time that a frame's nets take at one size."""
        wanted = {name: nets_ms * WHOLE_FRAME * _area(name) / _area(size) for name in AUTO_SIZES}
        fits = [name for name in AUTO_SIZES if wanted[name] <= BUDGET_MS]
        self.size = fits[-1] if fits else AUTO_SIZES[0]
        log.info("working size %s chosen: the nets take %.0f ms a frame at %s", self.size, nets_ms, size)

    def took(self, size: str, frame_ms: float) -> None:
        """Books a frame that was run at a size. Frames still at another size say nothing."""
        if size != self.size:
            return
        self._frames.append(frame_ms)
        if len(self._frames) == WINDOW_FRAMES:
            usual_ms, slow_ms = median(self._frames), sorted(self._frames)[-1 - SLOW_FRAMES]
            self._frames.clear()
            self._late_windows = self._late_windows + 1 if slow_ms > BUDGET_MS else 0
            self._judge(usual_ms)

    def _judge(self, usual_ms: float) -> None:
        place = AUTO_SIZES.index(self.size)
        larger = AUTO_SIZES[place + 1] if place + 1 < len(AUTO_SIZES) else None
        if (usual_ms > BUDGET_MS or self._late_windows >= LATE_WINDOWS) and place:
            self._bar(self.size)
            self._change(AUTO_SIZES[place - 1], usual_ms)
        elif larger and self._is_free(larger) and _expected(usual_ms, self.size, larger) < ROOM_TO_SPARE * BUDGET_MS:
            self._good_windows += 1
            if self._good_windows >= WINDOWS_UNTIL_UP:
                self._change(larger, usual_ms)
        else:
            self._good_windows = 0

    def _change(self, size: str, usual_ms: float) -> None:
        log.info("working size %s after %s: a frame took %.0f ms of %.0f", size, self.size, usual_ms, BUDGET_MS)
        self.size, self._good_windows, self._late_windows = size, 0, 0
        self._frames.clear()

    def _bar(self, size: str) -> None:
        _, before_s = self._barred.get(size, (0.0, BARRED_S / 2))
        for_s = min(2 * before_s, BARRED_AT_MOST_S)
        self._barred[size] = self._now_s() + for_s, for_s

    def _is_free(self, size: str) -> bool:
        return self._now_s() >= self._barred.get(size, (0.0, 0.0))[0]


def _area(size: str) -> int:
    width_px, height_px = BUCKETS[size][0]
    return width_px * height_px


def _expected(usual_ms: float, size: str, larger: str) -> float:
    return usual_ms * (1.0 - SCALED_SHARE + SCALED_SHARE * _area(larger) / _area(size))

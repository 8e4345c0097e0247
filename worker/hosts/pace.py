# SPDX-License-Identifier: Apache-2.0
"""Which working size, and how many steps, mirage-lsd-tiny runs at where the user leaves it to us ("auto"): the most
that keeps pace.

Owned by the engine host; called by the loading thread (`start`) and the worker's loop thread (`record`). A first guess
is made from the nets' own time at start; after that the frames' times decide: first the size, and at the smallest one
the steps go down, and they come back the other way round. Invariant: a change is rare, since another size starts the
stream's history afresh: down after two seconds of frames that are too slow, or four with more than one in twenty of
them, and at once and as far as need be where something else takes the processor; up only after ten seconds with room
to spare, and what proved too slow is not tried again for a minute, then two, then four.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from statistics import median

from mirage_lsd.shared.messages.settings import MIN_STEPS
from mirage_lsd.worker.models.config import AUTO_SIZES, BUCKETS

log = logging.getLogger(__name__)
BUDGET_MS = 40.0  # 24 frames a second, and what is promised of all frames but one in twenty
ROOM_TO_SPARE = 0.9  # of the budget that a larger size may be expected to take
WHOLE_FRAME = 1.5  # a frame's time over its nets' alone: person mask, full-size work, rings
SCALED_SHARE = 0.5  # of a frame's time that grows with the working size
STEP_SHARE = 0.15  # of a frame's time that a step more takes
FEWER_AT_MOST = 2  # steps that are left out at most
WINDOW_FRAMES, WINDOW_S, FEWEST_FRAMES = 48, 2.0, 8  # whichever of the first two is full first
SLOW_SHARE = 1 / 20  # of a window's frames, the slowest, that may be over the budget
FAR_TOO_SLOW, FEW_FRAMES = 2.5, 4  # times the budget, so many frames in a row: not worth a window
LATE_WINDOWS = 2  # as many windows in a row with more such frames are too many
WINDOWS_UNTIL_UP = 5
BARRED_S, BARRED_AT_MOST_S = 60.0, 1920.0


class Pace:
    """size: the working size to run at, one of AUTO_SIZES. fewer: how many steps less than asked for. usual_ms: what a
    frame took of late, 0 while nothing is known."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self.size, self.fewer, self.usual_ms = AUTO_SIZES[-1], 0, 0.0
        self._now_s = now_s
        self._frames: deque[float] = deque(maxlen=WINDOW_FRAMES)
        self._began_s = 0.0
        self._good_windows = self._late_windows = 0
        self._kept_pace = False  # at any time: at the start frames are slow because models are still being loaded
        self._barred: dict[object, tuple[float, float]] = {}  # (size, fewer) -> (until when, for how long)

    def start(self, size: str, nets_ms: float) -> None:
        """A first guess, from the time that a frame's nets take at one size."""
        wanted = {name: nets_ms * WHOLE_FRAME * _area(name) / _area(size) for name in AUTO_SIZES}
        fits = [name for name in AUTO_SIZES if wanted[name] <= BUDGET_MS]
        self.size = fits[-1] if fits else AUTO_SIZES[0]
        log.info("working size %s chosen: the nets take %.0f ms a frame at %s", self.size, nets_ms, size)

    def steps(self, wanted: int) -> int:
        """How many of the steps asked for to run."""
        return max(MIN_STEPS, wanted - self.fewer)

    def text(self, wanted_steps: int) -> str:
        """For the user: what it runs at, and why it is less than it might be."""
        steps = self.steps(wanted_steps)
        fewer = f", {steps} of {wanted_steps} steps" if steps < wanted_steps else ""
        text = f"running at the working size {self.size} (automatic){fewer}"
        if self.usual_ms > BUDGET_MS:
            return f"{text}; the machine is busy: a frame takes {self.usual_ms:.0f} ms of {BUDGET_MS:.0f}"
        return f"{text}; more was too slow and is tried again by and by" if self._is_held_back() else text

    def record(self, size: str, frame_ms: float) -> None:
        """Books a frame that was run at a size. Frames still at another size say nothing."""
        if size != self.size:
            return
        now_s = self._now_s()
        if not self._frames:
            self._began_s = now_s
        self._frames.append(frame_ms)
        newest = list(self._frames)[-FEW_FRAMES:]
        far_too_slow = self._kept_pace and len(newest) == FEW_FRAMES and min(newest) > FAR_TOO_SLOW * BUDGET_MS
        if far_too_slow:
            self._frames = deque(newest, WINDOW_FRAMES)  # what was before the machine got busy says nothing now
        timed_out = now_s - self._began_s >= WINDOW_S and len(self._frames) >= FEWEST_FRAMES
        if len(self._frames) == WINDOW_FRAMES or timed_out or far_too_slow:
            self._end_window()

    def _end_window(self) -> None:
        frames_ms = sorted(self._frames)
        self._frames.clear()
        self.usual_ms, slow_ms = median(frames_ms), frames_ms[-1 - int(SLOW_SHARE * len(frames_ms))]
        self._late_windows = self._late_windows + 1 if slow_ms > BUDGET_MS else 0
        self._kept_pace = self._kept_pace or slow_ms <= BUDGET_MS
        less, more = self._less(self.size, self.fewer), self._more()
        if self.usual_ms > BUDGET_MS or self._late_windows >= LATE_WINDOWS:
            self._good_windows = 0
            if less is not None:
                self._bar(self.size, self.fewer)
                if self._kept_pace and self.usual_ms > FAR_TOO_SLOW * BUDGET_MS:
                    less = self._what_fits(*less)
                self._change(*less)
        elif more is not None and self._is_free(*more) and self._expected(*more) < ROOM_TO_SPARE * BUDGET_MS:
            self._good_windows += 1
            if self._good_windows >= WINDOWS_UNTIL_UP:
                self._change(*more)
        else:
            self._good_windows = 0

    @staticmethod
    def _less(size: str, fewer: int) -> tuple[str, int] | None:
        """The (size, fewer) that takes the next less time."""
        place = AUTO_SIZES.index(size)
        if place:
            return AUTO_SIZES[place - 1], 0
        return (size, fewer + 1) if fewer < FEWER_AT_MOST else None

    def _what_fits(self, size: str, fewer: int) -> tuple[str, int]:
        """The most, from there down, that is expected to keep pace; else the least there is."""
        while self._expected(size, fewer) > BUDGET_MS and (less := self._less(size, fewer)) is not None:
            self._bar(size, fewer)
            size, fewer = less
        return size, fewer

    def _more(self) -> tuple[str, int] | None:
        """The (size, fewer) that takes the next more time."""
        if self.fewer:
            return self.size, self.fewer - 1
        place = AUTO_SIZES.index(self.size) + 1
        return (AUTO_SIZES[place], 0) if place < len(AUTO_SIZES) else None

    def _change(self, size: str, fewer: int) -> None:
        log.info("working size %s, %d steps fewer after %s, %d: a frame took %.0f ms of %.0f", size, fewer, self.size,
                 self.fewer, self.usual_ms, BUDGET_MS)
        self.size, self.fewer = size, fewer
        self._good_windows = self._late_windows = 0

    def _expected(self, size: str, fewer: int) -> float:
        """Milliseconds that a frame may take there."""
        sized = 1.0 - SCALED_SHARE + SCALED_SHARE * _area(size) / _area(self.size)
        return self.usual_ms * sized * (1.0 + STEP_SHARE * (self.fewer - fewer))

    def _bar(self, size: str, fewer: int) -> None:
        _, before_s = self._barred.get((size, fewer), (0.0, BARRED_S / 2))
        for_s = min(2 * before_s, BARRED_AT_MOST_S)
        self._barred[size, fewer] = self._now_s() + for_s, for_s

    def _is_free(self, size: str, fewer: int) -> bool:
        return self._now_s() >= self._barred.get((size, fewer), (0.0, 0.0))[0]

    def _is_held_back(self) -> bool:
        more = self._more()
        return more is not None and more in self._barred


def _area(size: str) -> int:
    width_px, height_px = BUCKETS[size][0]
    return width_px * height_px

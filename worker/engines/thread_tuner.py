# SPDX-License-Identifier: Apache-2.0
"""Which of several equal ways to do a thing is fastest on this machine, now: found by doing, not by asking.

Called by the ncnn engine around every run of a graph: two threads halve the time on a free machine, and multiply it
where OBS or a game has the cores, since each layer then waits for a thread that is not running. Invariant: another way
is tried rarely, ever more rarely while it loses, and given up at the first run that is much slower.
"""
from __future__ import annotations

from collections import deque
from statistics import median

AT_START_RUNS = 6  # before the first try
FIRST_TRY_RUNS = 48  # between tries, to begin with
RAREST_TRY_RUNS = 3072
TRIED_RUNS = 4
MUCH_SLOWER = 1.6
CLEARLY_FASTER = 0.93
RECORDED_RUNS, RECENT_RUNS = 9, 5


class ThreadTuner:
    """Ways are numbered 0..count-1; 0 is used first."""

    def __init__(self, count: int) -> None:
        self.usual = 0
        self._tried: int | None = None
        self._recorded = [deque(maxlen=RECORDED_RUNS) for _ in range(count)]
        self._wait, self._gap = AT_START_RUNS, FIRST_TRY_RUNS

    def pick(self) -> int:
        """The way to take for the next run."""
        return self.usual if self._tried is None else self._tried

    def record(self, way: int, duration: float) -> None:
        """Books a run of a way, in any unit of time."""
        self._recorded[way].append(duration)
        if self._tried is None:
            self._wait -= 1
            if len(self._recorded) > 1 and (self._wait <= 0 or self._has_slowed()):
                self._begin()
        elif way == self._tried:
            self._judge(duration)

    def _begin(self) -> None:
        self._tried = (self.usual + 1) % len(self._recorded)
        self._recorded[self._tried].clear()

    def _judge(self, duration: float) -> None:
        tried, usual = self._recorded[self._tried], median(list(self._recorded[self.usual])[-RECENT_RUNS:])
        if duration <= MUCH_SLOWER * usual and len(tried) < TRIED_RUNS:
            return
        if len(tried) == TRIED_RUNS and median(tried) < CLEARLY_FASTER * usual:
            self.usual, self._gap = self._tried, FIRST_TRY_RUNS
        else:
            self._gap = min(2 * self._gap, RAREST_TRY_RUNS)
        self._tried, self._wait = None, self._gap

    def _has_slowed(self) -> bool:
        """Whether the last runs of the usual way were much slower than the ones before: the machine has changed."""
        seen = list(self._recorded[self.usual])
        if len(seen) < RECORDED_RUNS or self._gap - self._wait < RECORDED_RUNS:
            return False
        return min(seen[-3:]) > 2.0 * median(seen[:-3])

# SPDX-License-Identifier: Apache-2.0
"""When a process that keeps ending may be started again: later each time, at once after it was well for a while.

Used by the supervisor thread, by worker_process.py and line_process.py. Invariant: it only counts and tells the time.
"""

from __future__ import annotations

import time


class BackOff:
    """`failures`: how often in a row it has failed. `started`: when it was started last, time.monotonic()."""

    def __init__(self, waits_s: tuple[float, ...], healthy_after_s: float) -> None:
        """waits_s: after the first failure, the second and so on; the last stays."""
        self._waits_s, self._healthy_after_s = waits_s, healthy_after_s
        self.failures = 0
        self.started = self._next_start = 0.0

    @property
    def is_over(self) -> bool:
        """Whether it may be started now."""
        return time.monotonic() >= self._next_start

    def note_start(self) -> None:
        """It is being started."""
        self.started = time.monotonic()

    def note_alive(self) -> None:
        """It runs well; after a while of that its failures are forgotten."""
        if time.monotonic() - self.started > self._healthy_after_s:
            self.failures = 0

    def note_failure(self, for_good: bool = False) -> None:
        """It has ended or did not start. for_good: to start it again is of no use."""
        wait_s = float("inf") if for_good else self._waits_s[min(self.failures, len(self._waits_s) - 1)]
        self.failures += 1
        self._next_start = time.monotonic() + wait_s

    def reset(self) -> None:
        """Start afresh."""
        self.failures, self._next_start = 0, 0.0

# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, SIGTERM and SIGHUP while a film is made: the film is closed with the frames it has, instead of lost.

Used on the main thread (Python hands signals to no other; elsewhere this does nothing). Invariant: before the first
frame and on the second signal the program stops at once, by KeyboardInterrupt.
"""

from __future__ import annotations

import signal
import threading

EXIT_BY_SIGNAL = 128  # a shell's status for a program that a signal ended, plus the signal's number


class StopSignals:
    """`number`: the signal that came, 0 while none has. `patient`: whether a first signal may wait for the frame."""

    def __init__(self) -> None:
        self.number = 0
        self.patient = False
        self._before: dict[int, object] = {}

    @property
    def status(self) -> int:
        """The exit status that the signal asks for."""
        return EXIT_BY_SIGNAL + self.number if self.number else 0

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                number = getattr(signal, name, None)
                ignored = number is not None and signal.getsignal(number) is signal.SIG_IGN
                if number is not None and not (ignored and name == "SIGHUP"):  # nohup asks for just that
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: object) -> None:
        again, self.number = self.number, number
        if again or not self.patient:
            raise KeyboardInterrupt

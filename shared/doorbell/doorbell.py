# SPDX-License-Identifier: Apache-2.0
"""The doorbell: wakes one sleeping thread of another process without a poll loop.

Any number of ringers (also the Lua half, by the same rule), one waiter. Invariants: ringing never blocks
and never overflows; a ring between the waiter's look at its rings and its next wait is not lost; rings that
pile up wake the waiter once, because waiting drains. Waiting releases the GIL and uses no CPU.

Linux: a 4096-byte shared file. 0: 8 bytes magic "MIRAGEDB"; 8: u32 version = 1; 64: a process-shared glibc
sem_t. To ring: 1. store what you publish  2. fence  3. sem_getvalue; if it is below 16, sem_post. (Below 16
and not below 1, so that a ringer without a fence cannot lose a ring either.) To wait: sem_clockwait, then
sem_trywait until it fails, then look at the rings. A semaphore holds no lock: a ringer may die at any point.
macOS: a FIFO at the path, opened O_RDWR|O_NONBLOCK at both ends, one byte a ring (full: one is pending
already). Windows: an auto-reset event named windows_name(path).
"""

from __future__ import annotations

import os
import sys
from typing import Any


class Doorbell:
    """`Doorbell.create(path)` on one side, `Doorbell.open(path)` on the other; then ring() or wait()."""

    @staticmethod
    def create(path: str) -> AnyDoorbell:
        """Make a doorbell at a path that does not exist yet. Raises DoorbellError."""
        return _implementation(sys.platform).create(str(path))

    @staticmethod
    def open(path: str) -> AnyDoorbell:
        """Open an existing one. DoorbellError: not_found, not_permitted, not_a_doorbell, wrong_version."""
        return _implementation(sys.platform).open(str(path))


class AnyDoorbell:
    """What every system's doorbell does. `ring`: from any thread (one at a time); `wait`: from one."""

    path: str

    def ring(self) -> None:
        """Wake the waiter, or let its next wait return at once. Never blocks; costs about a microsecond."""
        raise NotImplementedError

    def wait(self, timeout_s: float) -> bool:
        """Sleep until rung (True) or until the time is up (False); all rings so far are taken."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of this end. Not while another thread waits. Idempotent."""
        raise NotImplementedError

    def unlink(self) -> None:
        """Remove its name; open ends keep working. Idempotent."""
        if os.path.lexists(self.path):
            os.unlink(self.path)


def _implementation(system: str) -> Any:
    if system == "linux":
        from mirage_lsd.shared.doorbell.doorbell_semaphore import SemaphoreDoorbell as kind
    elif system == "win32":
        from mirage_lsd.shared.doorbell.doorbell_event import EventDoorbell as kind
    else:
        from mirage_lsd.shared.doorbell.doorbell_fifo import FifoDoorbell as kind
    return kind

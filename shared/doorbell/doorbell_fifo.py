# SPDX-License-Identifier: Apache-2.0
"""The doorbell on macOS (it works on any POSIX system): a FIFO, because macOS has no sem_timedwait.

Called through doorbell.Doorbell in both processes. Invariant: both ends are open for reading and writing and
never block, so it survives the death of either side.
"""

from __future__ import annotations

import os
import select

from mirage_lsd.shared.doorbell.doorbell import AnyDoorbell
from mirage_lsd.shared.errors import DoorbellError


class FifoDoorbell(AnyDoorbell):
    """One byte in the FIFO is one ring."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def create(cls, path: str) -> FifoDoorbell:
        try:
            os.mkfifo(path, 0o600)
        except OSError as error:
            raise DoorbellError(f"{path} cannot be made: {error.strerror}", "exists") from error
        return cls.open(path)

    @classmethod
    def open(cls, path: str) -> FifoDoorbell:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise DoorbellError(f"{path} cannot be opened: {error.strerror}", "not_found") from error
        return cls(path, descriptor)

    def ring(self) -> None:
        try:
            os.write(self._usable(), b"\0")
        except BlockingIOError:
            return  # full: the waiter has thousands of rings pending and will wake anyway

    def wait(self, timeout_s: float) -> bool:
        descriptor = self._usable()
        if not select.select([descriptor], [], [], max(0.0, timeout_s))[0]:
            return False
        while True:
            try:
                os.read(descriptor, 65536)
            except BlockingIOError:
                return True

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _usable(self) -> int:
        if self._descriptor < 0:
            raise DoorbellError("the doorbell was closed", "closed")
        return self._descriptor

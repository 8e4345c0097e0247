# SPDX-License-Identifier: Apache-2.0
"""The doorbell on Linux: a process-shared glibc semaphore in a small shared file (specified in doorbell.py).

Called through doorbell.Doorbell in both processes. Invariant: the libc calls release the GIL (ctypes.CDLL),
so a waiting thread stops no other Python thread.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from mirage_lsd.shared.doorbell.doorbell import AnyDoorbell
from mirage_lsd.shared.errors import DoorbellError, MappingError
from mirage_lsd.shared.ring.fence import new_fence
from mirage_lsd.shared.ring.mapping import Mapping, create_mapping, open_mapping

MAGIC = b"MIRAGEDB"
VERSION = 1
FILE_BYTES = 4096
SEMAPHORE_OFFSET = 64
MAX_PENDING = 16


class SemaphoreDoorbell(AnyDoorbell):
    """The semaphore lies at SEMAPHORE_OFFSET of the mapping."""

    def __init__(self, mapping: Mapping, functions: _Semaphores) -> None:
        self.path = mapping.path
        self._mapping = mapping
        self._fence = new_fence()
        self._functions = functions
        self._semaphore = (ctypes.c_char * 32).from_buffer(mapping.memory, SEMAPHORE_OFFSET)
        self._value = ctypes.c_int()

    @classmethod
    def create(cls, path: str) -> SemaphoreDoorbell:
        mapping = _mapped(create_mapping, path, FILE_BYTES)
        bell = cls(mapping, _Semaphores(ctypes.CDLL(None, use_errno=True)))
        if bell._functions.sem_init(bell._semaphore, 1, 0) != 0:
            raise DoorbellError(f"sem_init: {os.strerror(ctypes.get_errno())}", "unsupported")
        mapping.memory[8:12] = VERSION.to_bytes(4, sys.byteorder)
        bell._fence()
        mapping.memory[:8] = MAGIC
        return bell

    @classmethod
    def open(cls, path: str) -> SemaphoreDoorbell:
        mapping = _mapped(open_mapping, path)
        magic, version = mapping.memory[:8], int.from_bytes(mapping.memory[8:12], sys.byteorder)
        if magic != MAGIC or mapping.size_bytes != FILE_BYTES:
            mapping.close()
            raise DoorbellError(f"{path} is not a doorbell: check the path", "not_a_doorbell")
        if version != VERSION:
            mapping.close()
            raise DoorbellError(f"the doorbell has version {version}, this program knows {VERSION}", "wrong_version")
        return cls(mapping, _Semaphores(ctypes.CDLL(None, use_errno=True)))

    def ring(self) -> None:
        semaphore = self._usable()
        value = self._value
        self._fence()
        self._functions.sem_getvalue(semaphore, value)
        if value.value < MAX_PENDING:
            self._functions.sem_post(semaphore)

    def wait(self, timeout_s: float) -> bool:
        semaphore = self._usable()
        wait_until = self._functions.wait_until(timeout_s)
        while wait_until(semaphore) != 0:
            code = ctypes.get_errno()
            if code == errno.ETIMEDOUT:
                return False
            if code != errno.EINTR:
                raise DoorbellError(f"waiting failed: {os.strerror(code)}", "failed")
        while self._functions.sem_trywait(semaphore) == 0:
            pass
        return True

    def close(self) -> None:
        self._semaphore = None
        self._mapping.close()

    def _usable(self) -> Any:
        if self._semaphore is None:
            raise DoorbellError("the doorbell was closed", "closed")
        return self._semaphore


class _Timespec(ctypes.Structure):
    _fields_ = [("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long)]


class _Semaphores:
    """libc's semaphore calls, as a table: name, argument types; all return int and set errno."""

    _TABLE = {
        "sem_init": (ctypes.c_void_p, ctypes.c_int, ctypes.c_uint),
        "sem_post": (ctypes.c_void_p,),
        "sem_trywait": (ctypes.c_void_p,),
        "sem_timedwait": (ctypes.c_void_p, ctypes.POINTER(_Timespec)),
        "sem_getvalue": (ctypes.c_void_p, ctypes.POINTER(ctypes.c_int)),
    }

    def __init__(self, library: Any) -> None:
        for name, arguments in self._TABLE.items():
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, ctypes.c_int
            setattr(self, name, function)
        self._clockwait = getattr(library, "sem_clockwait", None)  # glibc 2.30 or later
        if self._clockwait is not None:
            self._clockwait.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Timespec))

    def wait_until(self, timeout_s: float) -> Callable[[Any], int]:
        """A wait with a deadline timeout_s from now, on the monotonic clock where libc can: it never jumps."""
        clock = time.CLOCK_REALTIME if self._clockwait is None else time.CLOCK_MONOTONIC
        deadline = _Timespec(*divmod(time.clock_gettime_ns(clock) + int(max(0.0, timeout_s) * 1e9), 10**9))
        if self._clockwait is None:
            return lambda semaphore: self.sem_timedwait(semaphore, deadline)
        return lambda semaphore: self._clockwait(semaphore, clock, deadline)


def _mapped(make: Any, *arguments: Any) -> Mapping:
    try:
        return make(*arguments)
    except MappingError as error:
        raise DoorbellError(str(error), error.code) from error

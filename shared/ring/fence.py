# SPDX-License-Identifier: Apache-2.0
"""A full memory fence from Python: stores before it are seen by other processes before accesses after it.

Made once per ring or doorbell and called by its owner's thread. Python has no fence of its own, and on
arm64 plain stores may be seen out of order, so an exported one is needed.

- x86-64 keeps the order of ordinary loads and stores; a fence is still wanted before reading what another
  process writes (store, then load) and around the streaming stores of a large memcpy. Taking and releasing
  a lock is a locked instruction, which is a full fence there.
- arm64 Linux: atomic_thread_fence of libatomic, else membarrier(GLOBAL_EXPEDITED): it begins with smp_mb().
- arm64 macOS: OSMemoryBarrier. arm64 Windows: FlushProcessWriteBuffers.
"""

from __future__ import annotations

import ctypes
import platform
import sys
import sysconfig
import threading
from collections.abc import Callable

_SEQ_CST = 5
_ARM64_LINUX_MEMBARRIER = 283
_MEMBARRIER_GLOBAL_EXPEDITED = 2
_X86 = ("x86_64", "amd64", "i386", "i686", "x86", "win32")


def new_fence() -> Callable[[], object]:
    """A function without arguments that fences. One for each thread: the x86 one must be uncontended."""
    return choose_fence(machine(), sys.platform, ctypes.CDLL)


def machine() -> str:
    """The processor that this process runs on. Windows: without the query to WMI that platform.machine() makes,
    which can hang OBS."""
    if sys.platform == "win32":
        return sysconfig.get_platform().rpartition("-")[2]  # win-amd64, win-arm64, win32
    return platform.machine()


def choose_fence(machine: str, system: str, load: Callable) -> Callable[[], object]:
    """The fence for a processor and a system; `load(name)` opens a library. OSError if there is none."""
    if machine.lower() in _X86:
        return _locked_instruction()
    if system == "darwin":
        return _plain(load(None).OSMemoryBarrier)
    if system == "win32":
        return _plain(load("kernel32").FlushProcessWriteBuffers)
    try:
        return _argument(load("libatomic.so.1").atomic_thread_fence, _SEQ_CST)
    except (OSError, AttributeError):
        return _membarrier(load(None).syscall)


def _locked_instruction() -> Callable[[], object]:
    lock = threading.Lock()
    acquire, release = lock.acquire, lock.release

    def fence() -> None:
        acquire()
        release()

    return fence


def _plain(function: Callable) -> Callable[[], object]:
    function.argtypes, function.restype = (), None
    return function


def _argument(function: Callable, order: int) -> Callable[[], object]:
    function.argtypes, function.restype = (ctypes.c_int,), None
    return lambda: function(order)


def _membarrier(syscall: Callable) -> Callable[[], object]:
    syscall.restype = ctypes.c_long
    number, command = ctypes.c_long(_ARM64_LINUX_MEMBARRIER), ctypes.c_long(_MEMBARRIER_GLOBAL_EXPEDITED)
    zero = ctypes.c_long(0)
    if syscall(number, command, zero, zero) != 0:
        raise OSError("no memory fence on this arm64 Linux: install libatomic1")
    return lambda: syscall(number, command, zero, zero)

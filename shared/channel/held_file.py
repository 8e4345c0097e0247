# SPDX-License-Identifier: Apache-2.0
"""A file that one process holds for as long as it lives: how others know that a session folder's owner is alive.

Used by session_folder.py in both processes. Invariants: the system lets go however the process ends; a child process
does not hold it on; nobody waits. POSIX: a lock on the file (flock). Windows: the file is open and not shared, so that
making and holding it is one step.
"""

from __future__ import annotations

import os
import sys

_GENERIC_READ_WRITE, _SHARE_NOTHING, _CREATE_NEW, _OPEN_EXISTING = 0xC0000000, 0, 1, 3
_NORMAL_FILE = 0x80
_SHARING_VIOLATION = 32


def hold_new(path: str) -> int:
    """Make the file and hold it; os.close() of what this returns lets go. Raises OSError."""
    descriptor = _open_windows(path, _CREATE_NEW) if sys.platform == "win32" else _open_locked(path, new=True)
    if descriptor is None:
        raise OSError(f"the new file {path} is held already: no file locks here?")
    return descriptor


def is_held(path: str) -> bool:
    """Whether another process, or another part of this one, holds it. Raises FileNotFoundError."""
    descriptor = _open_windows(path, _OPEN_EXISTING) if sys.platform == "win32" else _open_locked(path, new=False)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def _open_locked(path: str, new: bool) -> int | None:
    import fcntl

    descriptor = os.open(path, os.O_RDWR | (os.O_CREAT | os.O_EXCL if new else 0), 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _open_windows(path: str, how: int) -> int | None:
    import ctypes
    import msvcrt

    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel32.CreateFileW.restype, number = ctypes.c_void_p, ctypes.c_uint32
    kernel32.CreateFileW.argtypes = (
        ctypes.c_wchar_p, number, number, ctypes.c_void_p, number, number, ctypes.c_void_p,
    )
    handle = kernel32.CreateFileW(path, _GENERIC_READ_WRITE, _SHARE_NOTHING, None, how, _NORMAL_FILE, None)
    if handle == ctypes.c_void_p(-1).value:
        code = ctypes.get_last_error()
        if code == _SHARING_VIOLATION:
            return None
        raise ctypes.WinError(code)
    return msvcrt.open_osfhandle(handle, os.O_RDWR | os.O_NOINHERIT)

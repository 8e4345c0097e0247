# SPDX-License-Identifier: Apache-2.0
"""The doorbell on Windows: a named auto-reset event.

Called through doorbell.Doorbell in both processes. Invariant: setting an event that is set already changes
nothing, so rings cannot pile up. tests/wine runs it; on the other systems tests pass their own kernel32.
"""

from __future__ import annotations

import ctypes
from typing import Any

from mirage_lsd.shared.doorbell.doorbell import AnyDoorbell
from mirage_lsd.shared.errors import DoorbellError
from mirage_lsd.shared.ring.mapping import windows_name


class EventDoorbell(AnyDoorbell):
    """`kernel` is kernel32. The event lives as long as one process has it open."""

    _MODIFY_AND_WAIT = 0x00100002
    _SIGNALED, _TIMED_OUT, _ALREADY_EXISTS = 0, 0x102, 183

    def __init__(self, path: str, handle: int, kernel: Any) -> None:
        self.path = path
        self._handle = handle
        self._kernel = kernel

    @classmethod
    def create(cls, path: str, kernel: Any = None) -> EventDoorbell:
        kernel = kernel or _kernel32()
        handle = kernel.CreateEventW(None, False, False, windows_name(path))
        if handle and kernel.last_error() == cls._ALREADY_EXISTS:
            kernel.CloseHandle(handle)
            raise DoorbellError(f"{path} exists already: choose another name", "exists")
        return cls._checked(path, handle, kernel)

    @classmethod
    def open(cls, path: str, kernel: Any = None) -> EventDoorbell:
        kernel = kernel or _kernel32()
        return cls._checked(path, kernel.OpenEventW(cls._MODIFY_AND_WAIT, False, windows_name(path)), kernel)

    @classmethod
    def _checked(cls, path: str, handle: int | None, kernel: Any) -> EventDoorbell:
        if not handle:
            raise DoorbellError(f"no event for {path}: its owner has gone or not made it yet", "not_found")
        return cls(path, handle, kernel)

    def ring(self) -> None:
        self._kernel.SetEvent(self._usable())

    def wait(self, timeout_s: float) -> bool:
        result = self._kernel.WaitForSingleObject(self._usable(), max(0, int(timeout_s * 1000)))
        if result not in (self._SIGNALED, self._TIMED_OUT):
            raise DoorbellError(f"waiting failed with {result:#x}", "failed")
        return result == self._SIGNALED

    def close(self) -> None:
        handle, self._handle = self._handle, 0
        if handle:
            self._kernel.CloseHandle(handle)

    def _usable(self) -> int:
        if not self._handle:
            raise DoorbellError("the doorbell was closed", "closed")
        return self._handle


_EVENT_TABLE = {
    "CreateEventW": ((ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_wchar_p), ctypes.c_void_p),
    "OpenEventW": ((ctypes.c_uint32, ctypes.c_int, ctypes.c_wchar_p), ctypes.c_void_p),
    "SetEvent": ((ctypes.c_void_p,), ctypes.c_int),
    "WaitForSingleObject": ((ctypes.c_void_p, ctypes.c_uint32), ctypes.c_uint32),
    "CloseHandle": ((ctypes.c_void_p,), ctypes.c_int),
}


def _kernel32() -> Any:
    library = ctypes.WinDLL("kernel32", use_last_error=True)
    for name, (arguments, result) in _EVENT_TABLE.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, result
    library.last_error = ctypes.get_last_error
    return library

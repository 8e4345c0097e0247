# SPDX-License-Identifier: Apache-2.0
"""Key events into an X display at a known moment, through the XTEST extension.

Used by tests and benchmarks, from one thread. Invariant: press() returns when the X server has the event, so the time
before the call is the time of the key.
"""

from __future__ import annotations

import ctypes as C
import time


class Keyboard:
    """A connection to one display. Raises ConnectionError when it cannot be opened."""

    def __init__(self, display_name: str) -> None:
        self._x, self._test = C.CDLL("libX11.so.6"), C.CDLL("libXtst.so.6")
        self._x.XOpenDisplay.restype = C.c_void_p
        self._x.XStringToKeysym.restype = C.c_ulong
        self._x.XStringToKeysym.argtypes = [C.c_char_p]
        self._x.XKeysymToKeycode.argtypes = [C.c_void_p, C.c_ulong]
        self._x.XKeysymToKeycode.restype = C.c_ubyte
        self._x.XSync.argtypes = [C.c_void_p, C.c_int]
        self._x.XCloseDisplay.argtypes = [C.c_void_p]
        self._test.XTestFakeKeyEvent.argtypes = [C.c_void_p, C.c_uint, C.c_int, C.c_ulong]
        self._display = self._x.XOpenDisplay(display_name.encode())
        if not self._display:
            raise ConnectionError(f"cannot open display {display_name}")

    def press(self, key: str, held_s: float = 0.15) -> None:
        """Key down, and up after held_s."""
        code = self._x.XKeysymToKeycode(self._display, self._x.XStringToKeysym(key.encode()))
        for down in (1, 0):
            self._test.XTestFakeKeyEvent(self._display, code, down, 0)
            self._x.XSync(self._display, 0)
            if down:
                time.sleep(held_s)

    def close(self) -> None:
        """Closes the connection."""
        self._x.XCloseDisplay(self._display)

# SPDX-License-Identifier: Apache-2.0
"""The screen an OBS is started on: the user's own, or a virtual one (Xvfb) where there is none.

Used by obs_session.py. Run as a program it asks a window to close, as its close button would:
`python obs_display.py DISPLAY PID`. That is a process of its own because Xlib ends the process it runs in
when a window vanishes at the wrong moment.
"""

from __future__ import annotations

import ctypes as C
import os
import shutil
import subprocess
import sys
from pathlib import Path

CLIENT_MESSAGE = 33
ANY_PROPERTY_TYPE = 0
MAIN_TITLE = "OBS "  # OBS 29.0.2 - Profile: ... - Scenes: ...


class Display:
    """An X display; a virtual one is ended by close(). Raises FileNotFoundError when Xvfb is missing."""

    def __init__(self, virtual: bool | None = None, screen_px: tuple[int, int] = (1280, 800)) -> None:
        """virtual=None: the real display if there is one."""
        self._xvfb: subprocess.Popen[bytes] | None = None
        self.name = os.environ.get("DISPLAY", "")
        self.virtual = not self.name if virtual is None else virtual
        if self.virtual:
            self._start_virtual(screen_px)

    @property
    def environment(self) -> dict[str, str]:
        """Variables for a program that shall appear on this display."""
        variables = {"DISPLAY": self.name, "QT_QPA_PLATFORM": "xcb"}
        if self.virtual:
            return {**variables, "LIBGL_ALWAYS_SOFTWARE": "1", "XAUTHORITY": os.devnull}
        # The program gets a HOME of its own, so the real one's key to the display must be named.
        return {**variables, "XAUTHORITY": os.environ.get("XAUTHORITY", str(Path.home() / ".Xauthority"))}

    def close(self) -> None:
        if self._xvfb is not None:
            self._xvfb.terminate()
            self._xvfb.wait()
            self._xvfb = None

    def ask_to_close(self, pid: int) -> bool:
        """Send the close message to the main window of process `pid`; False when it has no window."""
        command = [sys.executable, __file__, self.name, str(pid)]
        return subprocess.run(command, env={**os.environ, "PYTHONPATH": ""}, check=False).returncode == 0

    def _start_virtual(self, screen_px: tuple[int, int]) -> None:
        if shutil.which("Xvfb") is None:
            raise FileNotFoundError("there is no display, and no Xvfb to make one: install the package xvfb")
        width_px, height_px = screen_px
        read_end, write_end = os.pipe()
        command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", f"{width_px}x{height_px}x24"]
        self._xvfb = subprocess.Popen(
            [*command, "+extension", "GLX", "-nolisten", "tcp", "-noreset"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(write_end,),
            start_new_session=True,  # Ctrl-C is for us: OBS needs its display until we have closed it
        )
        os.close(write_end)
        try:
            with os.fdopen(read_end) as pipe:
                number = pipe.readline().strip()
        except BaseException:  # Ctrl-C while it starts
            self.close()
            raise
        if not number:
            self.close()
            raise RuntimeError("Xvfb ended before it had a display")
        self.name = f":{number}"


class _ClientMessage(C.Structure):
    _fields_ = [
        ("type", C.c_int),
        ("serial", C.c_ulong),
        ("send_event", C.c_int),
        ("display", C.c_void_p),
        ("window", C.c_ulong),
        ("message_type", C.c_ulong),
        ("format", C.c_int),
        ("l", C.c_long * 5),
        ("pad", C.c_long * 16),
    ]


class _Xlib:
    """The handful of Xlib calls that finding and closing a window takes."""

    def __init__(self, display_name: str) -> None:
        self.lib = C.CDLL("libX11.so.6")
        self.lib.XOpenDisplay.restype = C.c_void_p
        self.lib.XInternAtom.restype = C.c_ulong
        self.lib.XDefaultRootWindow.restype = C.c_ulong
        opened = self.lib.XOpenDisplay(display_name.encode())
        if not opened:
            raise ConnectionError(f"cannot open display {display_name}")
        self.display = C.c_void_p(opened)

    def atom(self, name: str) -> int:
        return self.lib.XInternAtom(self.display, name.encode(), 0)

    def words(self, window: int, name: str) -> list[int]:
        """The 32-bit items of a property; empty when the window has none by that name."""
        kind, bits, number, left = C.c_ulong(), C.c_int(), C.c_ulong(), C.c_ulong()
        data = C.POINTER(C.c_ulong)()
        self.lib.XGetWindowProperty(
            self.display, C.c_ulong(window), C.c_ulong(self.atom(name)), C.c_long(0), C.c_long(64), 0,
            C.c_ulong(ANY_PROPERTY_TYPE), C.byref(kind), C.byref(bits), C.byref(number), C.byref(left),
            C.byref(data),
        )
        found = [data[i] for i in range(number.value)] if bits.value == 32 else []
        if data:
            self.lib.XFree(data)
        return found

    def title(self, window: int) -> str:
        """The window's name; empty when it has none."""
        name = C.c_char_p()
        self.lib.XFetchName(self.display, C.c_ulong(window), C.byref(name))
        return (name.value or b"").decode(errors="replace")

    def tree(self, window: int) -> list[int]:
        """A window and everything below it."""
        root, parent, number = C.c_ulong(), C.c_ulong(), C.c_uint()
        children = C.POINTER(C.c_ulong)()
        found = (C.byref(root), C.byref(parent), C.byref(children), C.byref(number))
        self.lib.XQueryTree(self.display, C.c_ulong(window), *found)
        below = [children[i] for i in range(number.value)]
        if children:
            self.lib.XFree(children)
        return [window] + [each for child in below for each in self.tree(child)]

    def close_window(self, window: int) -> None:
        event = _ClientMessage(type=CLIENT_MESSAGE, window=window, format=32)
        event.message_type = self.atom("WM_PROTOCOLS")
        event.l[0] = self.atom("WM_DELETE_WINDOW")
        self.lib.XSendEvent(self.display, C.c_ulong(window), 0, C.c_long(0), C.byref(event))
        self.lib.XSync(self.display, 0)


def _close_windows_of(display_name: str, pid: int) -> bool:
    x = _Xlib(display_name)
    windows = x.tree(x.lib.XDefaultRootWindow(x.display))
    main = [w for w in windows if pid in x.words(w, "_NET_WM_PID") and x.title(w).startswith(MAIN_TITLE)]
    for window in main:
        x.close_window(window)
    return bool(main)


if __name__ == "__main__":
    sys.exit(0 if _close_windows_of(sys.argv[1], int(sys.argv[2])) else 1)

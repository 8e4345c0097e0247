# SPDX-License-Identifier: Apache-2.0
"""The screen an OBS is started on: the user's own, or a virtual one (Xvfb) where there is none.

Used by obs_session.py from one thread. Invariant: a virtual screen lasts until close() and no longer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import Xlib.display
from Xlib import X
from Xlib.error import XError
from Xlib.protocol.event import ClientMessage

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

    def ask_to_close(self, pid: int | None, title: str = MAIN_TITLE) -> bool:
        """Send the close message to the windows of process `pid` (None: of any) whose title begins so; False when there
        are none."""
        display = Xlib.display.Display(self.name)
        try:
            return _close_windows_of(display, pid, title)
        except XError:  # a window vanished at the wrong moment
            return False
        finally:
            display.close()

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


def _close_windows_of(display: Any, pid: int | None, title: str) -> bool:
    """Asks as a window's close button does."""
    owner, protocols = display.intern_atom("_NET_WM_PID"), display.intern_atom("WM_PROTOCOLS")
    asked = False
    for window in _tree(display.screen().root):
        pids = window.get_full_property(owner, X.AnyPropertyType)
        if (pid is None or pids and pid in pids.value) and str(window.get_wm_name()).startswith(title):
            please = [display.intern_atom("WM_DELETE_WINDOW"), X.CurrentTime, 0, 0, 0]
            window.send_event(ClientMessage(window=window, client_type=protocols, data=(32, please)))
            asked = True
    display.sync()
    return asked


def _tree(window: Any) -> Iterator[Any]:
    """A window and everything below it."""
    yield window
    for child in window.query_tree().children:
        yield from _tree(child)

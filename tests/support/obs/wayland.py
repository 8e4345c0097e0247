# SPDX-License-Identifier: Apache-2.0
"""A Wayland screen without a monitor for an OBS of our own: weston with its headless backend, drawing with OpenGL.

Used by the tests in real OBS, from one thread, in place of obs_display's X display. Invariant: close() ends weston.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import time
from pathlib import Path

from obs_display import Display

START_S = 20.0


class WaylandDisplay(Display):
    """`name` is weston's socket, an absolute path in `folder`. Raises RuntimeError when weston does not start."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self.virtual = folder, True
        self.name = str(folder / f"wayland-{secrets.token_hex(2)}")
        self._log = folder / "weston.log"
        with self._log.open("wb") as log:
            self._weston = subprocess.Popen(
                ["weston", "--backend=headless-backend.so", *drawing(), f"--socket={Path(self.name).name}",
                 "--no-config", "--idle-time=0", "--width=1280", "--height=800"],
                env={**os.environ, "XDG_RUNTIME_DIR": str(folder), "LIBGL_ALWAYS_SOFTWARE": "1"},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while not Path(self.name).exists():
            if self._weston.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"weston did not start:\n{self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    @property
    def environment(self) -> dict[str, str]:
        """No X display at all: what works here, works on Wayland alone."""
        return {
            "DISPLAY": "",
            "WAYLAND_DISPLAY": self.name,
            "QT_QPA_PLATFORM": "wayland",
            "XDG_SESSION_TYPE": "wayland",
            "LIBGL_ALWAYS_SOFTWARE": "1",
        }

    def ask_to_close(self, pid: int) -> bool:
        """Nobody may close another client's window on Wayland: OBS ends at SIGINT as at Ctrl-C in a terminal."""
        os.kill(pid, signal.SIGINT)
        return True

    def close(self) -> None:
        if self._weston.poll() is None:
            self._weston.terminate()
        self._weston.wait()


def drawing() -> list[str]:
    """The option by which this weston draws with OpenGL."""
    told = subprocess.run(["weston", "--version"], capture_output=True, text=True, check=True).stdout
    major = int(re.search(r"(\d+)\.", told)[1])
    return ["--renderer=gl"] if major >= 12 else ["--use-gl"]

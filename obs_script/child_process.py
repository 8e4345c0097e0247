# SPDX-License-Identifier: Apache-2.0
"""Small helpers around a child process, for worker_process.py and voice_process.py on the supervisor thread.

Invariant: nothing here waits, except that the report's reader is a daemon thread which ends with the pipe.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

NOT_FOR_THE_WORKER = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "LD_PRELOAD")
WORKER_MODULE = "mirage_lsd.worker"
MAX_LINE_BYTES = 65536
WATCH_S = 0.05


def spawn(python: str, folder: str, log_path: str, module: str = WORKER_MODULE) -> subprocess.Popen:
    """Start `python -m module` in `folder`, its errors going to `log_path`. Raises OSError.

    Never sys.executable: inside OBS that is some other program.
    """
    with open(log_path, "wb", opener=_for_this_user) as log:
        return subprocess.Popen(
            [python, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env=environment_for_the_worker(),
            creationflags=window_flags(),
        )


def _for_this_user(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def start_and_forget(command: list[str], folder: str) -> None:
    """Start a short program nobody waits for; a thread reaps it."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=environment_for_the_worker(),
        creationflags=window_flags(),
    )
    threading.Thread(target=process.wait, name="mirage-reaper", daemon=True).start()


def environment_for_the_worker() -> dict[str, str]:
    """OBS's environment without what would lead another Python astray."""
    return {key: value for key, value in os.environ.items() if key not in NOT_FOR_THE_WORKER}


def window_flags() -> int:
    """So that no console window appears on Windows."""
    return subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0


def read_first_line(stream: Any) -> list[bytes]:
    """A list that will hold the stream's first line once it has come."""
    line: list[bytes] = []

    def read() -> None:
        try:
            line.append(stream.readline(MAX_LINE_BYTES))
        except (OSError, ValueError):
            return  # the pipe was closed because the worker was given up

    threading.Thread(target=read, name="mirage-report", daemon=True).start()
    return line


def watch(process: subprocess.Popen, on_lost: Callable[[], object]) -> threading.Thread:
    """Call `on_lost` from a thread of its own while the process is stopped, and once when it has ended.

    For what must not wait until the supervisor has finished waiting for an answer. Join it after the end.
    """

    def look() -> None:
        while process.poll() is None:
            if is_stopped(process.pid):
                on_lost()
            time.sleep(WATCH_S)
        on_lost()

    thread = threading.Thread(target=look, name="mirage-watch", daemon=True)
    thread.start()
    return thread


def last_words(log_path: str) -> str:
    """The last line of a worker's log as ": line", for the status and OBS's log; empty if there is none."""
    try:
        with open(log_path, "rb") as log:
            lines = log.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return f": {lines[-1][:300]}" if lines else ""


def is_stopped(pid: int) -> bool:
    """Whether the process was stopped by a signal; known on Linux only."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in "Tt"
    except OSError:
        return False


def close_quietly(stream: Any) -> None:
    """Close a pipe; what was still buffered for a dead worker cannot be written."""
    try:
        stream.close()
    except OSError:
        return


def ending(status: int) -> str:
    """An exit status in words."""
    return f"killed by signal {-status}" if status < 0 else f"status {status}"

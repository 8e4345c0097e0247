# SPDX-License-Identifier: Apache-2.0
"""Child processes: the one place where they are started, and small helpers around one.

Used by worker_process.py, line_process.py and preset_reader.py. Invariants: nothing here waits but output_of(),
close_pipes() on the host, and the report's reader, a daemon thread which ends with the pipe; from inside Flatpak's
sandbox every process is the host's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from mirage_lsd.obs_script.processes.host_process import HostProcess
from mirage_lsd.shared.channel import sandbox
from mirage_lsd.shared.ring.memory_probe import EXIT_NOT_SHARED

NOT_FOR_THE_WORKER = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "LD_PRELOAD")
WORKER_MODULE = "mirage_lsd.worker"
MAX_LINE_BYTES = 65536
WATCH_S = 0.05

HELPER = "org.freedesktop.Flatpak"
REFUSED = ("Portal call failed", "Can't find bus")
COMMAND_FAILED = "Failed to start command"
"""What flatpak-spawn writes when it is not let out of the sandbox, and when it is but the command cannot be run."""


def spawn(python: str, folder: str, log_path: str, module: str = WORKER_MODULE) -> subprocess.Popen:
    """Start `python -m module` in `folder`, its errors going to `log_path`. Raises OSError.

    Never sys.executable: inside OBS that is some other program.
    """
    with open(log_path, "wb", opener=_for_this_user) as log:
        return _started([python, "-m", module], folder, subprocess.PIPE, subprocess.PIPE, log)


def _for_this_user(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def start_and_forget(command: list[str], folder: str) -> None:
    """Start a short program nobody waits for; a thread reaps it."""
    process = _started(command, folder)
    threading.Thread(target=process.wait, name="mirage-reaper", daemon=True).start()


def output_of(command: list[str], folder: str, timeout_s: float) -> bytes:
    """What a short program prints; waits for its end. Raises OSError, SubprocessError."""
    with _started(command, folder, stdout=subprocess.PIPE) as process:
        try:
            output = process.communicate(timeout=timeout_s)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)
    return output


def _started(
    command: list[str],
    folder: str,
    stdin: Any = subprocess.DEVNULL,
    stdout: Any = subprocess.DEVNULL,
    stderr: Any = subprocess.DEVNULL,
) -> subprocess.Popen:
    streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
    if sandbox.inside() is not None:
        return HostProcess(command, NOT_FOR_THE_WORKER, **streams)
    environment = {key: value for key, value in os.environ.items() if key not in NOT_FOR_THE_WORKER}
    return subprocess.Popen(command, cwd=folder, env=environment, creationflags=window_flags(), **streams)


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


def advice(status: int, log_path: str) -> str:
    """What the user must allow before a worker that ended so can work inside Flatpak; "" if that is not why."""
    surrounding = sandbox.inside()
    if surrounding is None:
        return ""
    if status == EXIT_NOT_SHARED:
        return f"Flatpak keeps OBS's shared memory from the worker: {surrounding.allow('--device=shm')}"
    words = last_words(log_path, lines=2)
    if any(sign in words for sign in REFUSED) and COMMAND_FAILED not in words:
        return f"Flatpak does not let OBS start the worker: {surrounding.allow(f'--talk-name={HELPER}')}"
    return ""


def last_words(log_path: str, lines: int = 1) -> str:
    """The last lines of a process's log as ": line", for the status and OBS's log; empty if there is none."""
    try:
        with open(log_path, "rb") as log:
            written = log.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return "".join(f": {line[:300]}" for line in written[-lines:])


def is_stopped(pid: int) -> bool:
    """Whether the process was stopped by a signal; known on Linux only."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in "Tt"
    except OSError:
        return False


def close_pipes(process: subprocess.Popen) -> None:
    """Let go of a process that has ended; afterwards the host's, too, is gone."""
    close_quietly(process.stdin)
    if isinstance(process, HostProcess):
        process.wait_gone()
    close_quietly(process.stdout)


def close_quietly(stream: Any) -> None:
    """Close a pipe; what was still buffered for a dead worker cannot be written."""
    try:
        stream.close()
    except OSError:
        return


def ending(status: int) -> str:
    """An exit status in words. A process of the host (host_process.py) that signal n killed has 128 + n."""
    if 128 < status < 128 + 65:
        status = 128 - status
    return f"killed by signal {-status}" if status < 0 else f"status {status}"

# SPDX-License-Identifier: Apache-2.0
"""A child process that talks in lines (voice, gestures): spawned, listened to, and started again when it ends.

Used by the supervisor thread, which never waits here; a reader thread takes its lines. Invariants: at most one process
each; one that was given up is dead (SIGKILL) and reaped before the next starts; our end of its stdin stays open as
long as we want it, so it ends when OBS does, however OBS ends; nothing it does can touch the picture.
"""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from mirage_lsd.obs_script.processes.back_off import BackOff
from mirage_lsd.obs_script.processes.child_process import close_quietly, ending, is_stopped, last_words, spawn
from mirage_lsd.shared.channel.endpoints import LaunchLine
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.process_lines import CANNOT_WORK, Failed, Lines, Started
from mirage_lsd.shared.release import OTHER_RELEASE, disagreement

BACK_OFF_S = (0.2, 1.0, 3.0, 10.0)
HEALTHY_AFTER_S = 20.0
STOPPED_FOR_S = 2.0
END_WITHIN_S = 1.0


class _Run:
    """One process and the thread that reads its lines. `ready`: it has said that it works. `stopped_since`: when it
    was first seen stopped by a signal, 0 while it is not."""

    def __init__(self, process: subprocess.Popen, name: str, on_line: Callable[[_Run, str], None]) -> None:
        self.process, self.ready, self.stopped_since = process, False, 0.0
        self._on_line = on_line
        self._reader = threading.Thread(target=self._read, name=f"mirage-{name}", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._on_line(self, line.decode("utf-8", "replace"))

    def write(self, text: str) -> None:
        """One line to its input. Raises OSError."""
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def join(self) -> None:
        """Until all that it said has been read; only after its end."""
        self._reader.join()

    def end(self) -> None:
        """It goes at once when its input ends, and is killed if it does not."""
        close_quietly(self.process.stdin)
        try:
            self.process.wait(0.0 if is_stopped(self.process.pid) else END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.join()
        close_quietly(self.process.stdout)


class LineProcess:
    """step() brings it nearer to what is wanted; `heard` holds what it said. `problem`: why it does not run now."""

    def __init__(self, name: str, lines: Lines, log: Callable[..., None], wake: Callable[[], None]) -> None:
        """`name`: of its package below mirage_lsd.worker.senses. `wake`: called when it has said something."""
        self._name, self._lines, self._log, self._wake = name, lines, log, wake
        self._place = ("", "")  # Python, folder
        self.heard: queue.SimpleQueue = queue.SimpleQueue()
        self.problem, self.starts = "", 0
        self._run: _Run | None = None
        self._launch: LaunchLine | None = None
        self._back_off = BackOff(BACK_OFF_S, HEALTHY_AFTER_S)

    @property
    def pid(self) -> int:
        """Process id, 0 when there is none."""
        return self._run.process.pid if self._run is not None else 0

    @property
    def ready(self) -> bool:
        """Whether it runs and has said that it works."""
        return self._run is not None and self._run.ready

    def install(self, python: str, folder: str) -> None:
        """Which Python runs it, and in which folder; before this nothing runs."""
        self._place = (python, folder)

    def step(self, wanted: LaunchLine | None) -> None:
        """`wanted`: how it shall run, None for not at all. Another one means another process."""
        if wanted != self._launch:
            self.end()
            self._launch, self.problem = wanted, ""
            self._back_off.reset()
        if wanted is None or not all(self._place):
            return
        if self._run is not None:
            self._watch(self._run)
        elif self._back_off.is_over:
            self._start(wanted)

    def send(self, message: Any) -> None:
        """Tell it something; nothing happens while it does not run."""
        if self._run is not None:
            try:
                self._run.write(self._lines.write(message))
            except OSError:
                return  # it ended; the next step notices

    def end(self) -> None:
        """End it if it runs."""
        run, self._run = self._run, None
        if run is not None:
            run.end()

    def _start(self, launch: LaunchLine) -> None:
        self.starts += 1
        self._back_off.note_start()
        try:
            process = spawn(*self._place, self._log_path(), f"mirage_lsd.worker.senses.{self._name}")
            self._run = _Run(process, self._name, self._hear)
            self._run.write(launch.to_line())
        except OSError as error:
            self._failed(f"{self._name} cannot be started: {error}", for_good=False)
            return
        self._log(f"{self._name} {self.starts} started, process {self.pid}")

    def _hear(self, run: _Run, line: str) -> None:
        """On the run's reader thread."""
        try:
            message = self._lines.read(line)
        except MirageError as error:
            message = Failed(error.code, str(error))
        if isinstance(message, Failed) and message.code == OTHER_RELEASE:
            message = Failed(OTHER_RELEASE, disagreement(message.text))
        if isinstance(message, Started):
            run.ready, self.problem = True, ""
        elif isinstance(message, Failed):
            self.problem = message.text
        self.heard.put(message)
        self._wake()

    def _watch(self, run: _Run) -> None:
        status, now = run.process.poll(), time.monotonic()
        if status is not None:
            run.join()
            if status == CANNOT_WORK and self.problem:
                self._failed(self.problem, for_good=True)
            else:
                words = last_words(self._log_path()) if status > 0 else ""
                self._failed(f"{self._name} ended ({ending(status)}){words}", for_good=False)
        elif not is_stopped(run.process.pid):
            run.stopped_since = 0.0
            self._back_off.note_alive()
        elif not run.stopped_since:
            run.stopped_since = now
        elif now - run.stopped_since > STOPPED_FOR_S:
            run.process.kill()

    def _failed(self, problem: str, for_good: bool) -> None:
        self._log(problem)
        self.end()
        self.problem = problem
        self._back_off.note_failure(for_good)

    def _log_path(self) -> str:
        return os.path.join(self._place[1], f"{self._name}-{self.starts}.log")

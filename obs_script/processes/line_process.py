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

from mirage_lsd.obs_script.processes.child_process import close_quietly, ending, is_stopped, last_words, spawn
from mirage_lsd.shared.channel.endpoints import LaunchLine
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.process_lines import CANNOT_WORK, Failed, Lines, Started
from mirage_lsd.shared.release import OTHER_RELEASE, disagreement

BACK_OFF_S = (0.2, 1.0, 3.0, 10.0)
HEALTHY_AFTER_S = 20.0
STOPPED_FOR_S = 2.0
END_WITHIN_S = 1.0


class LineProcess:
    """step() brings it nearer to what is wanted; `heard` holds what it said. `problem`: why it does not run now."""

    def __init__(self, name: str, lines: Lines, log: Callable[..., None], wake: Callable[[], None]) -> None:
        """`name`: of its package below mirage_lsd.worker. `wake`: called when it has said something."""
        self._name, self._lines, self._log, self._wake = name, lines, log, wake
        self._python = self._folder = ""
        self.heard: queue.SimpleQueue = queue.SimpleQueue()
        self.problem, self.ready, self.starts = "", False, 0
        self._process: subprocess.Popen | None = None
        self._launch: LaunchLine | None = None
        self._reader: threading.Thread | None = None
        self._failures = 0
        self._started = self._next_start = self._stopped_since = 0.0

    @property
    def pid(self) -> int:
        """Process id, 0 when there is none."""
        return self._process.pid if self._process else 0

    def install(self, python: str, folder: str) -> None:
        """Which Python runs it, and in which folder; before this nothing runs."""
        self._python, self._folder = python, folder

    def step(self, wanted: LaunchLine | None) -> None:
        """`wanted`: how it shall run, None for not at all. Another one means another process."""
        if wanted != self._launch:
            self.end()
            self._launch, self._failures, self._next_start, self.problem = wanted, 0, 0.0, ""
        if wanted is None or not self._python:
            return
        if self._process is None:
            if time.monotonic() >= self._next_start:
                self._start(wanted)
        else:
            self._watch(self._process)

    def send(self, message: Any) -> None:
        """Tell it something; nothing happens while it does not run."""
        if self._process is not None:
            try:
                self._process.stdin.write(self._lines.write(message).encode())
                self._process.stdin.flush()
            except OSError:
                return  # it ended; the next step notices

    def end(self) -> None:
        """End it if it runs: it goes at once when its input ends, and is killed if it does not."""
        process, self._process = self._process, None
        self.ready = False
        if process is None:
            return
        close_quietly(process.stdin)
        try:
            process.wait(0.0 if is_stopped(process.pid) else END_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._reader.join()
        close_quietly(process.stdout)

    def _start(self, launch: LaunchLine) -> None:
        self.starts += 1
        try:
            module = f"mirage_lsd.worker.senses.{self._name}"
            self._process = spawn(self._python, self._folder, self._log_path(), module)
            self._process.stdin.write(launch.to_line().encode())
            self._process.stdin.flush()
        except OSError as error:
            self._failed(f"{self._name} cannot be started: {error}", for_good=False)
            return
        self._started, self._stopped_since = time.monotonic(), 0.0
        name = f"mirage-{self._name}"
        self._reader = threading.Thread(target=self._read, args=(self._process,), name=name, daemon=True)
        self._reader.start()
        self._log(f"{self._name} {self.starts} started, process {self.pid}")

    def _read(self, process: subprocess.Popen) -> None:
        """Lines as they come, until the process ends."""
        for line in process.stdout:
            try:
                message = self._lines.read(line.decode("utf-8", "replace"))
            except MirageError as error:
                message = Failed(error.code, str(error))
            if isinstance(message, Failed) and message.code == OTHER_RELEASE:
                message = Failed(OTHER_RELEASE, disagreement(message.text))
            if isinstance(message, Started):
                self.ready, self.problem = True, ""
            elif isinstance(message, Failed):
                self.problem = message.text
            self.heard.put(message)
            self._wake()

    def _watch(self, process: subprocess.Popen) -> None:
        status, now = process.poll(), time.monotonic()
        if status is not None:
            self._reader.join()
            if status == CANNOT_WORK and self.problem:
                self._failed(self.problem, for_good=True)
            else:
                words = last_words(self._log_path()) if status > 0 else ""
                self._failed(f"{self._name} ended ({ending(status)}){words}", for_good=False)
        elif not is_stopped(process.pid):
            self._stopped_since = 0.0
            if self._failures and now - self._started > HEALTHY_AFTER_S:
                self._failures = 0
        elif not self._stopped_since:
            self._stopped_since = now
        elif now - self._stopped_since > STOPPED_FOR_S:
            process.kill()

    def _failed(self, problem: str, for_good: bool) -> None:
        self._log(problem)
        self.end()
        self.problem = problem
        wait_s = float("inf") if for_good else BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
        self._failures += 1
        self._next_start = time.monotonic() + wait_s

    def _log_path(self) -> str:
        return os.path.join(self._folder, f"{self._name}-{self.starts}.log")

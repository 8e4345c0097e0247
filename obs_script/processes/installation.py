# SPDX-License-Identifier: Apache-2.0
"""What an installation brings: the worker, the presets, and the server for other programs; or why there is none.

Used by the supervisor thread; request_restart() and open_presets() from any. Invariant: without an installation
everything is there and does nothing, and `unusable` says why.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Callable

from mirage_lsd.obs_script.host.install_record import InstallRecord
from mirage_lsd.obs_script.host.session_files import WORKER_BELL
from mirage_lsd.obs_script.looks.look_server import LookServer
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.obs_script.looks.preset_reader import PresetReader
from mirage_lsd.obs_script.processes.child_process import start_and_forget
from mirage_lsd.obs_script.processes.no_worker import NoPresets, NoWorker
from mirage_lsd.obs_script.processes.worker_process import WorkerProcess
from mirage_lsd.shared.channel.session_folder import SessionFolder

IDLE_WORKER_S = 600.0  # so that what was switched off is back at once
OPEN_PRESETS = "from mirage_lsd.worker.programs.cli import main; main(['presets', 'edit'])"


class Installation:
    """`unusable`: why there can be no worker, or empty. `python`: the worker's, "" while there is none."""

    def __init__(self, unusable: str) -> None:
        self.unusable = unusable
        self.worker: Any = NoWorker()
        self.presets: Any = NoPresets()
        self.python = self._folder = ""
        self._server: LookServer | None = None
        self._restart_pressed = threading.Event()
        self._restarts = 0
        self._wanted_until = 0.0

    @property
    def why_unusable(self) -> str:
        """Why no worker can run, or empty."""
        return self.unusable or self.worker.no_use

    def find(
        self,
        script_folder: str,
        session: SessionFolder,
        looks: LookStore,
        on_talk: Callable[[bool], None],
        log: Callable[..., None],
        on_lost: Callable[[], None],
    ) -> None:
        """Import zmq and look for the installation. Raises MirageError."""
        record = InstallRecord.find(script_folder)
        record.import_zmq()
        self._server = LookServer(looks, session, on_talk)
        self._server.start()
        self.python, self._folder = record.worker_python, session.path
        self.presets = PresetReader(record, session.path)
        self.worker = WorkerProcess(record, session.path, WORKER_BELL, log, on_lost)

    def step(self, wanted: bool, restarts: int) -> None:
        """wanted: a filter has something to do. restarts: how often Restart worker was pressed in a filter's window."""
        if restarts != self._restarts or self._restart_pressed.is_set():
            self._restarts = restarts
            self._restart_pressed.clear()
            self.worker.restart()
        now = time.monotonic()
        if wanted:
            self._wanted_until = now + IDLE_WORKER_S
        self.worker.step(now < self._wanted_until)

    def request_restart(self) -> None:
        """The user's wish to restart the worker."""
        self._restart_pressed.set()

    def open_presets(self) -> None:
        """Show the user's preset file in an editor, made if there is none yet."""
        if self.python:
            start_and_forget([self.python, "-c", OPEN_PRESETS], self._folder)

    def close(self) -> None:
        """End what runs; other programs get no answer any more."""
        if self._server is not None:
            self._server.stop()
        self.presets.close()
        self.worker.stop()

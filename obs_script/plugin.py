# SPDX-License-Identifier: Apache-2.0
"""The plugin inside OBS: owns everything, and the order in which it starts and stops.

start(), stop() and the hooks are called on OBS's UI thread and do not wait; one supervisor thread does all
waiting. Invariants: a fault here never reaches OBS: without an installation or a worker the filter still
exists, shows the source and says why; at most one supervisor runs per plugin, and it ends before the control
block is unmapped; after the last plugin has stopped nothing of it is left, in this process or outside.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from mirage_lsd.obs_script import control_block, status
from mirage_lsd.obs_script.control_block import ControlBlock
from mirage_lsd.obs_script.filter_host import FilterHost
from mirage_lsd.obs_script.install_record import InstallRecord
from mirage_lsd.obs_script.libobs import LOG_ERROR, LibObs
from mirage_lsd.obs_script.sync import KeepInSync
from mirage_lsd.obs_script.worker_process import RUNNING, WorkerProcess
from mirage_lsd.shared import session_folder
from mirage_lsd.shared.doorbell import Doorbell
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.session_folder import SessionFolder

WAKE_S = 0.05
IDLE_WORKER_S = 30.0
SHUTDOWN_WAIT_S = 5.0
ROOT_VARIABLE = "MIRAGE_LSD_SESSION_ROOT"

_ending: list[threading.Thread] = []
"""Supervisors of stopped plugins that are still tidying up; waited for when OBS ends."""


class NoWorker:
    """Stands in for the worker where there can be none, and until it is known whether there can be one."""

    state, problem, launch, pid, welcome, ready = "not looked for yet", "", 0, 0, None, None
    silent = lost = False

    def step(self, wanted: bool) -> None:
        """Nothing to start."""

    def restart(self) -> None:
        """Nothing to restart."""

    def stop(self) -> None:
        """Nothing to stop."""

    def events(self) -> list[Any]:
        """Nothing came."""
        return []


class Plugin:
    """One load of the script. `unusable` says why there can be no worker, or is empty."""

    def __init__(self, script_folder: str) -> None:
        self._folder = script_folder
        self._libobs = LibObs()
        self.unusable = ""
        self._worker: Any = NoWorker()
        self._stopping, self._restart_pressed = threading.Event(), threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="mirage-supervisor", daemon=True)
        self._wanted_until = self._seen_launch = self._restarts = 0

    def start(self) -> None:
        """Make the filter appear and start supervising. Raises MirageError if it cannot even do that."""
        root = os.environ.get(ROOT_VARIABLE) or session_folder.private_root()
        os.makedirs(root, mode=0o700, exist_ok=True)
        swept = session_folder.sweep(root)
        self._session = SessionFolder.create(root)
        try:
            self._block = ControlBlock.create(self._session.path_of(control_block.FILE_NAME))
            self._worker_bell = Doorbell.create(self._session.path_of("worker.bell"))
            self._plugin_bell = Doorbell.create(self._session.path_of("plugin.bell"))
            self._host = FilterHost(self._libobs, self._block, self._session.path_of)
            self._sync, self._board = KeepInSync(self._libobs), status.StatusBoard(self._libobs)
            self._host.load(self._folder, self._worker_bell, self._plugin_bell)
        except MirageError:
            self._session.close()
            raise
        self._libobs.log(f"session folder {self._session.path}")
        if swept:
            self._libobs.log(f"removed {len(swept)} folders left behind by an OBS that crashed")
        self._supervisor.start()

    def stop(self, wait: bool) -> None:
        """Unload the filter and let the supervisor tidy up; `wait`: until it has, because OBS is ending."""
        if not self._stopping.is_set():
            self._host.unload()
            self._stopping.set()
            self._plugin_bell.ring()
            _ending.append(self._supervisor)
        if wait:
            wait_for_ending()

    def request_restart(self) -> None:
        """The user's wish to restart the worker."""
        self._restart_pressed.set()
        self._plugin_bell.ring()

    def describe(self) -> str:
        """Status of the whole plugin in one line."""
        return status.overall(self._host.streams, self._worker, self.unusable)

    def _find_worker(self) -> Any:
        try:
            install = InstallRecord.find(self._folder)
            install.import_zmq()
        except MirageError as error:
            self.unusable = str(error)
            self._libobs.log(self.unusable, LOG_ERROR)
            return NoWorker()
        return WorkerProcess(install, self._session.path, "worker.bell", self._libobs.log, self._worker_lost)

    def _worker_lost(self) -> None:
        self._block.header.put("worker_running", 0)

    def _supervise(self) -> None:
        self._worker = self._find_worker()  # here, because importing zmq takes a while
        while not self._stopping.is_set():
            self._plugin_bell.wait(WAKE_S)
            try:
                self._step()
            except Exception as error:  # noqa: BLE001  the guard of this thread: OBS must not lose its supervisor
                self._libobs.log(f"supervisor: {type(error).__name__}: {error}", LOG_ERROR)
                self._stopping.wait(1.0)
        self._tidy_up()

    def _step(self) -> None:
        restarts = self._block.header.get("restart_requests")
        if restarts != self._restarts or self._restart_pressed.is_set():
            self._restarts = restarts
            self._restart_pressed.clear()
            self._worker.restart()
        now = time.monotonic()
        if self._host.wants_worker():
            self._wanted_until = now + IDLE_WORKER_S
        self._worker.step(now < self._wanted_until)
        running = self._worker.state == RUNNING
        self._block.header.put("worker_running", int(running and not self._worker.lost))
        if running and self._worker.launch != self._seen_launch:
            self._seen_launch = self._worker.launch
            status.publish_choices(self._block, self._worker)
        self._host.step(self._worker)
        self._host.note(self._worker.events())
        self._sync.step(self._host.streams, running)
        self._board.step(self._host.streams, self._worker, self.unusable)

    def _tidy_up(self) -> None:
        self._sync.close(self._host.streams)
        self._worker.stop()
        self._host.close(self._worker)
        self._worker_bell.close()
        self._plugin_bell.close()
        self._block.close()
        self._session.close()
        self._libobs.log("stopped")


def wait_for_ending() -> None:
    """Wait until the supervisors of stopped plugins have ended, at most SHUTDOWN_WAIT_S each."""
    while _ending:
        _ending.pop().join(SHUTDOWN_WAIT_S)

# SPDX-License-Identifier: Apache-2.0
"""The plugin inside OBS: its threads, and the order in which everything starts and stops.

start(), stop() and the hooks are called on OBS's UI thread and do not wait. The supervisor thread (supervisor.py) does
all waiting for the worker; the listener thread hears the doorbell and obeys buttons even while the supervisor waits;
the look server has a thread of its own. Invariants: a fault here never reaches OBS: without an installation or a
worker the filter still exists, shows the source and says why; at most one supervisor runs per plugin, and it ends
before the control block is unmapped; after the last plugin has stopped nothing of it is left, in this process or
outside.
"""

from __future__ import annotations

import threading
from typing import Callable

from mirage_lsd.obs_script.filters.buttons import Buttons
from mirage_lsd.obs_script.host.libobs import LOG_ERROR, LibObs
from mirage_lsd.obs_script.host.session_files import SessionFiles
from mirage_lsd.obs_script.looks.controllers import Controllers
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.obs_script.processes.installation import Installation
from mirage_lsd.obs_script.supervisor import Supervisor
from mirage_lsd.shared.errors import MirageError

WAKE_S = 0.05
SHUTDOWN_WAIT_S = 5.0

_ending: list[threading.Thread] = []
"""Supervisors of stopped plugins that are still tidying up; waited for when OBS ends."""


class Plugin:
    """One load of the script. `looks` takes look commands from any thread; `controllers`: scenes, hotkeys, voice and
    gestures; `installation`: worker and presets. `notes`: more lines for every filter's status, each by who says it.
    `refusal`: why it shall do nothing but say this. The entry file of any later release uses a refusing plugin, so
    these stay as they are: Plugin(script_folder, refusal), start(), stop(wait)."""

    def __init__(self, script_folder: str, refusal: str = "") -> None:
        self._folder, self._refusal = script_folder, refusal
        self._libobs = LibObs()
        self._stopping, self._awake = threading.Event(), threading.Event()
        self.notes: dict[str, str] = {}
        self.looks = LookStore(self._awake.set)
        self.controllers = Controllers(self._libobs, self.looks, self.notes, self._awake.set)
        self.installation = Installation(refusal)
        self._files: SessionFiles | None = None
        self._supervisor: Supervisor | None = None
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Make the filter appear and start supervising. Raises MirageError if it cannot even do that."""
        files = SessionFiles(self._libobs.log)
        supervisor = Supervisor(self._libobs, files, self.looks, self.controllers, self.installation, self.notes)
        try:
            supervisor.host.load(self._folder, files.worker_bell, files.plugin_bell, self._refusal)
        except MirageError:
            files.folder.close()
            raise
        self._files, self._supervisor = files, supervisor
        for name, run in (("mirage-listener", self._listen), ("mirage-supervisor", self._supervise)):
            self._threads.append(threading.Thread(target=run, name=name, daemon=True))
            self._threads[-1].start()

    def stop(self, wait: bool) -> None:
        """Unload the filter and let the supervisor tidy up; `wait`: until it has, because OBS is ending."""
        if not self._stopping.is_set():
            self.release_sound()
            self._supervisor.host.unload(obs_is_ending=wait)
            self._stopping.set()
            self._files.plugin_bell.ring()
            self._awake.set()
            _ending.append(self._threads[-1])
        if wait:
            wait_for_ending()

    def release_sound(self) -> None:
        """Give every source its own sound offset back, before OBS saves."""
        if self._supervisor is not None:
            self._supervisor.sync.close()

    def describe(self) -> str:
        """Status of the whole plugin in one line."""
        return self._supervisor.describe() if self._supervisor is not None else "Starting"

    def _listen(self) -> None:
        buttons = Buttons(self._files.block, self.looks, self.installation.open_presets)
        while not self._stopping.is_set():
            self._files.plugin_bell.wait(WAKE_S)
            self._guarded(buttons.step)
            self._awake.set()

    def _supervise(self) -> None:
        if not self._refusal:
            self._supervisor.find_worker(self._folder)  # here, because importing zmq takes a while
        while not self._stopping.is_set():
            self._awake.wait(WAKE_S)
            self._awake.clear()
            self._guarded(self._supervisor.step)
        self._threads[0].join()
        self._supervisor.close()

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001  the guard of our threads: OBS must not lose its supervisor
            self._libobs.log(f"{threading.current_thread().name}: {type(error).__name__}: {error}", LOG_ERROR)
            self._stopping.wait(1.0)


def wait_for_ending() -> None:
    """Wait until the supervisors of stopped plugins have ended, at most SHUTDOWN_WAIT_S each."""
    while _ending:
        _ending.pop().join(SHUTDOWN_WAIT_S)

# SPDX-License-Identifier: Apache-2.0
"""What the supervisor thread does: one round after the other, all waiting for the worker included.

Made and started on OBS's UI thread by plugin.py, which owns the thread. Invariants: nothing else waits for the worker;
the Lua half is unloaded before close(), which gives back everything that is left.
"""

from __future__ import annotations

from mirage_lsd.obs_script.filters import choices, status
from mirage_lsd.obs_script.filters.filter_host import FilterHost
from mirage_lsd.obs_script.filters.hdr import HdrCanvas
from mirage_lsd.obs_script.filters.sync import KeepInSync
from mirage_lsd.obs_script.host.libobs import LOG_ERROR, LibObs
from mirage_lsd.obs_script.host.session_files import SessionFiles
from mirage_lsd.obs_script.looks.controllers import Controllers
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.obs_script.processes.installation import Installation
from mirage_lsd.obs_script.processes.worker_process import RUNNING
from mirage_lsd.shared.errors import MirageError


class Supervisor:
    """`host`: the filters. `sync`: delays sound. `notes`: more lines for every filter's status, each by who says it."""

    def __init__(
        self, libobs: LibObs, files: SessionFiles, looks: LookStore, controllers: Controllers,
        installation: Installation, notes: dict[str, str],
    ) -> None:
        self._libobs, self._files, self._looks = libobs, files, looks
        self._controllers, self._installation, self._notes = controllers, installation, notes
        self.host = FilterHost(libobs, files.block, files.folder.path_of, looks)
        self.sync = KeepInSync(libobs)
        self._board = status.StatusBoard(libobs)
        self._hdr = HdrCanvas(libobs)
        self._published_launch = 0

    def find_worker(self, script_folder: str) -> None:
        """Look for the installation; without one the filter stays and says why."""
        session = self._files.folder
        try:
            self._installation.find(
                script_folder, session, self._looks, self._controllers.talk, self._libobs.log, self._worker_lost
            )
        except MirageError as error:
            self._installation.unusable = str(error)
            self._libobs.log(str(error), LOG_ERROR)
            return
        self._controllers.start(self._installation.python, session)

    def step(self) -> None:
        """One round."""
        self._follow_worker()
        worker, streams = self._installation.worker, self.host.streams
        self.host.step(worker)
        self.host.observe(worker.events())
        self._follow_presets()
        self._controllers.step(streams)
        self.sync.step(streams, worker.state == RUNNING)
        self._hdr.step(streams)
        self._board.step(streams, worker, self._installation.why_unusable, self._remarks())

    def close(self) -> None:
        """After the Lua half is gone: end what runs and give back what is left."""
        self._installation.close()
        self._controllers.close()
        self._looks.close()
        self.host.close(self._installation.worker)
        self._files.close()
        self._libobs.log("stopped")

    def describe(self) -> str:
        """Status of the whole plugin in one line."""
        installation = self._installation
        return status.overall(self.host.streams, installation.worker, installation.why_unusable, self._looks.problem)

    def _worker_lost(self) -> None:
        """From the thread that watches the worker."""
        self._files.block.header.put("worker_running", 0)
        self._looks.set_running(False)

    def _follow_worker(self) -> None:
        header, worker = self._files.block.header, self._installation.worker
        self._installation.step(self.host.wants_worker(), header.get("restart_requests"))
        running = worker.state == RUNNING
        usable = running and not worker.lost
        header.put("worker_running", int(usable))
        self._looks.set_running(usable)
        if running and worker.launch != self._published_launch:
            self._published_launch = worker.launch
            choices.publish_devices(self._files.block, worker.welcome.devices, worker.welcome.device_names)

    def _follow_presets(self) -> None:
        if self._installation.presets.step():
            listed = self._installation.presets.newest
            self._looks.set_presets(listed.presets, listed.problem, listed.user_file)
            choices.publish_presets(self._files.block, listed)
            if listed.problem:
                self._libobs.log(f"presets: {listed.problem}")
            self.host.refresh_windows()

    def _remarks(self) -> list[str]:
        problem = f"Presets: {self._looks.problem} (the last good list is in use)" if self._looks.problem else ""
        return [line for line in (problem, *self._notes.values()) if line]

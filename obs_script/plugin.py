# SPDX-License-Identifier: Apache-2.0
"""The plugin inside OBS: owns everything, and the order in which it starts and stops.

start(), stop() and the hooks are called on OBS's UI thread and do not wait. The supervisor thread does all waiting
for the worker; the listener thread hears the doorbell and obeys buttons even while the supervisor waits; the look
server has a thread of its own. Invariants: a fault here never reaches OBS: without an installation or a worker the
filter still exists, shows the source and says why; at most one supervisor runs per plugin, and it ends before the
control block is unmapped; after the last plugin has stopped nothing of it is left, in this process or outside.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Callable

from mirage_lsd.obs_script.filters import choices, status
from mirage_lsd.obs_script.filters.buttons import Buttons
from mirage_lsd.obs_script.filters.filter_host import FilterHost
from mirage_lsd.obs_script.filters.hdr import HdrCanvas
from mirage_lsd.obs_script.filters.sync import KeepInSync
from mirage_lsd.obs_script.host import control_block
from mirage_lsd.obs_script.host.control_block import ControlBlock
from mirage_lsd.obs_script.host.install_record import InstallRecord
from mirage_lsd.obs_script.host.libobs import LOG_ERROR, LibObs
from mirage_lsd.obs_script.host.script_call import ScriptCall
from mirage_lsd.obs_script.looks.hotkeys import Hotkeys
from mirage_lsd.obs_script.looks.look_server import LookServer
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.obs_script.looks.preset_reader import PresetReader
from mirage_lsd.obs_script.looks.scenes import Scenes
from mirage_lsd.obs_script.processes.child_process import start_and_forget
from mirage_lsd.obs_script.processes.no_worker import NoPresets, NoWorker
from mirage_lsd.obs_script.processes.worker_process import RUNNING, WorkerProcess
from mirage_lsd.obs_script.senses.gestures import Gestures
from mirage_lsd.obs_script.senses.voice import RING_FILE, Voice
from mirage_lsd.shared.channel import session_folder
from mirage_lsd.shared.channel.look_address import ROOT_VARIABLE
from mirage_lsd.shared.channel.session_folder import SessionFolder
from mirage_lsd.shared.doorbell.doorbell import Doorbell
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.look_events import TalkChanged

WAKE_S = 0.05
IDLE_WORKER_S = 600.0  # so that what was switched off is back at once
SHUTDOWN_WAIT_S = 5.0
OPEN_PRESETS = "from mirage_lsd.worker.programs.cli import main; main(['presets', 'edit'])"

_ending: list[threading.Thread] = []
"""Supervisors of stopped plugins that are still tidying up; waited for when OBS ends."""


class Plugin:
    """One load of the script. `unusable` says why there can be no worker, or is empty. `looks` takes look commands
    from any thread. `voice` listens, `gestures` looks, `sync` delays sound. `notes`: more lines for every filter's
    status, each by who says it. `refusal`: why it shall do nothing but say this. The entry file of any later release
    uses a refusing plugin, so these stay as they are: Plugin(script_folder, refusal), start(), stop(wait)."""

    def __init__(self, script_folder: str, refusal: str = "") -> None:
        self._folder = script_folder
        self._libobs = LibObs()
        self.unusable = self._refusal = refusal
        self.notes: dict[str, str] = {}
        self._worker: Any = NoWorker()
        self._presets: Any = NoPresets()
        self._server: LookServer | None = None
        self._install: InstallRecord | None = None
        self._talk_listeners: list[Callable[[bool], None]] = []
        self._stopping, self._restart_pressed, self._awake = threading.Event(), threading.Event(), threading.Event()
        self.looks = LookStore(self._awake.set)
        self.script_call = ScriptCall(self._libobs)
        self.scenes = Scenes(self._libobs, self.looks)
        self.sync = KeepInSync(self._libobs)
        self.hotkeys = Hotkeys(self._libobs, self.looks, self.talk)
        self.voice = Voice(self._libobs, self.looks, self.notes, self._awake.set)
        self.gestures = Gestures(self._libobs, self.looks, self.notes, self._awake.set)
        self.on_talk(self.voice.talk)
        self._listener = threading.Thread(target=self._listen, name="mirage-listener", daemon=True)
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
            self._host = FilterHost(self._libobs, self._block, self._session.path_of, self.looks)
            self._board = status.StatusBoard(self._libobs)
            self._hdr = HdrCanvas(self._libobs)
            self._buttons = Buttons(self._block, self.looks, self.open_presets)
            self._host.load(self._folder, self._worker_bell, self._plugin_bell, self._refusal)
        except MirageError:
            self._session.close()
            raise
        self._libobs.log(f"session folder {self._session.path}")
        if swept:
            self._libobs.log(f"removed {len(swept)} folders left behind by an OBS that crashed")
        self._listener.start()
        self._supervisor.start()

    def stop(self, wait: bool) -> None:
        """Unload the filter and let the supervisor tidy up; `wait`: until it has, because OBS is ending."""
        if not self._stopping.is_set():
            self.sync.close()
            self._host.unload(obs_is_ending=wait)
            self._stopping.set()
            self._plugin_bell.ring()
            self._awake.set()
            _ending.append(self._supervisor)
        if wait:
            wait_for_ending()

    def request_restart(self) -> None:
        """The user's wish to restart the worker."""
        self._restart_pressed.set()
        self._awake.set()

    def describe(self) -> str:
        """Status of the whole plugin in one line."""
        return status.overall(self._host.streams, self._worker, self._why_unusable(), self.looks.problem)

    def on_talk(self, listener: Callable[[bool], None]) -> None:
        """Call `listener` when the push-to-talk key goes down (True) or up; it must only queue."""
        self._talk_listeners.append(listener)

    def talk(self, held: bool) -> None:
        """The push-to-talk key went down or up; from any thread."""
        for listener in list(self._talk_listeners):
            listener(held)
        if self._server is not None:
            self._server.publish(TalkChanged(held))

    def open_presets(self) -> None:
        """Show the user's preset file in an editor, made if there is none yet."""
        if self._install is not None:
            start_and_forget([self._install.worker_python, "-c", OPEN_PRESETS], self._session.path)

    def _find_worker(self) -> None:
        """Import zmq and look for the installation; without them the filter stays and says why."""
        try:
            install = InstallRecord.find(self._folder)
            install.import_zmq()
            self._server = LookServer(self.looks, self._session, self.talk)
        except MirageError as error:
            self.unusable = str(error)
            self._libobs.log(self.unusable, LOG_ERROR)
            return
        self._server.start()
        self._install = install
        self._presets = PresetReader(install, self._session.path)
        self.voice.start(install.worker_python, self._session.path, self._session.path_of(RING_FILE))
        self.gestures.start(install.worker_python, self._session.path)
        self._worker = WorkerProcess(install, self._session.path, "worker.bell", self._libobs.log, self._worker_lost)

    def _worker_lost(self) -> None:
        self._block.header.put("worker_running", 0)
        self.looks.set_running(False)

    def _listen(self) -> None:
        while not self._stopping.is_set():
            self._plugin_bell.wait(WAKE_S)
            self._guarded(self._buttons.step)
            self._awake.set()

    def _supervise(self) -> None:
        if not self._refusal:
            self._find_worker()  # here, because importing zmq takes a while
        while not self._stopping.is_set():
            self._awake.wait(WAKE_S)
            self._awake.clear()
            self._guarded(self._step)
        self._tidy_up()

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001  the guard of our threads: OBS must not lose its supervisor
            self._libobs.log(f"{threading.current_thread().name}: {type(error).__name__}: {error}", LOG_ERROR)
            self._stopping.wait(1.0)

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
        usable = running and not self._worker.lost
        self._block.header.put("worker_running", int(usable))
        self.looks.set_running(usable)
        if running and self._worker.launch != self._seen_launch:
            self._seen_launch = self._worker.launch
            welcome = self._worker.welcome
            choices.publish_devices(self._block, welcome.devices, welcome.device_names)
        self._host.step(self._worker)
        self._host.note(self._worker.events())
        self.scenes.step()
        self.voice.step()
        self.gestures.step(self._host.streams)
        self._follow_presets()
        self.sync.step(self._host.streams, running)
        self._hdr.step(self._host.streams)
        self._board.step(self._host.streams, self._worker, self._why_unusable(), self._remarks())

    def _why_unusable(self) -> str:
        return self.unusable or self._worker.no_use

    def _follow_presets(self) -> None:
        if self._presets.step():
            found = self._presets.found
            self.looks.set_presets(found.presets, found.problem, found.user_file)
            choices.publish_presets(self._block, found)
            if found.problem:
                self._libobs.log(f"presets: {found.problem}")
            self._host.refresh_windows()
        if self.hotkeys.needed():
            self.script_call.call()
            self.hotkeys.finish()

    def _remarks(self) -> list[str]:
        problem = f"Presets: {self.looks.problem} (the last good list is in use)" if self.looks.problem else ""
        return [line for line in (problem, *self.notes.values()) if line]

    def _tidy_up(self) -> None:
        self._listener.join()
        if self._server is not None:
            self._server.stop()
        self.voice.close()
        self.gestures.close()
        self.looks.close()
        self._presets.close()
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

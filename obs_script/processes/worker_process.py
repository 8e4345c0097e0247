# SPDX-License-Identifier: Apache-2.0
"""The worker's process as the OBS half sees it: started, kept alive by heartbeats, restarted with back-off.

Used by the plugin's supervisor thread alone; step() is called some twenty times a second and may wait for an
answer of the worker up to PING_TIMEOUT_S. Invariant: at most one worker at a time; one that was given up is dead
before the next starts.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Callable

from mirage_lsd.obs_script.host.install_record import InstallRecord
from mirage_lsd.obs_script.processes.back_off import BackOff
from mirage_lsd.obs_script.processes.child_process import advice, ending, last_words
from mirage_lsd.obs_script.processes.worker_launch import WorkerLaunch
from mirage_lsd.shared.channel.endpoints import EXIT_OTHER_RELEASE
from mirage_lsd.shared.clock import now_ns
from mirage_lsd.shared.errors import ChannelTimeout, MirageError, OtherRelease
from mirage_lsd.shared.messages.worker_commands import GetStatus, Ping
from mirage_lsd.shared.messages.worker_events import Ready, StatusReport, Welcome
from mirage_lsd.shared.release import disagreement

REPORT_TIMEOUT_S = 30.0
PING_EVERY_S, PING_TIMEOUT_S = 0.4, 0.7
SILENT_AFTER_S, HUNG_WHEN_STOPPED_S, HUNG_AFTER_S, HUNG_WHILE_LOADING_S = 1.0, 2.0, 6.0, 20.0
BACK_OFF_S = (0.1, 1.0, 2.0, 4.0)
GIVE_UP_AFTER = 5
HEALTHY_AFTER_S = 10.0
END_TIMEOUT_S = 1.5

NO_PACKAGE = "No module named"
REPAIR = "the worker's Python has lost its packages (a system upgrade does that): run ./installers/install.sh repair"

STOPPED, STARTING, RUNNING, WAITING, GIVEN_UP = "stopped", "starting", "running", "waiting", "given up"


class WorkerProcess:
    """`state` is one of the constants above, `problem` why it is not running, `launch` counts the starts. `no_use`: why
    to start it again is of no use until something is mended, or empty; then it is not, but on request."""

    def __init__(
        self,
        install: InstallRecord,
        session_dir: str,
        doorbell: str,
        log: Callable[..., None],
        on_lost: Callable[[], object],
    ) -> None:
        """`on_lost` is called from another thread as soon as the running worker is seen dead or stopped."""
        self._new_launch = partial(WorkerLaunch, install, session_dir, doorbell, on_lost)
        self._log = log
        self.state, self.problem, self.no_use, self.launch = STOPPED, "", "", 0
        self.ready: Ready | None = None
        self._worker: WorkerLaunch | None = None
        self._back_off = BackOff(BACK_OFF_S, HEALTHY_AFTER_S)
        self._answered = self._pinged = 0.0

    @property
    def pid(self) -> int:
        """Process id, 0 when there is none."""
        worker = self._worker
        return worker.pid if worker is not None else 0

    @property
    def welcome(self) -> Welcome | None:
        """What the running worker can do."""
        return self._worker.welcome if self._worker is not None else None

    @property
    def silent(self) -> bool:
        """True when it should be running but does not answer."""
        return self.state == RUNNING and time.monotonic() - self._answered > SILENT_AFTER_S

    @property
    def lost(self) -> bool:
        """True when its process has ended, or is stopped by a signal (known on Linux only)."""
        return self._worker is None or self._worker.lost

    def step(self, wanted: bool) -> None:
        """Bring the process nearer to what is wanted; quick unless an answer is being waited for."""
        if not wanted:
            self.stop()
        elif self.state in (STOPPED, WAITING):
            if self._back_off.is_over:
                self._start()
        elif self.state != GIVEN_UP:
            self._watch(self._worker)

    def restart(self) -> None:
        """The user's wish: start afresh, also after giving up."""
        self._log("restarting the worker on request")
        self.stop()
        self._back_off.reset()
        self.no_use = ""

    def request(self, command: Any, timeout_s: float = 2.0) -> Any:
        """Ask the running worker. Raises as ControlClient.request does; ChannelTimeout when it is not running."""
        if self.state != RUNNING:
            raise ChannelTimeout("the worker is not running")
        reply = self._worker.client.request(command, timeout_s)
        self._answered = time.monotonic()
        return reply

    def events(self) -> list[Any]:
        """What the worker broadcast since the last look."""
        events = self._worker.client.events() if self.state == RUNNING else []
        if events:
            self._answered = time.monotonic()  # a busy machine may delay answers; it still lives
        for event in events:
            if isinstance(event, Ready):
                self.ready = event
        return events

    def stop(self) -> None:
        """End the worker if there is one; SIGKILL if it does not go by itself within two seconds."""
        self._end(END_TIMEOUT_S)
        if self.state != STOPPED:
            self.state, self.problem, self.no_use = STOPPED, "", ""

    def _start(self) -> None:
        self.launch += 1
        self._back_off.note_start()
        try:
            self._worker = self._new_launch(self.launch)
        except (OSError, MirageError) as error:
            self._failed(f"the worker cannot be started: {error}")
            return
        self.state = STARTING
        self._log(f"worker {self.launch} started")

    def _watch(self, worker: WorkerLaunch) -> None:
        status, now = worker.status, time.monotonic()
        if status is not None and status != EXIT_OTHER_RELEASE:
            words = last_words(worker.log_path) if status > 0 else ""
            needed = advice(status, worker.log_path) or (REPAIR if NO_PACKAGE in words else "")
            self._failed(f"the worker ended ({ending(status)}){words}", needed)
        elif self.state == STARTING:
            self._connect(worker)
        elif now - self._pinged > PING_EVERY_S:
            self._ping(now)

    def _connect(self, worker: WorkerLaunch) -> None:
        started = self._back_off.started
        try:
            if not worker.connect():
                if time.monotonic() - started > REPORT_TIMEOUT_S:
                    words = last_words(worker.log_path)
                    self._failed(f"the worker did not report within {REPORT_TIMEOUT_S:g} s{words}")
                return
        except OtherRelease as error:
            self._failed(str(error), disagreement(error.theirs))
            return
        except MirageError as error:
            self._failed(f"the worker does not answer properly: {error}{last_words(worker.log_path)}")
            return
        self.state, self.problem, self.ready = RUNNING, "", None
        self._answered = time.monotonic()
        self._log(f"worker {self.launch} runs after {self._answered - started:.1f} s, process {self.pid}")

    def _ping(self, now: float) -> None:
        self._pinged = now
        try:
            reply = self.request(Ping(now_ns()) if self.ready else GetStatus(), PING_TIMEOUT_S)
            if isinstance(reply, StatusReport) and reply.ready:
                self.ready = Ready(reply.device, reply.model, reply.engine, 0.0)
        except ChannelTimeout:
            silent_s = time.monotonic() - self._answered
            if silent_s > self._patience_s():
                self._failed(f"the worker hung: no answer for {silent_s:.1f} s")
                return
        except MirageError as error:
            self._log(f"the worker refused a ping: {error}")
            self._answered = now
        self._back_off.note_alive()

    def _patience_s(self) -> float:
        """How long it may be silent: a busy machine and a model being loaded are no hang."""
        if self.lost:
            return HUNG_WHEN_STOPPED_S
        return HUNG_AFTER_S if self.ready else HUNG_WHILE_LOADING_S

    def _failed(self, problem: str, no_use: str = "") -> None:
        self._log(problem)
        self._end(patience_s=0.0)
        self._back_off.note_failure()
        self.problem, self.no_use = problem, no_use
        gave_up = no_use or (self._back_off.failures >= GIVE_UP_AFTER and "gave up; press Restart worker to try again")
        self.state = GIVEN_UP if gave_up else WAITING
        if gave_up:
            self._log(gave_up)

    def _end(self, patience_s: float) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end(patience_s)

# SPDX-License-Identifier: Apache-2.0
"""The worker's process as the OBS half sees it: spawn, handshake, heartbeat, restart with back-off.

Used by the plugin's supervisor thread alone; step() is called some twenty times a second and may wait for an
answer of the worker up to PING_TIMEOUT_S. Invariants: at most one worker at a time; a worker that was given
up is dead (SIGKILL, which also ends a stopped one) and reaped before the next starts; our end of its stdin
stays open as long as we want it, so it ends when OBS does, however OBS ends.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from typing import Any, Callable

from mirage_lsd.obs_script.host.install_record import InstallRecord
from mirage_lsd.obs_script.processes.child_process import (
    advice,
    close_pipes,
    ending,
    is_stopped,
    last_words,
    read_first_line,
    spawn,
    watch,
)
from mirage_lsd.shared.channel.endpoints import EXIT_OTHER_RELEASE, LaunchConfig, LaunchReport
from mirage_lsd.shared.clock import now_ns
from mirage_lsd.shared.errors import ChannelTimeout, MirageError, OtherRelease
from mirage_lsd.shared.messages.worker_commands import PROTOCOL, GetStatus, Hello, Ping, Shutdown
from mirage_lsd.shared.messages.worker_events import Ready, StatusReport, Welcome
from mirage_lsd.shared.release import RELEASE, disagreement
from mirage_lsd.shared.ring.memory_probe import MemoryProbe, not_shared

REPORT_TIMEOUT_S = 30.0
PING_EVERY_S, PING_TIMEOUT_S = 0.4, 0.7
SILENT_AFTER_S, HUNG_WHEN_STOPPED_S, HUNG_AFTER_S, HUNG_WHILE_LOADING_S = 1.0, 2.0, 6.0, 20.0
BACK_OFF_S = (0.1, 1.0, 2.0, 4.0)
GIVE_UP_AFTER = 5
HEALTHY_AFTER_S = 10.0
END_TIMEOUT_S, SHUTDOWN_TIMEOUT_S = 1.5, 0.5

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
        self._install, self._session_dir, self._doorbell = install, session_dir, doorbell
        self._log, self._on_lost = log, on_lost
        self.state, self.problem, self.no_use, self.launch = STOPPED, "", "", 0
        self.welcome: Welcome | None = None
        self.ready: Ready | None = None
        self.client: Any = None
        self._process: subprocess.Popen | None = None
        self._watcher: threading.Thread | None = None
        self._report_line: list[bytes] = []
        self._keys: tuple[Any, Any] | None = None
        self._probe: MemoryProbe | None = None
        self._failures = self._reported_pid = 0
        self._started = self._answered = self._pinged = self._next_start = 0.0

    @property
    def pid(self) -> int:
        """Process id, 0 when there is none; the one it reported, once it has: inside a sandbox ours is a client."""
        return (self._reported_pid or self._process.pid) if self._process else 0

    @property
    def silent(self) -> bool:
        """True when it should be running but does not answer."""
        return self.state == RUNNING and time.monotonic() - self._answered > SILENT_AFTER_S

    @property
    def lost(self) -> bool:
        """True when its process has ended, or is stopped by a signal (known on Linux only)."""
        return self._process is None or self._process.poll() is not None or is_stopped(self._process.pid)

    def step(self, wanted: bool) -> None:
        """Bring the process nearer to what is wanted; quick unless an answer is being waited for."""
        if not wanted:
            self.stop()
        elif self.state in (STOPPED, WAITING):
            if time.monotonic() >= self._next_start:
                self._start()
        elif self.state != GIVEN_UP:
            self._watch()

    def restart(self) -> None:
        """The user's wish: start afresh, also after giving up."""
        self._log("restarting the worker on request")
        self.stop()
        self._failures, self._next_start, self.no_use = 0, 0.0, ""

    def request(self, command: Any, timeout_s: float = 2.0) -> Any:
        """Ask the running worker. Raises as ControlClient.request does; ChannelTimeout when it is not running."""
        if self.state != RUNNING:
            raise ChannelTimeout("the worker is not running")
        reply = self.client.request(command, timeout_s)
        self._answered = time.monotonic()
        return reply

    def events(self) -> list[Any]:
        """What the worker broadcast since the last look."""
        found = self.client.events() if self.state == RUNNING else []
        if found:
            self._answered = time.monotonic()  # a busy machine may delay answers; it still lives
        for event in found:
            if isinstance(event, Ready):
                self.ready = event
        return found

    def stop(self) -> None:
        """End the worker if there is one; SIGKILL after SHUTDOWN_TIMEOUT_S + END_TIMEOUT_S."""
        if self._process is not None:
            self._end(patience_s=END_TIMEOUT_S)
        if self.state != STOPPED:
            self.state, self.problem, self.no_use = STOPPED, "", ""

    def _start(self) -> None:
        from mirage_lsd.shared.channel.channel import new_key_pair  # zmq may be missing: then nobody calls this

        server, client = new_key_pair(), new_key_pair()
        keys = server.public, server.secret, client.public
        self.launch += 1
        try:
            self._probe = MemoryProbe(self._session_dir, f"probe-{self.launch}", self._doorbell)
            config = LaunchConfig(self._session_dir, self._doorbell, *keys, probe=self._probe.name)
            self._process = spawn(self._install.worker_python, self._session_dir, self._log_path())
            self._process.stdin.write(config.to_line().encode())
            self._process.stdin.flush()
        except (OSError, MirageError) as error:
            self._failed(f"the worker cannot be started: {error}")
            return
        self._watcher = watch(self._process, self._on_lost)
        self._keys = (server.public, client)
        self._report_line = read_first_line(self._process.stdout)
        self.state, self._started = STARTING, time.monotonic()
        self._log(f"worker {self.launch} started")

    def _watch(self) -> None:
        status = self._process.poll()
        now = time.monotonic()
        if status is not None and status != EXIT_OTHER_RELEASE:
            words = last_words(self._log_path()) if status > 0 else ""
            needed = advice(status, self._log_path()) or (REPAIR if NO_PACKAGE in words else "")
            self._failed(f"the worker ended ({ending(status)}){words}", needed)
        elif self.state == STARTING:
            if self._report_line:
                self._connect(self._report_line[0])
            elif now - self._started > REPORT_TIMEOUT_S:
                self._failed(f"the worker did not report within {REPORT_TIMEOUT_S:g} s{last_words(self._log_path())}")
        elif now - self._pinged > PING_EVERY_S:
            self._ping(now)

    def _connect(self, line: bytes) -> None:
        from mirage_lsd.shared.channel.channel import ControlClient

        try:
            server_key, keys = self._keys
            report = LaunchReport.from_line(line)
            if not self._probe.answered:
                raise not_shared("its answer does not arrive here")
            self._reported_pid = report.pid
            self.client = ControlClient(report, server_key, keys)
            self.welcome = self.client.request(Hello(PROTOCOL, "obs", RELEASE), timeout_s=5.0)
            if self.welcome.version != RELEASE:
                raise OtherRelease(self.welcome.version, RELEASE)
        except OtherRelease as error:
            self._failed(str(error), disagreement(error.theirs))
            return
        except MirageError as error:
            self._failed(f"the worker does not answer properly: {error}{last_words(self._log_path())}")
            return
        self.state, self.problem, self.ready = RUNNING, "", None
        self._answered = time.monotonic()
        self._log(f"worker {self.launch} runs after {self._answered - self._started:.1f} s, process {self.pid}")

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
        except MirageError as error:
            self._log(f"the worker refused a ping: {error}")
            self._answered = now
        if self._failures and now - self._started > HEALTHY_AFTER_S:
            self._failures = 0

    def _patience_s(self) -> float:
        """How long it may be silent: a busy machine and a model being loaded are no hang."""
        if self.lost:
            return HUNG_WHEN_STOPPED_S
        return HUNG_AFTER_S if self.ready else HUNG_WHILE_LOADING_S

    def _failed(self, problem: str, no_use: str = "") -> None:
        self._log(problem)
        self._end(patience_s=0.0)
        self._failures += 1
        self.problem, self.no_use = problem, no_use
        if no_use:
            self.state = GIVEN_UP
            self._log(no_use)
            return
        if self._failures >= GIVE_UP_AFTER:
            self.state = GIVEN_UP
            self._log("gave up; press Restart worker to try again")
            return
        self.state = WAITING
        self._next_start = time.monotonic() + BACK_OFF_S[min(self._failures, len(BACK_OFF_S)) - 1]

    def _end(self, patience_s: float) -> None:
        """Ask it to go, kill it when it has not gone in time, reap it. Its stdin is closed last of all: then a worker
        that could not be killed ends by itself."""
        process, self._process, self._reported_pid = self._process, None, 0
        client, self.client = self.client, None
        if client is not None:
            if patience_s and process is not None:
                self._ask_to_end(client)
            client.close()
        if self._probe is not None:
            self._probe.close()
        if process is None:
            return
        try:
            process.wait(patience_s if client is not None else 0.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._watcher is not None:
            self._watcher.join()
        close_pipes(process)

    @staticmethod
    def _ask_to_end(client: Any) -> None:
        try:
            client.request(Shutdown("the plugin stops it"), SHUTDOWN_TIMEOUT_S)
        except MirageError:
            return  # it will be killed

    def _log_path(self) -> str:
        return os.path.join(self._session_dir, f"worker-{self.launch}.log")

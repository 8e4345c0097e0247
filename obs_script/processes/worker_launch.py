# SPDX-License-Identifier: Apache-2.0
"""One launch of the worker: its process, the handshake that makes it ours, and its end.

Used by worker_process.py on the supervisor thread. Invariants: keys are new in every launch and handed over through
the process's input; a launch that was ended is dead (SIGKILL, which also ends a stopped one) and reaped; our end of
its stdin stays open until then, so it ends when OBS does, however OBS ends.
"""

from __future__ import annotations

import os
import subprocess
from typing import Any, Callable

from mirage_lsd.obs_script.host.install_record import InstallRecord
from mirage_lsd.obs_script.processes.child_process import close_pipes, is_stopped, read_first_line, spawn, watch
from mirage_lsd.shared.channel.endpoints import LaunchConfig, LaunchReport
from mirage_lsd.shared.errors import MirageError, OtherRelease
from mirage_lsd.shared.messages.worker_commands import PROTOCOL, Hello, Shutdown
from mirage_lsd.shared.messages.worker_events import Welcome
from mirage_lsd.shared.release import RELEASE
from mirage_lsd.shared.ring.memory_probe import MemoryProbe, not_shared

SHUTDOWN_TIMEOUT_S = 0.5


class WorkerLaunch:
    """`client`: the control channel, `welcome`: what the worker can do, both None until connect() is True."""

    def __init__(
        self, install: InstallRecord, session_dir: str, doorbell: str, on_lost: Callable[[], object], number: int
    ) -> None:
        """Start the process. Raises OSError, MirageError."""
        from mirage_lsd.shared.channel.channel import new_key_pair  # zmq may be missing: then nobody calls this

        self.log_path = os.path.join(session_dir, f"worker-{number}.log")
        self.client: Any = None
        self.welcome: Welcome | None = None
        self._reported_pid = 0
        server, self._client_keys = new_key_pair(), new_key_pair()
        self._server_key = server.public
        self._probe = MemoryProbe(session_dir, f"probe-{number}", doorbell)
        keys = server.public, server.secret, self._client_keys.public
        config = LaunchConfig(session_dir, doorbell, *keys, probe=self._probe.name)
        try:
            self._process = spawn(install.worker_python, session_dir, self.log_path)
        except OSError:
            self._probe.close()
            raise
        self._watcher = watch(self._process, on_lost)
        self._report_line = read_first_line(self._process.stdout)
        try:
            self._process.stdin.write(config.to_line().encode())
            self._process.stdin.flush()
        except OSError:
            self.end(0.0)
            raise

    @property
    def pid(self) -> int:
        """Process id; the one it reported, once it has: inside a sandbox ours is a client."""
        return self._reported_pid or self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._process.poll()

    @property
    def lost(self) -> bool:
        """True when its process has ended, or is stopped by a signal (known on Linux only)."""
        return self.status is not None or is_stopped(self._process.pid)

    def connect(self) -> bool:
        """Shake hands once it has reported; False before. Raises MirageError, OtherRelease."""
        from mirage_lsd.shared.channel.channel import ControlClient

        if not self._report_line:
            return False
        report = LaunchReport.from_line(self._report_line[0])
        if not self._probe.answered:
            raise not_shared("its answer does not arrive here")
        self._reported_pid = report.pid
        self.client = ControlClient(report, self._server_key, self._client_keys)
        self.welcome = self.client.request(Hello(PROTOCOL, "obs", RELEASE), timeout_s=5.0)
        if self.welcome.version != RELEASE:
            raise OtherRelease(self.welcome.version, RELEASE)
        return True

    def end(self, patience_s: float) -> None:
        """Ask it to go, kill it when it has not gone in time, reap it. Its stdin is closed last of all: then a worker
        that could not be killed ends by itself."""
        connected = self.client is not None
        if connected:
            if patience_s:
                self._ask_to_end()
            self.client.close()
        self._probe.close()
        try:
            self._process.wait(patience_s if connected else 0.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._watcher.join()
        close_pipes(self._process)

    def _ask_to_end(self) -> None:
        try:
            self.client.request(Shutdown("the plugin stops it"), SHUTDOWN_TIMEOUT_S)
        except MirageError:
            return  # it will be killed

# SPDX-License-Identifier: Apache-2.0
"""Run an OBS Studio of our own: private configuration, real or virtual screen, clean end.

Used by the demo and by the tests in real OBS, from one thread. Invariants: a user's own OBS configuration is
never touched (HOME and every XDG folder point into the session's folder); OBS cannot reach the network
(its proxy is a closed port); after close() no process that the session started is left.

    with ObsSession(Path(folder), collection, Video(640, 360, 30)) as obs:
        obs.start()
        obs.request("SetSourceFilterSettings", sourceName="Clip", filterName="Mirage LSD",
                    filterSettings={"prompt": "red leather jacket"})
        obs.quit()
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import obs_config
from install_places import engine_cache
from obs_config import Video, WebSocketAccess
from obs_display import Display
from obs_scene import Collection
from obs_websocket import NOT_READY, ObsRequestError, ObsWebSocket

CLOSED_PORT_PROXY = "http://127.0.0.1:9"
STARTED = "==== Startup complete"
NOT_FOR_OBS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "QT_PLUGIN_PATH", "QT_QPA_PLATFORM_PLUGIN_PATH")


class ObsSessionError(RuntimeError):
    """OBS did not do what was waited for; the message ends with the last lines of its log."""


class ObsSession:
    """One OBS after another on one configuration folder; start() may be called again after quit() or kill().

    `folder` must be new or one that an earlier session made. `environment` is added to what OBS gets.
    """

    def __init__(
        self,
        folder: Path,
        collection: Collection,
        video: Video | None = None,
        environment: Mapping[str, str] | None = None,
        virtual_display: bool | None = True,
        preview: bool = False,
        display: Display | None = None,
    ) -> None:
        """virtual_display=None: the real display if there is one. display: another one, ended by close(). preview: OBS
        draws its own preview."""
        if shutil.which("obs") is None:
            raise FileNotFoundError("OBS Studio is not installed: install the package obs-studio")
        self.folder = folder
        self.video = video or Video()
        self.recordings = folder / "recordings"
        self.log_path = folder / "obs.log"
        self.access = WebSocketAccess(_free_port(), secrets.token_urlsafe(12))
        obs_config.write(folder, collection, self.video, self.access, self.recordings, preview)
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: ObsWebSocket | None = None
        self._groups: list[int] = []
        self.display = display or Display(virtual_display)

    def __enter__(self) -> ObsSession:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def window_pid(self) -> int:
        return self.pid  # as OBS sees itself: another one inside a sandbox

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, arguments: Sequence[str] = (), timeout_s: float = 60.0, answers: bool = True) -> None:
        """Start OBS and wait until it answers requests; its log is then in `log_path` (one per start). answers=False:
        it opens no web socket, as in safe mode: wait for the end of its start alone."""
        if self.alive:
            raise ObsSessionError("OBS is already running in this session")
        self._forget_unclean_end()
        command = ["obs", "--multi", "--disable-updater", "--disable-missing-files-check", *arguments]
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=self._obs_environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # its children are in its group: none is missed at the end
            )
        self._groups.append(self._process.pid)
        if not answers:
            self.wait_log(STARTED, timeout_s)
            return
        self.wait_until(self._connect, "OBS to answer on its web socket", timeout_s)
        self.wait_until(self._is_ready, "OBS to be ready for requests", timeout_s)

    def request(self, request_type: str, **data: Any) -> dict[str, Any]:
        """An obs-websocket request; raises ObsRequestError when OBS refuses it."""
        if self._socket is None:
            raise ObsSessionError("OBS is not running: call start() first")
        return self._socket.request(request_type, **data)

    def log(self) -> str:
        """What this OBS has logged so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    def wait_log(self, text: str, timeout_s: float = 30.0) -> None:
        """Wait for a piece of text in the log."""
        self.wait_until(lambda: text in self.log(), f"{text!r} in OBS's log", timeout_s)

    def wait_until(self, condition: Callable[[], Any], what: str, timeout_s: float = 30.0) -> Any:
        """Poll `condition` until it is true and return its value; raises when OBS ends or time is up."""
        deadline = time.monotonic() + timeout_s
        while not (value := condition()):
            if not self.alive:
                raise ObsSessionError(f"OBS ended while waiting for {what}\n{self._log_tail()}")
            if time.monotonic() > deadline:
                raise ObsSessionError(f"waited {timeout_s:g} s for {what}\n{self._log_tail()}")
            time.sleep(0.1)
        return value

    def quit(self, timeout_s: float = 30.0) -> int:
        """Close OBS's window as a user does and return its exit status; raises when it hangs.

        Not SIGINT: OBS 29's handler is not safe inside a signal and sometimes crashes.
        """
        process = self._running()
        self._disconnect()
        closing = self.wait_until(
            lambda: process.poll() is not None or self.display.ask_to_close(self.window_pid), "OBS's window"
        )
        try:
            return process.wait(timeout_s) if closing else -1
        except subprocess.TimeoutExpired:
            late = f"OBS did not end {timeout_s:g} s after its window was closed"
            raise ObsSessionError(f"{late}\n{self._log_tail()}") from None

    def kill(self) -> None:
        """End OBS with SIGKILL, and only OBS: its children are on their own."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._disconnect()

    def close(self) -> None:
        """End everything this session started, whatever state it is in."""
        self.kill()
        for group in self._groups:
            _end_group(group)
        self._groups.clear()
        self.display.close()

    def _forget_unclean_end(self) -> None:
        """OBS 30 and newer ask, after they were killed, whether to start in safe mode; nobody is here to answer."""
        (self.folder / "obs-studio" / "safe_mode").unlink(missing_ok=True)
        shutil.rmtree(self.folder / "obs-studio" / ".sentinel", ignore_errors=True)  # OBS 32

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ObsSessionError("OBS was not started in this session")
        return self._process

    def _connect(self) -> bool:
        try:
            self._socket = ObsWebSocket(self.access.port, self.access.password)
        except OSError:
            return False
        return True

    def _is_ready(self) -> bool:
        """obs-websocket 5.5 and newer let a client in while OBS still loads, and refuse it everything until then."""
        try:
            self.request("GetSceneList")
        except ObsRequestError as error:
            if error.code != NOT_READY:
                raise
            return False
        return True

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _obs_environment(self) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if key not in NOT_FOR_OBS}
        home = str(self.folder)
        folders = {f"XDG_{kind}_HOME": f"{home}/{kind.lower()}" for kind in ("DATA", "CACHE", "STATE")}
        runtime = self.folder / "runtime"
        runtime.mkdir(mode=0o700, exist_ok=True)
        return {
            **inherited,
            **folders,
            "HOME": home,
            "XDG_CONFIG_HOME": home,
            "XDG_RUNTIME_DIR": str(runtime),
            "LANG": "C.UTF-8",
            "PYTHONNOUSERSITE": "1",
            "http_proxy": CLOSED_PORT_PROXY,
            "https_proxy": CLOSED_PORT_PROXY,
            "MIRAGE_LSD_CACHE": str(engine_cache()),
            **self.display.environment,
            **self._environment,
        }

    def _log_tail(self, lines: int = 25) -> str:
        return "\n".join(self.log().splitlines()[-lines:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _end_group(group: int) -> None:
    """SIGTERM, then SIGKILL, to what is left of a process group."""
    for number, patience_s in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0)):
        deadline = time.monotonic() + patience_s
        try:
            os.killpg(group, number)
            while time.monotonic() < deadline:
                os.killpg(group, 0)
                time.sleep(0.02)
        except ProcessLookupError:
            return

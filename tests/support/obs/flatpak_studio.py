# SPDX-License-Identifier: Apache-2.0
"""A real OBS in a sandbox like Flatpak's (flatpak_sandbox.py), the worker on the host through Flatpak's own helpers.

Used from one thread. Real besides OBS: a session bus of its own, xdg-dbus-proxy with Flatpak's filter before it,
flatpak-session-helper on the host, flatpak-spawn inside. Invariant: close() ends all of them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flatpak_sandbox import APP_ID, Permissions, entering, python_inside, write_program
from obs_scene import Source
from studio import MARKING_WORKER, Studio

from mirage_lsd.shared.release import VERSION

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={path}</listen>
<servicedir>/usr/share/dbus-1/services</servicedir>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>
"""


class FlatpakStudio(Studio):
    """A Studio whose OBS runs in the sandbox. `host`: files that the host alone sees."""

    def __init__(
        self, folder: Path, sources: Sequence[Source], zmq_folder: Path, permissions: Permissions, **more: Any
    ) -> None:
        self.permissions = permissions
        self.host = folder.parent / "host-only"
        self.host.mkdir(parents=True)
        self._helpers: list[subprocess.Popen] = []
        super().__init__(folder, sources, worker=None, environment=self._variables(folder), **more)
        shutil.rmtree(self.session_root)  # the plugin chooses its own
        self.runtime = folder / "runtime"
        self.shared = self.runtime / "app" / APP_ID
        self.shared.mkdir(parents=True, mode=0o700)
        self.runtime.chmod(0o700)
        base = Path("/dev/shm") if "shm" in self.permissions.devices else self.shared
        self.session_root = base / f"mirage-lsd-{os.getuid()}"
        self._install(zmq_folder)
        self._start_bus()
        self._write_program()

    def close(self) -> None:
        super().close()
        for process in reversed(self._helpers):
            process.terminate()
            process.wait()
        self._helpers.clear()

    @property
    def inner_pid(self) -> int:
        """OBS's process id as the host sees it."""
        return self._process_ids()[0]

    @property
    def window_pid(self) -> int:
        try:
            return self._process_ids()[1]
        except ProcessLookupError:
            return 0  # it has just ended

    def host_environment(self) -> dict[str, str]:
        """What a program of the user's session has."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        bus = f"unix:path={self.host / 'bus'}"
        return {
            **kept,
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "DBUS_SESSION_BUS_ADDRESS": bus,
            "FLATPAK_STUDIO": str(self.host),
        }

    def host_processes(self, module: str = str(MARKING_WORKER)) -> list[int]:
        """Processes of ours outside the sandbox, by a word of their command line."""
        return [pid for pid in _pids() if self._is_ours(pid, module)]

    def _is_ours(self, pid: int, module: str) -> bool:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            variables = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False
        mine = f"FLATPAK_STUDIO={self.host}\0".encode() in variables
        return mine and module in words and os.path.basename(words[0]).startswith("python")

    def _variables(self, folder: Path) -> dict[str, str]:
        """What OBS's own environment is to be, besides ObsSession's: see flatpak_context_apply_env_appid()."""
        own = folder / ".var" / "app" / APP_ID
        for name in ("data", "cache"):
            (own / name).mkdir(parents=True, exist_ok=True)
        return {
            "PATH": f"{self.host}:{os.environ['PATH']}",
            "MIRAGE_LSD_SESSION_ROOT": "",
            "MIRAGE_LSD_INSTALL": "",
            "XDG_DATA_HOME": str(own / "data"),
            "XDG_CACHE_HOME": str(own / "cache"),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder / 'runtime' / 'bus'}",
        }

    def _install(self, zmq_folder: Path) -> None:
        """As the installer leaves it on the host; the worker's Python is a link to what only the host has."""
        python = self.host / "python"
        write_program(python, f"'{sys.executable}'", f"[ \"$2\" != mirage_lsd.worker ] || set -- '{MARKING_WORKER}'")
        data = self.folder / ".local/share/mirage-lsd"
        data.mkdir(parents=True)
        (data / "python").symlink_to(python)
        paths = {python_inside(): str(data / "zmq")}
        shutil.copytree(zmq_folder, data / "zmq")
        record = {"layout": 1, "worker_python": str(data / "python"), "zmq_paths": paths, "version": VERSION}
        (data / "install.json").write_text(json.dumps(record), encoding="utf-8")

    def _start_bus(self) -> None:
        """The session bus, and the door to it that the sandbox gets."""
        config = self.host / "bus.conf"
        config.write_text(BUS.format(path=self.host / "bus"), encoding="utf-8")
        self._start("dbus-daemon", f"--config-file={config}", "--nofork")
        self._wait_for(self.host / "bus")
        talk = ["--talk=org.freedesktop.Flatpak"] if self.permissions.talk else []
        door = self.host / "door"
        self._start("xdg-dbus-proxy", f"unix:path={self.host / 'bus'}", str(door), "--filter", *talk)
        self._wait_for(door)

    def _start(self, *command: str) -> None:
        log = (self.host / f"{command[0]}.log").open("wb")
        with log:
            process = subprocess.Popen(
                command, env=self.host_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._helpers.append(process)

    def _wait_for(self, path: Path) -> None:
        process = self._helpers[-1]
        while not path.exists():
            assert process.poll() is None, f"{process.args} ended with {process.returncode}"

    def _write_program(self) -> None:
        """The `obs` that ObsSession finds: it enters the sandbox."""
        info = self.host / "flatpak-info"
        info.write_text(self.permissions.info, encoding="utf-8")
        words = entering(self.folder, self.runtime, info, self.permissions, self.host / "door")
        write_program(self.host / "obs", " ".join(f"'{word}'" for word in [*words, "/usr/bin/obs"]))

    def _process_ids(self) -> tuple[int, int]:
        """OBS's process id outside and inside of the sandbox."""
        for pid in _pids():
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            if fields["Name"] == "obs" and self.pid in _ancestors(pid):
                return pid, int(fields["NSpid"].split()[-1])
        raise ProcessLookupError("OBS does not run in the sandbox")

    def kill_sandbox(self) -> None:
        """SIGKILL to OBS itself: the sandbox ends with it."""
        os.kill(self.inner_pid, signal.SIGKILL)
        self._running().wait()


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _ancestors(pid: int) -> list[int]:
    found = [pid]
    try:
        while found[-1] > 1:
            found.append(int(Path(f"/proc/{found[-1]}/stat").read_text().rpartition(")")[2].split()[1]))
    except OSError:
        pass
    return found

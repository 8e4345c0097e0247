# SPDX-License-Identifier: Apache-2.0
"""A real OBS in a sandbox like Flatpak's, made with bubblewrap; the worker outside, through Flatpak's own helpers.

Used from one thread by tests/obs/test_flatpak_sandbox.py. Real: bubblewrap (Flatpak's own), OBS and Python of another
Debian (tests/obs_matrix.sh's chroot, read-only) as the sandbox's /usr, a session bus, xdg-dbus-proxy with Flatpak's
filter, flatpak-session-helper on the host, flatpak-spawn inside. Made after common/flatpak-run.c: own pid namespace,
own /tmp and /dev/shm, home and $XDG_RUNTIME_DIR/app/ID shared, network and System V IPC shared. Not the real thing:
OBS's own bundle and its runtime.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from install_places import Places
from obs_scene import Source
from studio import MARKING_WORKER, ROOT, Studio

APP_ID = "com.obsproject.Studio"
CHROOT = Path(os.environ.get("MIRAGE_LSD_MATRIX", Path.home() / ".cache/mirage-lsd-matrix")) / "trixie"
SPAWN = "/usr/libexec/flatpak-xdg-utils/flatpak-spawn"
HELPER = "/usr/libexec/flatpak-session-helper"
TOOLS = ("bwrap", "dbus-daemon", "xdg-dbus-proxy")
PACKAGES = "apt-get install bubblewrap dbus xdg-dbus-proxy flatpak flatpak-xdg-utils"
HOST_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={path}</listen>
<servicedir>/usr/share/dbus-1/services</servicedir>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>
"""


def missing() -> str:
    """Why such a sandbox cannot be made here; "" when it can."""
    lacking = [tool for tool in TOOLS if shutil.which(tool) is None]
    lacking += [path for path in (SPAWN, HELPER) if not Path(path).exists()]
    if lacking:
        return f"{', '.join(lacking)} not installed ({PACKAGES})"
    if not (CHROOT / "usr/bin/obs").exists():
        return f"no OBS in {CHROOT}: run ./tests/obs_matrix.sh trixie --only demo once"
    return ""


def python_inside() -> str:
    """Version of the Python that the chroot's OBS is linked to, as "3.13"."""
    return next((CHROOT / "usr/lib").glob("*/libpython3.*.so.1.0")).name[len("libpython") : -len(".so.1.0")]


@dataclass(frozen=True)
class Permissions:
    """What the sandbox allows. The defaults are those of OBS's own manifest."""

    devices: str = "all"
    talk: bool = True
    shared_runtime: bool = True
    """False: $XDG_RUNTIME_DIR/app/ID is there but private, which Flatpak does not do: the worst case."""

    @property
    def info(self) -> str:
        """The content of /.flatpak-info."""
        policy = "[Session Bus Policy]\norg.freedesktop.Flatpak=talk\n" if self.talk else ""
        context = f"[Context]\nshared=network;ipc;\nsockets=x11;\ndevices={self.devices};\nfilesystems=host;\n"
        return f"[Application]\nname={APP_ID}\nruntime=runtime/org.kde.Platform/x86_64/6.8\n\n{context}\n{policy}"


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
        others = f"[ \"$2\" = mirage_lsd.worker ] || exec '{sys.executable}' \"$@\""
        program = self.host / "python"
        program.write_text(f"#!/bin/sh\n{others}\nexec '{sys.executable}' '{MARKING_WORKER}'\n", encoding="utf-8")
        program.chmod(0o755)
        data = self.folder / ".local/share/mirage-lsd"
        data.mkdir(parents=True)
        (data / "python").symlink_to(program)
        paths = {python_inside(): str(data / "zmq")}
        shutil.copytree(zmq_folder, data / "zmq")
        record = {"layout": 1, "worker_python": str(data / "python"), "zmq_paths": paths, "version": "test"}
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
        command = " ".join(f"'{word}'" for word in self._bwrap(info))
        program = self.host / "obs"
        program.write_text(f'#!/bin/sh\nexec {command} /usr/bin/obs "$@"\n', encoding="utf-8")
        program.chmod(0o755)

    def _bwrap(self, info: Path) -> list[str]:
        home, runtime, shared = str(self.folder), str(self.runtime), str(self.shared)
        words = ["bwrap", "--unshare-pid", "--die-with-parent", "--proc", "/proc", "--ro-bind", f"{CHROOT}/usr", "/usr"]
        for name in ("bin", "sbin", "lib", "lib64"):
            words += ["--symlink", f"usr/{name}", f"/{name}"]
        words += ["--ro-bind", f"{CHROOT}/etc", "/etc", "--tmpfs", "/var", "--tmpfs", "/tmp"]
        words += ["--dev-bind", "/dev", "/dev"]
        if "shm" not in self.permissions.devices:
            words += ["--tmpfs", "/dev/shm"]
        words += ["--ro-bind", "/sys", "/sys", "--bind", "/tmp/.X11-unix", "/tmp/.X11-unix"]
        words += ["--ro-bind", str(ROOT), str(ROOT), "--tmpfs", str(ROOT / ".venv")]  # --filesystem=host
        words += ["--bind", home, home, "--tmpfs", runtime]
        words += ["--bind", shared, shared] if self.permissions.shared_runtime else ["--dir", shared]
        words += ["--ro-bind", str(self.host / "door"), f"{runtime}/bus", "--ro-bind", str(info), "/.flatpak-info"]
        words += ["--ro-bind", SPAWN, "/app/bin/flatpak-spawn", "--setenv", "PATH", "/app/bin:/usr/bin"]
        return [*words, "--chdir", home, "--"]

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


def places(folder: Path) -> Places:
    """Where the installer shall put pyzmq for the sandbox's Python."""
    return Places(ROOT / ".venv", folder, folder / "install.json", editable=True)


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

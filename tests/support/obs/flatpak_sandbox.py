# SPDX-License-Identifier: Apache-2.0
"""A sandbox like Flatpak's, made with bubblewrap, whose /usr is another Debian with its own OBS and Python.

Used by flatpak_studio.py and tests/obs/install/test_flatpak_sandbox.py. The other Debian is the chroot of
tests/obs_matrix.sh, read-only. Made after common/flatpak-run.c: own pid namespace, own /tmp and /dev/shm, home and
$XDG_RUNTIME_DIR/app/ID shared, network and System V IPC shared. Not the real thing: OBS's own bundle and its runtime.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from install_places import Places
from studio import ROOT

APP_ID = "com.obsproject.Studio"
CHROOT = Path(os.environ.get("MIRAGE_LSD_MATRIX", Path.home() / ".cache/mirage-lsd-matrix")) / "trixie"
SPAWN = "/usr/libexec/flatpak-xdg-utils/flatpak-spawn"
HELPER = "/usr/libexec/flatpak-session-helper"
TOOLS = ("bwrap", "dbus-daemon", "xdg-dbus-proxy")
PACKAGES = "apt-get install bubblewrap dbus xdg-dbus-proxy flatpak flatpak-xdg-utils"


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


def entering(home: Path, runtime: Path, info: Path, permissions: Permissions, door: Path | None = None) -> list[str]:
    """The command line that enters the sandbox; what shall run there follows. `door`: to the session bus."""
    shared = str(runtime / "app" / APP_ID)
    words = ["bwrap", "--unshare-pid", "--die-with-parent", "--proc", "/proc", "--ro-bind", f"{CHROOT}/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib64"):
        words += ["--symlink", f"usr/{name}", f"/{name}"]
    words += ["--ro-bind", f"{CHROOT}/etc", "/etc", "--tmpfs", "/var", "--tmpfs", "/tmp"]
    words += ["--dev-bind", "/dev", "/dev"]
    if "shm" not in permissions.devices:
        words += ["--tmpfs", "/dev/shm"]
    if Path("/tmp/.X11-unix").exists():
        words += ["--bind", "/tmp/.X11-unix", "/tmp/.X11-unix"]
    words += ["--ro-bind", "/sys", "/sys", "--ro-bind", str(ROOT), str(ROOT), "--tmpfs", str(ROOT / ".venv")]
    words += ["--bind", str(home), str(home), "--tmpfs", str(runtime)]  # --filesystem=host
    words += ["--bind", shared, shared] if permissions.shared_runtime else ["--dir", shared]
    words += ["--ro-bind", str(door), f"{runtime}/bus"] if door else []
    words += ["--ro-bind", str(info), "/.flatpak-info", "--symlink", "/usr/bin/obs", "/app/bin/obs"]
    words += ["--ro-bind", SPAWN, "/app/bin/flatpak-spawn", "--setenv", "PATH", "/app/bin:/usr/bin"]
    return [*words, "--chdir", str(home), "--"]


def flatpak_command(folder: Path, home: Path, door: Path | None) -> dict[str, str]:
    """Variables for a program that shall find Flatpak's OBS: a `flatpak` that knows `flatpak run` alone."""
    info, runtime = folder / "info", home / "runtime"
    info.write_text(Permissions().info, encoding="utf-8")
    (runtime / "app" / APP_ID).mkdir(parents=True)
    installed = folder / "system/app" / APP_ID / "current/active"
    installed.mkdir(parents=True)
    (installed / "metadata").touch()
    words = " ".join(f"'{word}'" for word in entering(home, runtime, info, Permissions(), door))
    (folder / "bin").mkdir()
    take = f'[ "$1" = run ] && [ "$3" = {APP_ID} ] || exit 9; name="${{2#--command=}}"; shift 3; set -- "$name" "$@"'
    write_program(folder / "bin/flatpak", words, take)
    return {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "FLATPAK_SYSTEM_DIR": str(folder / "system")}


def write_program(path: Path, command: str, before: str = "") -> None:
    """A shell script that becomes a command, with its own words behind."""
    path.write_text(f'#!/bin/sh\n{before}\nexec {command} "$@"\n', encoding="utf-8")
    path.chmod(0o755)


def places(folder: Path) -> Places:
    """Where the installer shall put pyzmq for the sandbox's Python."""
    return Places(ROOT / ".venv", folder, folder / "install.json", editable=True)

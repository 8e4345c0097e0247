# SPDX-License-Identifier: Apache-2.0
"""What the machine itself must bring: OBS Studio, a Python for the worker, and Debian's packages.

Used by install.py. Reads the system; the one thing that changes it is install_debian_packages().
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

OLDEST_PYTHON = (3, 11)


class InstallError(Exception):
    """Something only the user can mend; the message says how."""


@dataclass(frozen=True)
class Need:
    """A thing the machine lacks: what it is for, and the Debian package that brings it."""

    package: str
    reason: str


EMOJI_FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
TEST_TOOLS = {
    "ffmpeg": ("ffmpeg", "tests look at the screen and at recordings"),
    "espeak-ng": ("espeak-ng", "tests speak to the voice commands"),
    "weston": ("weston", "tests run OBS on Wayland"),
    "luajit": ("luajit", "tests run parts of the Lua half"),
    "shellcheck": ("shellcheck", "tests check the shell scripts"),
}

TEST_LIBRARIES = {
    "*/libEGL.so.1": Need("libegl1", "the synthetic world is drawn without a screen"),
    "*/libXtst.so.6": Need("libxtst6", "tests press hotkeys"),
}


def missing(headless: bool, for_tests: bool = False, wants_obs: bool = True) -> list[Need]:
    """What is not there yet. headless: OBS will have to run on a virtual screen. wants_obs: Debian's own OBS."""
    if sys.platform != "linux":
        return []  # nothing is installed for the user there; desktop_obs.notes() says what is missing
    needs = [Need(*TEST_TOOLS[tool]) for tool in TEST_TOOLS if for_tests and shutil.which(tool) is None]
    needs += [need for name, need in TEST_LIBRARIES.items() if for_tests and not any(Path("/usr/lib").glob(name))]
    if for_tests and (obs := shutil.which("obs")) and (need := wayland_plugin(Path(obs))):
        needs.append(need)
    if for_tests and not EMOJI_FONT.exists():
        needs.append(Need("fonts-noto-color-emoji", "tests show drawn hands to the gestures"))
    if not python_can_make_environments():
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        needs.append(Need(f"{version}-venv", "to make a virtual environment"))
    if wants_obs and shutil.which("obs") is None:
        needs.append(Need("obs-studio", "the program that Mirage LSD is a filter for"))
        needs.append(Need("libgl1-mesa-dri", "OBS draws with OpenGL"))
    if headless and shutil.which("Xvfb") is None:
        needs.append(Need("xvfb", "a virtual screen, as there is no display"))
    if headless and not any(Path("/usr").glob("lib/*/dri/swrast_dri.so")):
        needs.append(Need("libgl1-mesa-dri", "OpenGL in software, for the virtual screen"))
    return list({need.package: need for need in needs}.values())


def wayland_plugin(obs: Path) -> Need | None:
    """What OBS's Qt lacks to run on Wayland; Debian 12's OBS has Qt 5, newer ones Qt 6."""
    qt5 = "libQt5Gui." in subprocess.run(["ldd", str(obs)], capture_output=True, text=True).stdout
    folder, package = ("qt5", "qtwayland5") if qt5 else ("qt6", "qt6-wayland")
    there = any(Path("/usr/lib").glob(f"*/{folder}/plugins/platforms/libqwayland*.so"))
    return None if there else Need(package, "tests run OBS on Wayland")


def python_can_make_environments() -> bool:
    """False on a Debian without python3-venv, where the module is there and does not work."""
    return subprocess.run([sys.executable, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0


def check_python() -> None:
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        raise InstallError(f"Python 3.11 or newer is needed and this is {found}: install a newer python3")


def install_debian_packages(packages: list[str]) -> None:
    """apt-get install, as root or through sudo. Never asks for anything but sudo's password."""
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if shutil.which("apt-get") is None:
        raise InstallError(f"this is not Debian or Ubuntu: install what these packages hold: {packages}")
    if os.geteuid() != 0:
        if shutil.which("sudo") is None:
            raise InstallError(f"run this as root, then start again: {' '.join(command)}")
        command = [
            "sudo",
            *([] if sys.stdin.isatty() else ["-n"]),
            "DEBIAN_FRONTEND=noninteractive",
            *command,
        ]
    prefix = command[: command.index("apt-get")]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in ([*prefix, "apt-get", "update", "-q"], command):
        ran = subprocess.run(step, env=environment, stdin=None if sys.stdin.isatty() else subprocess.DEVNULL)
        if ran.returncode != 0 and step is command:
            raise InstallError(f"this failed; run it yourself, then start again: {' '.join(command)}")


def compiler_hint(output: str) -> str:
    """What to do where pip had to build a package itself, which its own last lines do not tell; else nothing."""
    failed = re.search(r"Failed building wheel for (\S+)|Failed to build (\S+)", output)
    if not failed:
        return ""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (
        f"\n{failed[1] or failed[2]} has no ready-made build for Python {version} and could not be built here. Install "
        f"a compiler (apt-get install build-essential python3-dev), or use another Python: "
        f"PYTHON=python3.13 ./installers/install.sh"
    )


def is_headless() -> bool:
    return not os.environ.get("DISPLAY")

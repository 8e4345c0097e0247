# SPDX-License-Identifier: Apache-2.0
"""What the machine itself must bring: OBS Studio, the Python it is linked to, and Debian's packages.

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

import desktop_obs

OLDEST_PYTHON = (3, 11)
OBS_WITHOUT_OWN_PYTHON = "OBS Studio on this machine was built without Python scripts"


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
    "xdotool": ("xdotool", "tests press hotkeys"),
    "luajit": ("luajit", "tests run parts of the Lua half"),
    "shellcheck": ("shellcheck", "tests check the shell scripts"),
}


def missing(headless: bool, for_tests: bool = False) -> list[Need]:
    """What is not there yet. headless: OBS will have to run on a virtual screen."""
    if sys.platform != "linux":
        return []  # nothing is installed for the user there; desktop_obs.notes() says what is missing
    needs = [Need(*TEST_TOOLS[tool]) for tool in TEST_TOOLS if for_tests and shutil.which(tool) is None]
    if for_tests and not any(Path("/usr/lib").glob("*/libEGL.so.1")):
        needs.append(Need("libegl1", "the synthetic world is drawn without a screen"))
    if for_tests and not EMOJI_FONT.exists():
        needs.append(Need("fonts-noto-color-emoji", "tests show drawn hands to the gestures"))
    if not python_can_make_environments():
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        needs.append(Need(f"{version}-venv", "to make a virtual environment"))
    if shutil.which("obs") is None:
        needs.append(Need("obs-studio", "the program that Mirage LSD is a filter for"))
        needs.append(Need("libgl1-mesa-dri", "OBS draws with OpenGL"))
    if headless and shutil.which("Xvfb") is None:
        needs.append(Need("xvfb", "a virtual screen, as there is no display"))
    if headless and not any(Path("/usr").glob("lib/*/dri/swrast_dri.so")):
        needs.append(Need("libgl1-mesa-dri", "OpenGL in software, for the virtual screen"))
    return list({need.package: need for need in needs}.values())


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


def obs_python_versions() -> list[str]:
    """The Python versions ("3.11") that the installed OBS is linked to; usually one. Raises InstallError.

    On Windows and macOS the user chooses it in OBS (desktop_obs.py); MIRAGE_LSD_OBS_PYTHON says which one.
    """
    if named := os.environ.get("MIRAGE_LSD_OBS_PYTHON"):
        if wrong := desktop_obs.unknown_to_obs(named.split(","), sys.platform):
            raise InstallError(f"OBS cannot load Python {' and '.join(wrong)}. {desktop_obs.explain(sys.platform)}")
        return named.split(",")
    if sys.platform != "linux":
        version, _ = desktop_obs.obs_python(sys.platform)
        if not version:
            raise InstallError(desktop_obs.explain(sys.platform))
        return [version]
    obs = shutil.which("obs")
    if obs is None:
        raise InstallError("OBS Studio is not installed: apt-get install obs-studio")
    libraries = [path for path in linked_libraries(Path(obs)) if path.name.startswith("libobs.so")]
    folders = {library.parent for library in libraries} | {Path(obs).resolve().parent.parent / "lib"}
    found: set[str] = set()
    for folder in folders:
        for scripting in [*folder.glob("libobs-scripting.so*"), *folder.glob("obs-scripting/*.so")]:
            names = " ".join(path.name for path in linked_libraries(scripting))
            found.update(re.findall(r"libpython(3\.\d+)", names))
    if not found:
        raise InstallError(f"{OBS_WITHOUT_OWN_PYTHON}: install Debian's or Ubuntu's own obs-studio package")
    return sorted(found)


def linked_libraries(binary: Path) -> list[Path]:
    """The shared libraries a binary is linked to, as the dynamic loader finds them."""
    listing = subprocess.run(["ldd", str(binary)], capture_output=True, text=True).stdout
    return [Path(path) for path in re.findall(r"=> (/\S+)", listing)]


def is_headless() -> bool:
    return not os.environ.get("DISPLAY")

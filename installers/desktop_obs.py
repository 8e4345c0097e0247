# SPDX-License-Identifier: Apache-2.0
"""OBS on Windows and macOS: where it is, and which Python it loads (the user chooses it; OBS knows 3.6 to 3.12).

Used by install_system.py and install.py; reads files and asks the py launcher. (On Linux, OBS is linked to one.) OBS
looks in the folder that its settings name, the newest version first: Windows for python312.dll, macOS for
Python.framework/Versions/3.12/lib/libpython3.12.dylib. The worker's Python may be another and newer one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

KNOWN_TO_OBS = tuple(f"3.{minor}" for minor in range(12, 5, -1))
SETTINGS_FILES = ("user.ini", "global.ini")  # the first one since OBS 31
WHERE_IN_OBS = "Tools, Scripts, Python Settings"
SOURCES = {
    "win32": "install Python 3.12 for Windows, 64-bit, from python.org (not from the Store)",
    "darwin": "install Python 3.12 for macOS from python.org",
}


def obs_python(system: str = sys.platform) -> tuple[str, Path | None]:
    """The version OBS loads or can load ("3.12") and the folder to choose in OBS; "" if there is none.

    What OBS is set to counts first, then the newest one on this machine that it can load.
    """
    folders = [folder] if (folder := chosen_folder(settings_folder(system))) else []
    for folder in [*folders, *installed_folders(system)]:
        if version := version_in(folder, system):
            return version, folder
    return "", None


def explain(system: str = sys.platform) -> str:
    """What to do where there is no Python that OBS can load."""
    return (
        f"OBS loads Python {KNOWN_TO_OBS[-1]} to {KNOWN_TO_OBS[0]} and there is none: {SOURCES[system]}, choose it in "
        f"OBS ({WHERE_IN_OBS}), then start again. A newer Python may stay, the worker can use it"
    )


def notes(system: str = sys.platform) -> list[str]:
    """What the user has to do in OBS, or first of all for it. Nothing on Linux."""
    if system not in SOURCES:
        return []
    version, folder = obs_python(system)
    lines = [f"choose this folder in OBS ({WHERE_IN_OBS}): {folder} (Python {version})"] if folder else []
    if not any(place.exists() for place in programs(system)):
        lines.append("OBS Studio is not in its usual place: install it from obsproject.com if you have not")
    return lines


def programs(system: str = sys.platform) -> list[Path]:
    """Where OBS's installers put it."""
    if system == "darwin":
        return [Path("/Applications/OBS.app"), Path.home() / "Applications" / "OBS.app"]
    folders = [os.environ.get(name, "C:\\Program Files") for name in ("ProgramFiles", "ProgramFiles(x86)")]
    steam = Path(folders[1], "Steam", "steamapps", "common", "OBS Studio")
    return [base / "bin" / "64bit" / "obs64.exe" for base in (Path(folders[0], "obs-studio"), steam)]


def hint(output: str) -> str:
    """What a failed step's output means on Windows, "" if it is not known."""
    if "DLL load failed" not in output:
        return ""
    return "\nA Windows library is missing: install Microsoft's newest Visual C++ Redistributable (x64), then try again"


def unknown_to_obs(versions: list[str], system: str = sys.platform) -> list[str]:
    """Which of the versions OBS cannot load; on Linux it loads the one it is linked to."""
    return [version for version in versions if system in SOURCES and version not in KNOWN_TO_OBS]


def settings_folder(system: str = sys.platform) -> Path:
    """OBS's own settings."""
    if system == "win32":
        return Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming")) / "obs-studio"
    return Path.home() / "Library" / "Application Support" / "obs-studio"


def chosen_folder(settings: Path) -> Path | None:
    """The folder that OBS's Python Settings name."""
    for name in SETTINGS_FILES:
        try:
            text = (settings / name).read_text(encoding="utf-8-sig", errors="replace")
        except OSError:
            continue
        section = re.search(r"^\[Python\]\s*$(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
        if section and (path := re.search(r"^Path64bit=(.+?)\s*$", section[1], re.MULTILINE)):
            return Path(path[1].replace("\\\\", "\\"))
    return None


def version_in(folder: Path, system: str = sys.platform) -> str:
    """The version that OBS finds in a folder, "" if none."""
    for version in KNOWN_TO_OBS:
        name = (
            f"python{version.replace('.', '')}.dll"
            if system == "win32"
            else f"Python.framework/Versions/{version}/lib/libpython{version}.dylib"
        )
        if (folder / name).is_file():
            return version
    return ""


def installed_folders(system: str = sys.platform) -> list[Path]:
    """Where Pythons are installed: what the py launcher lists; the usual folders of frameworks."""
    if system == "darwin":
        return [Path("/Library/Frameworks"), Path("/opt/homebrew/Frameworks"), Path("/usr/local/Frameworks")]
    try:
        listing = subprocess.run(["py", "--list-paths"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return [Path(sys.base_prefix)]
    return folders_listed(listing)


def folders_listed(listing: str) -> list[Path]:
    """The folders in `py --list-paths`: lines such as " -V:3.12 *   C:\\Python312\\python.exe", newest first.

    Left out are builds for other processors (3.12-32, 3.12-arm64) and the Store's, whose library OBS may not load.
    """
    found: dict[tuple[int, int], Path] = {}
    for line in listing.splitlines():
        entry = re.match(r"\s*-(?:V:)?3\.(\d+)(?:-64)?[\s*]+(\S.*?[\\/])python[\d.]*\.exe\s*$", line, re.IGNORECASE)
        if entry and "\\WindowsApps\\" not in entry[2]:
            found.setdefault((3, int(entry[1])), Path(entry[2]))
    return [found[version] for version in sorted(found, reverse=True)]

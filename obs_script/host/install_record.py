# SPDX-License-Identifier: Apache-2.0
"""What the installer wrote for the OBS half: which Python runs the worker, and where pyzmq for OBS's Python is.

Read once when the plugin starts, on its supervisor thread. Invariant: pyzmq's folder is on OBS's `sys.path`
only while zmq is imported.

install.json: {"layout": 1, "worker_python": path, "zmq_paths": {"3.11": folder, ...}, "version": text}. Looked
for at $MIRAGE_LSD_INSTALL, then in the checkout's .venv, then in the user's data folder (inside Flatpak's sandbox: the
one of the host, where the installer ran); one of another release is passed over, unless it is the one that was named.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from dataclasses import dataclass, field

from mirage_lsd.shared.channel import sandbox
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.release import OTHER_RELEASE, VERSION

LAYOUT = 1
FILE_NAME = "install.json"
VARIABLE = "MIRAGE_LSD_INSTALL"
CHECKOUT_FILE = os.path.join(".venv", "mirage-lsd-install.json")
RUN_INSTALLER = "run installers/install from the Mirage LSD folder, then restart OBS"
REPAIR = "run ./installers/install.sh repair in the Mirage LSD folder, then restart OBS"


class InstallError(MirageError):
    """The installation is missing or unusable. Codes: not_installed, bad_record, other_release, no_python, no_zmq."""

    code = "not_installed"


@dataclass(frozen=True)
class InstallRecord:
    """`worker_python`: absolute path; `zmq_paths`: folder by Python version, as "3.11"."""

    worker_python: str
    zmq_paths: dict = field(default_factory=dict)
    version: str = ""

    @classmethod
    def find(cls, script_folder: str) -> InstallRecord:
        """Read the first record of this release, or say what is wrong with the first there is."""
        first = InstallError(f"Mirage LSD's worker is not installed: {RUN_INSTALLER}")
        for path in filter(os.path.isfile, candidates(script_folder)):
            try:
                return cls.read(path)
            except InstallError as error:
                first = error if first.code == "not_installed" else first
                if error.code != OTHER_RELEASE or path == os.environ.get(VARIABLE):
                    break
        raise first

    @classmethod
    def read(cls, path: str) -> InstallRecord:
        """Read and check one record."""
        try:
            with open(path, "rb") as file:  # bytes: json then takes any editor's encoding
                content = json.load(file)
        except (OSError, ValueError) as error:
            raise InstallError(f"{path} cannot be read ({error}): {RUN_INSTALLER}", "bad_record") from error
        python = content.get("worker_python") if isinstance(content, dict) else None
        if not isinstance(python, str) or content.get("layout") != LAYOUT:
            raise InstallError(f"{path} is not of this release: {RUN_INSTALLER}", "bad_record")
        if content.get("version") != VERSION:
            of = f"is of Mirage LSD {content.get('version')}, this script of {VERSION}"
            raise InstallError(f"the installation ({path}) {of}: {RUN_INSTALLER}", OTHER_RELEASE)
        if not (os.path.isfile(python) or is_on_the_host(python)):
            raise InstallError(f"the worker's Python is gone ({python}): {REPAIR}", "no_python")
        zmq_paths = content.get("zmq_paths")
        return cls(python, zmq_paths if isinstance(zmq_paths, dict) else {}, str(content.get("version", "")))

    def import_zmq(self) -> None:
        """Make `import zmq` work in this interpreter. Raises InstallError (no_zmq)."""
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        folder = self.zmq_paths.get(version)
        if folder:
            sys.path.insert(0, folder)
        try:
            importlib.import_module("zmq")
        except ImportError as error:
            raise InstallError(f"pyzmq for OBS's Python {version} is missing ({error}): {REPAIR}", "no_zmq") from error
        finally:
            if folder:
                sys.path.remove(folder)  # only ours: other scripts may have added theirs meanwhile


def is_on_the_host(python: str) -> bool:
    """Inside a sandbox the link of a virtual environment points to a program that only the host has."""
    return os.path.islink(python) and sandbox.inside() is not None


def candidates(script_folder: str) -> list[str]:
    """Where the record may lie, best first."""
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        data = os.environ.get("LOCALAPPDATA", os.path.join(home, "AppData", "Local"))
    elif sys.platform == "darwin":
        data = os.path.join(home, "Library", "Application Support")
    else:
        variable = "XDG_DATA_HOME" if sandbox.inside() is None else "HOST_XDG_DATA_HOME"  # Flatpak changes the first
        data = os.environ.get(variable) or os.path.join(home, ".local", "share")
    named = os.environ.get(VARIABLE)
    checkout = os.path.join(os.path.dirname(script_folder), CHECKOUT_FILE)
    return ([named] if named else []) + [checkout, os.path.join(data, "mirage-lsd", FILE_NAME)]

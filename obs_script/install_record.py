# SPDX-License-Identifier: Apache-2.0
"""What the installer wrote for the OBS half: which Python runs the worker, and where pyzmq for OBS's Python is.

Read once when the plugin starts, on its supervisor thread. Invariant: pyzmq's folder is on OBS's `sys.path`
only while zmq is imported.

install.json: {"layout": 1, "worker_python": path, "zmq_paths": {"3.11": folder, ...}, "version": text}. Looked
for at $MIRAGE_LSD_INSTALL, then in the checkout's .venv, then in the user's data folder.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from dataclasses import dataclass, field

from mirage_lsd.shared.errors import MirageError

LAYOUT = 1
FILE_NAME = "install.json"
CHECKOUT_FILE = os.path.join(".venv", "mirage-lsd-install.json")
RUN_INSTALLER = "run installers/install from the Mirage LSD folder, then restart OBS"


class InstallError(MirageError):
    """The installation is missing or unusable. Codes: not_installed, bad_record, no_python, no_zmq."""

    code = "not_installed"


@dataclass(frozen=True)
class InstallRecord:
    """`worker_python`: absolute path; `zmq_paths`: folder by Python version, as "3.11"."""

    worker_python: str
    zmq_paths: dict = field(default_factory=dict)
    version: str = ""

    @classmethod
    def find(cls, script_folder: str) -> InstallRecord:
        """Read the first record there is. Raises InstallError with what to do."""
        for path in candidates(script_folder):
            if os.path.isfile(path):
                return cls.read(path)
        raise InstallError(f"Mirage LSD's worker is not installed: {RUN_INSTALLER}")

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
        if not os.path.isfile(python):
            raise InstallError(f"the worker's Python is gone ({python}): {RUN_INSTALLER}", "no_python")
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
            raise InstallError(
                f"pyzmq for OBS's Python {version} is missing ({error}): {RUN_INSTALLER}", "no_zmq"
            ) from error
        finally:
            if folder:
                sys.path.remove(folder)  # only ours: other scripts may have added theirs meanwhile


def candidates(script_folder: str) -> list[str]:
    """Where the record may lie, best first."""
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        data = os.environ.get("LOCALAPPDATA", os.path.join(home, "AppData", "Local"))
    elif sys.platform == "darwin":
        data = os.path.join(home, "Library", "Application Support")
    else:
        data = os.environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    named = os.environ.get("MIRAGE_LSD_INSTALL")
    checkout = os.path.join(os.path.dirname(script_folder), CHECKOUT_FILE)
    return ([named] if named else []) + [checkout, os.path.join(data, "mirage-lsd", FILE_NAME)]

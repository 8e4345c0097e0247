# SPDX-License-Identifier: Apache-2.0
"""Where an installation lives, and install.json, by which the OBS script finds it.

Used by install.py. Two kinds: a checkout's (everything in ./.venv, the project editable) and a user's
(a folder of their own, which no longer needs the checkout).
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
LAYOUT = 1


@dataclass(frozen=True)
class Places:
    """The paths of one installation. `editable`: the project runs from the checkout's own files."""

    venv: Path
    obs_packages: Path
    record: Path
    editable: bool

    @property
    def python(self) -> Path:
        return self.venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    @property
    def command(self) -> Path:
        """The installed mirage-lsd."""
        return self.python.with_name("mirage-lsd.exe" if sys.platform == "win32" else "mirage-lsd")

    @property
    def stamp(self) -> Path:
        """Says what was installed last, so that a second run has nothing to do."""
        return self.venv / "mirage-lsd-stamp"

    def zmq_folder(self, obs_python: str) -> Path:
        """The private folder with pyzmq for an OBS that is linked to Python `obs_python` ("3.11")."""
        return self.obs_packages / obs_python


def checkout_places() -> Places:
    venv = CHECKOUT / ".venv"
    return Places(venv, venv / "mirage-lsd-obs", venv / "mirage-lsd-install.json", editable=True)


def user_places() -> Places:
    home = user_data_folder()
    return Places(home / "venv", home / "obs", home / "install.json", editable=False)


def user_data_folder() -> Path:
    """The folder that obs_script/ also looks in, on each system."""
    if sys.platform == "win32":
        return Path(os.environ["LOCALAPPDATA"]) / "mirage-lsd"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "mirage-lsd"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "mirage-lsd"


def engine_cache() -> Path:
    """Where the worker keeps graphs that are ready to run (worker/engines/cache.py)."""
    if named := os.environ.get("MIRAGE_LSD_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(base) / "mirage-lsd"


def write_record(places: Places, obs_pythons: list[str], version: str) -> None:
    """Write install.json. Replaced in one step: a starting OBS never reads half of it."""
    record = {
        "layout": LAYOUT,
        "worker_python": str(places.python),
        "zmq_paths": {each: str(places.zmq_folder(each)) for each in obs_pythons},
        "version": version,
    }
    places.record.parent.mkdir(parents=True, exist_ok=True)
    unfinished = places.record.with_suffix(".new")
    unfinished.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(places.record)


def read_record(places: Places) -> dict | None:
    """install.json, or None where there is none that can be read."""
    try:
        record = json.loads(places.record.read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("layout") == LAYOUT else None


def write_stamp(places: Places, extras: list[str]) -> None:
    """Note what was installed now."""
    places.stamp.write_text(json.dumps({"fingerprint": _fingerprint(), "extras": extras}), encoding="utf-8")


def stamp_is_current(places: Places) -> bool:
    """Whether an installation made now would be the same."""
    return _read_stamp(places).get("fingerprint") == _fingerprint()


def installed_extras(places: Places) -> frozenset[str]:
    return frozenset(_read_stamp(places).get("extras", []))


def _read_stamp(places: Places) -> dict:
    return json.loads(places.stamp.read_bytes()) if places.stamp.exists() else {}


def _fingerprint() -> str:
    """Changes whenever an installation made from this checkout would."""
    parts = [(CHECKOUT / "pyproject.toml").read_bytes(), str(CHECKOUT).encode(), sys.version.encode()]
    return hashlib.sha256(b"".join(parts)).hexdigest()

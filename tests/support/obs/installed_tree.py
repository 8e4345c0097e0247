# SPDX-License-Identifier: Apache-2.0
"""A copy of Mirage LSD in the form of an installation, to be upgraded while OBS runs it.

Used from one thread. Invariant: OBS's script, the worker (marking_worker.py on it) and the short processes all run from
the copy; only the worker's own files, which no other side reads, are the checkout's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

from studio import MARKING_WORKER, MIRAGE_SCRIPT, ROOT

from mirage_lsd.obs_script.host.install_record import InstallRecord
from mirage_lsd.shared.release import VERSION

LATER_S = 10  # Python takes a compiled file for current while time and size of the source are the same


class InstalledTree:
    """`script`: the file for OBS; `record`: install.json, for $MIRAGE_LSD_INSTALL."""

    def __init__(self, folder: Path) -> None:
        self.package = folder / "site" / "mirage_lsd"
        self.package.mkdir(parents=True)
        unwanted = shutil.ignore_patterns("__pycache__")
        for part in ("obs_script", "shared"):
            shutil.copytree(ROOT / part, self.package / part, ignore=unwanted)
        shutil.copytree(ROOT / "worker" / "sdk", self.package, ignore=unwanted, dirs_exist_ok=True)
        (self.package / "worker").symlink_to(ROOT / "worker")
        self.script = self.package / "obs_script" / MIRAGE_SCRIPT.name
        self.record = folder / "install.json"
        self._wrapper = folder / "python.sh"
        self._zmq_paths = InstallRecord.find(str(ROOT / "obs_script")).zmq_paths
        self._later_s = 0
        self._write_wrapper()
        self._write_record(VERSION)

    @property
    def environment(self) -> dict[str, str]:
        """For a Studio."""
        return {"MIRAGE_LSD_INSTALL": str(self.record)}

    def upgrade(self, version: str) -> None:
        """What the installer does: other files in the same places, and the record of them."""
        self.replace("shared/release.py", r'^VERSION = ".*"', f'VERSION = "{version}"')
        self._write_record(version)

    def replace(self, file: str, pattern: str, by: str) -> None:
        """Put another file in the place of one of the package's, as an installer does."""
        path = self.package / file
        changed, count = re.subn(pattern, by, path.read_text(encoding="utf-8"), flags=re.M)
        assert count == 1, f"{pattern} is {count} times in {file}"
        self._later_s += LATER_S
        when_s = path.stat().st_mtime + self._later_s
        new = path.with_suffix(".new")
        new.write_text(changed, encoding="utf-8")
        os.utime(new, (when_s, when_s))
        new.replace(path)

    def without_zmq(self, folder: Path) -> None:
        """The record of an installation made for another Python than OBS's: what is there cannot be imported."""
        folder.mkdir()
        (folder / "zmq.py").write_text("raise ImportError('this was built for another Python')")
        self._zmq_paths = dict.fromkeys(self._zmq_paths, str(folder))
        self._write_record(VERSION)

    def _write_wrapper(self) -> None:
        lines = [
            "#!/bin/sh",
            f"export PYTHONPATH='{self.package.parent}'",
            f"[ \"$2\" = mirage_lsd.worker ] || exec '{sys.executable}' \"$@\"",
            f"exec '{sys.executable}' '{MARKING_WORKER}'",
        ]
        self._wrapper.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._wrapper.chmod(0o755)

    def _write_record(self, version: str) -> None:
        content = {"layout": 1, "worker_python": str(self._wrapper), "zmq_paths": self._zmq_paths, "version": version}
        self.record.write_text(json.dumps(content), encoding="utf-8")

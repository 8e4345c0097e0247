# SPDX-License-Identifier: Apache-2.0
"""Built engines on disk: found by everything they depend on, written whole or not at all, checked before use.

Called by the loading thread; torch-free. Invariant: what `load` returns was built for exactly this EngineKey and
has not changed since; anything else is put aside with the reason, and the caller builds again.

<cache>/tensorrt/<graph>-<16 hex digits of the key>/ holds engine.plan and manifest.json: the key's fields in
words, so that a person can see what a folder is for, and the SHA-256 of the plan.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from mirage_lsd.worker.engines.cache import default_cache_dir

PLAN, MANIFEST = "engine.plan", "manifest.json"
KEPT_FOLDERS = 40
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineKey:
    """What a built engine depends on. shapes: every input and output, as text; versions: tensorrt, torch, CUDA and
    this project's graphs; weights: the model's fingerprint."""

    graph: str
    weights: str
    shapes: str
    precision: str
    gpu: str
    driver: str
    versions: str

    @property
    def folder_name(self) -> str:
        """Differs whenever any field does."""
        text = json.dumps(asdict(self), sort_keys=True)
        return f"{self.graph}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


class EngineStore:
    """The engines of one cache folder. `problem`: why the last `load` found nothing usable, "" if simply absent."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = (root or default_cache_dir()) / "tensorrt"
        self.problem = ""

    def load(self, key: EngineKey) -> bytes | None:
        """The plan built for this key, or None. A damaged or foreign folder is removed."""
        self.problem = ""
        folder = self._root / key.folder_name
        if not folder.is_dir():
            return None
        plan, self.problem = _read(folder, key)
        if plan is None:
            _log.warning("%s: %s; building it again", folder, self.problem)
            shutil.rmtree(folder, ignore_errors=True)
        else:
            os.utime(folder)
        return plan

    def save(self, key: EngineKey, plan: bytes) -> None:
        """Writes a plan so that it is there whole or not at all, also when two processes do it at once."""
        self._root.mkdir(parents=True, exist_ok=True)
        folder = self._root / key.folder_name
        temporary = Path(tempfile.mkdtemp(prefix=".building-", dir=self._root))
        try:
            (temporary / PLAN).write_bytes(plan)
            manifest = {"key": asdict(key), "sha256": hashlib.sha256(plan).hexdigest()}
            (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            shutil.rmtree(folder, ignore_errors=True)
            try:
                os.rename(temporary, folder)
            except OSError:
                if not folder.is_dir():  # another process may have been first; anything else is a real failure
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self._drop_oldest()

    def discard(self, key: EngineKey) -> None:
        """Removes a plan that turned out to be unusable."""
        shutil.rmtree(self._root / key.folder_name, ignore_errors=True)

    def timing_cache(self) -> Path:
        """Where the builder keeps its measurements: the next build is much faster with them."""
        return self._root / "timing.cache"

    def _drop_oldest(self) -> None:
        folders = sorted((path for path in self._root.iterdir() if (path / MANIFEST).is_file()),
                         key=lambda path: path.stat().st_mtime)
        for folder in folders[:-KEPT_FOLDERS]:
            shutil.rmtree(folder, ignore_errors=True)


def _read(folder: Path, key: EngineKey) -> tuple[bytes | None, str]:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        plan = (folder / PLAN).read_bytes()
        built_for, digest = manifest["key"], manifest["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return None, f"the built engine cannot be read ({type(error).__name__})"
    wanted = asdict(key)
    if built_for != wanted:
        differs = next((name for name in wanted if built_for.get(name) != wanted[name]), "")
        return None, f"the engine was built for {differs} {built_for.get(differs)!r}, this is {wanted[differs]!r}"
    if hashlib.sha256(plan).hexdigest() != digest:
        return None, "the built engine is damaged (its checksum differs)"
    return plan, ""

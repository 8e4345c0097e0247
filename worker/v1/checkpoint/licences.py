# SPDX-License-Identifier: Apache-2.0
"""Which licences the user has accepted: one small JSON file beside the models.

Called before a download, on the loading thread or by the command line. Invariant: nothing is accepted for the user;
without a way to ask, the answer is no.
"""
from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from mirage_lsd.worker.v1.checkpoint.errors import CheckpointError
from mirage_lsd.worker.v1.checkpoint.registry import KnownModel

Ask = Callable[[str], bool]
_FILE = "accepted-licences.json"


def require_licence(model: KnownModel, folder: Path, ask: Ask | None = None) -> None:
    """Return if the licence needs no consent or has it; else ask, and remember a yes. Raises CheckpointError."""
    if not model.must_accept or model.repo in accepted(folder):
        return
    if ask is None or not ask(licence_text(model)):
        raise CheckpointError(f"{model.name} is under the {model.licence} ({model.licence_url}), which has not been "
                              f"accepted; read it and run `mirage-lsd models get {model.name}`", "licence_not_accepted")
    remember(model, folder)


def licence_text(model: KnownModel) -> str:
    """What the user is shown before being asked."""
    return f"{model.name} ({model.repo})\nLicence: {model.licence}\n{model.licence_url}\n\n{model.terms}"


def accepted(folder: Path) -> dict[str, str]:
    """repo -> licence accepted; empty when the file is absent or damaged (then the user is asked again)."""
    try:
        found = json.loads((folder / _FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def remember(model: KnownModel, folder: Path) -> None:
    """Note a yes, atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{_FILE}.partial"
    partial.write_text(json.dumps({**accepted(folder), model.repo: model.licence}, indent=1), encoding="utf-8")
    os.replace(partial, folder / _FILE)

# SPDX-License-Identifier: Apache-2.0
"""Ways to spoil a checkpoint's folder."""

from __future__ import annotations

import json
from pathlib import Path


def drop(folder: Path, name: str) -> None:
    """A file is missing."""
    (folder / name).unlink()


def cut(folder: Path, name: str) -> None:
    """Half a file is there."""
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])


def change(folder: Path, name: str, **fields) -> None:
    """A JSON file says something else."""
    (folder / name).write_text(json.dumps({**json.loads((folder / name).read_text()), **fields}))

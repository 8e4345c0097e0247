# SPDX-License-Identifier: Apache-2.0
"""The library of looks: reads presets.toml and checks it; a preset is a name and a prompt.

Called when the worker starts. Invariant: every preset handed out has passed the checks below.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from mirage_lsd.shared.errors import MirageError

LIBRARY = Path(__file__).with_name("presets.toml")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_KEYS = {"name", "prompt", "strength"}


class PresetError(MirageError):
    """A preset file or a preset's name is wrong; the text says which and how to mend it."""

    code = "bad_preset"


@dataclass(frozen=True)
class Preset:
    """One look. prompt: words of the vocabulary; strength: 0.0 … 1.0, multiplied with the filter's own."""

    id: str
    name: str
    prompt: str
    strength: float = 1.0


def load_library(path: Path = LIBRARY) -> dict[str, Preset]:
    """Every preset of the file by id, in the file's order. Raises PresetError naming file, key and fix."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PresetError(f"{path} does not exist; reinstall Mirage LSD or create the file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PresetError(f"{path.name} is not valid TOML: {error}; mend that line") from error
    return {preset_id: _checked(path.name, preset_id, table) for preset_id, table in tables.items()}


def _checked(file: str, preset_id: str, table: object) -> Preset:
    where = f"{file}: [{preset_id}]"
    if not _ID.fullmatch(preset_id):
        raise PresetError(f"{where}: an id is lower-case words joined by '-', such as [red-leather-jacket]")
    if not isinstance(table, dict):
        raise PresetError(f"{where}: must be a table with name and prompt")
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise PresetError(f"{where}: unknown key {unknown[0]!r}; the keys are {', '.join(sorted(_KEYS))}")
    name, prompt, strength = table.get("name"), table.get("prompt"), table.get("strength", 1.0)
    if not isinstance(name, str) or not name.strip():
        raise PresetError(f"{where}: name is missing; write name = \"...\"")
    if not isinstance(prompt, str):
        raise PresetError(f"{where}: prompt is missing; write prompt = \"...\" (empty keeps everything)")
    if isinstance(strength, bool) or not isinstance(strength, (int, float)) or not 0.0 <= strength <= 1.0:
        raise PresetError(f"{where}: strength is {strength!r}; write a number from 0.0 to 1.0")
    return Preset(preset_id, name, prompt, float(strength))


def find(library: dict[str, Preset], preset_id: str) -> Preset:
    """The preset called `preset_id`, or PresetError naming those there are."""
    if preset_id not in library:
        raise PresetError(f"no preset is called {preset_id!r}; there are: {', '.join(library)}")
    return library[preset_id]

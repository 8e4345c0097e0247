# SPDX-License-Identifier: Apache-2.0
"""The library of looks: the presets that ship with Mirage LSD and the user's own, read from TOML and checked.

Called by the command line, by the voice process, and by `python -m mirage_lsd.worker.presets.preset_list` for the OBS
half, whose Python may be too old to read TOML. Invariants: every preset handed out has passed the checks; a mistake in
the user's file is told with file, key and fix, and costs none of the shipped presets.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path

from mirage_lsd.shared.errors import FieldError, MirageError
from mirage_lsd.shared.messages.look import KEEP, MAX_PRESETS, OWN_SEED, Preset
from mirage_lsd.shared.messages.settings import LAYERS, StreamSettings
from mirage_lsd.worker.models.conditions import UnknownWordError, parse_conditions
from mirage_lsd.worker.models.looks import strangers
from mirage_lsd.worker.presets.text_file import TextFileError, read_text

LIBRARY = Path(__file__).with_name("presets.toml")
THUMBNAILS = Path(__file__).with_name("thumbnails")
TEMPLATE = Path(__file__).with_name("my_presets.toml")
CONFIG_VARIABLE = "MIRAGE_LSD_CONFIG"
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_KEYS = tuple(field.name for field in fields(Preset) if field.name not in ("id", "note"))


class PresetError(MirageError):
    """A preset file or a preset's name is wrong; the text says which and how to mend it."""

    code = "bad_preset"


@dataclass(frozen=True)
class Presets:
    """by_id: every preset in order, the user's after the shipped ones. problem: what is wrong with the user's file, ""
    if nothing is. files: the files to watch for changes; the last one is the user's and need not exist."""

    by_id: dict[str, Preset]
    problem: str
    files: tuple[Path, ...]


def user_file() -> Path:
    """The user's own presets, in the folder where this system keeps settings."""
    import platformdirs

    folder = os.environ.get(CONFIG_VARIABLE) or platformdirs.user_config_dir("mirage-lsd", appauthor=False)
    return Path(folder) / "presets.toml"


def create_user_file() -> Path:
    """The user's file, made from the template where there is none yet."""
    path = user_file()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEMPLATE.read_text(encoding="utf-8"), encoding="utf-8")
    return path


def open_in_editor(path: Path) -> None:
    """Has the system open a text file; where it knows no program for it, nothing happens."""
    if sys.platform == "win32":
        os.startfile(path)
        return
    opener = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    if opener:
        subprocess.run([opener, str(path)], check=False, stdin=subprocess.DEVNULL)


def load_presets() -> Presets:
    """The shipped presets and the user's; a user's preset takes the place of a shipped one with its id."""
    shipped, own, problem = load_library(), {}, ""
    path = user_file()
    try:
        own = load_library(path) if path.exists() else {}
        if len(shipped | own) > MAX_PRESETS:
            raise PresetError(f"{path}: more than {MAX_PRESETS} presets with the shipped ones; take some out")
    except PresetError as error:
        own, problem = {}, str(error)
    return Presets(shipped | own, problem, (LIBRARY, path))


def load_library(path: Path = LIBRARY) -> dict[str, Preset]:
    """Every preset of one file by id, in the file's order. Raises PresetError naming file, key and fix."""
    try:
        tables = tomllib.loads(read_text(path))
    except FileNotFoundError as error:
        raise PresetError(f"{path} does not exist; reinstall Mirage LSD or create the file") from error
    except OSError as error:
        raise PresetError(f"{path} cannot be read ({error.strerror}); mend its permissions") from error
    except TextFileError as error:
        raise PresetError(str(error)) from error
    except tomllib.TOMLDecodeError as error:
        raise PresetError(f"{path} is not valid TOML: {error}; mend that line") from error
    return {preset_id: _checked(path, preset_id, table) for preset_id, table in tables.items()}


def wear(settings: StreamSettings, preset_id: str) -> StreamSettings:
    """These settings in a preset's look, as in OBS; "" leaves them as they are. Raises PresetError."""
    if not preset_id:
        return settings
    preset = find(load_presets().by_id, preset_id)
    seed = settings.seed if preset.seed == OWN_SEED else preset.seed
    return replace(settings, layers=preset.layers(), strength=settings.strength * preset.strength, seed=seed)


def find(library: dict[str, Preset], preset_id: str) -> Preset:
    """The preset called `preset_id`, or PresetError naming those there are."""
    if preset_id not in library:
        raise PresetError(f"no preset is called {preset_id!r}; there are: {', '.join(library)}")
    return library[preset_id]


def _checked(path: Path, preset_id: str, table: object) -> Preset:
    where = f"{path}: [{preset_id}]"
    if not _ID.fullmatch(preset_id):
        raise PresetError(f"{where}: an id is lower-case words joined by '-', such as [red-leather-jacket]")
    if not isinstance(table, dict):
        raise PresetError(f"{where}: must be a table with a name and words; write [{preset_id}] on a line of its own")
    unknown = sorted(set(table) - set(_KEYS))
    if unknown:
        raise PresetError(f"{where}: unknown key {unknown[0]!r}; the keys are {', '.join(_KEYS)}")
    if not isinstance(table.get("name"), str) or not table["name"].strip():
        raise PresetError(f'{where}: name is missing; write name = "..."')
    if not any(table.get(layer) for layer in LAYERS):
        raise PresetError(f'{where}: it names no look; write {" or ".join(LAYERS)} = "..." ("{KEEP}" takes it off)')
    try:
        preset = Preset(preset_id, **table)
    except FieldError as error:
        raise PresetError(f"{where}: {error}") from error
    return replace(preset, note=_note(where, preset))


def _note(where: str, preset: Preset) -> str:
    """What the shipped model does not know of a preset; "" if it knows all. PresetError for a part on a wrong layer."""
    for layer in preset.layers():
        if layer.words == KEEP:
            continue
        try:
            conditions = parse_conditions(layer.words)
        except UnknownWordError as error:
            return f"needs a model that takes free text: {error}"[:400]
        wrong = strangers(layer.name, conditions)
        if wrong:
            part = wrong[0].removesuffix("_color")
            right = part if part in LAYERS else {"upper": "outfit", "lower": "outfit", "pattern": "outfit"}.get(part)
            fix = f'write {right or "prompt"} = "..." for it'
            raise PresetError(f"{where}: {layer.name} = {layer.words!r} names a {part}; {fix}")
    return ""

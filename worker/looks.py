# SPDX-License-Identifier: Apache-2.0
"""The look a stream's settings ask for: preset and prompt put together into conditions and a strength.

Called by the worker's loop thread, and by the control thread to check a prompt before it is applied. Invariant:
pure but for the preset library, which is read once; the same settings give the same look.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache

from mirage_lsd.shared.settings import StreamSettings
from mirage_lsd.worker.models.conditions import COLOR_FIELDS, Conditions, parse_conditions
from mirage_lsd.worker.presets import find, load_library


@dataclass(frozen=True)
class Look:
    """conditions: what to change and what to keep; strength: 0.0 (the source) … 1.0 (the whole look)."""

    conditions: Conditions
    strength: float


@lru_cache(maxsize=1)
def library():
    """The shipped presets by id, read once."""
    return load_library()


def look_for(settings: StreamSettings) -> Look:
    """The look of these settings. A prompt is laid over the preset: its words win, the rest stays.

    Raises PresetError for an unknown preset, UnknownWordError for a word outside the vocabulary.
    """
    return _look(settings.preset, settings.prompt, settings.strength)


def prompt_of(settings: StreamSettings) -> str:
    """The same look as one text, for a model that takes free words. Raises PresetError for an unknown preset."""
    preset = find(library(), settings.preset).prompt if settings.preset else ""
    return ", ".join(part for part in (settings.prompt.strip(), preset) if part)


def lay_over(base: Conditions, top: Conditions) -> Conditions:
    """`base` with everything that `top` names put in its place; what `top` keeps stays as in `base`."""
    named = {field.name: getattr(top, field.name) for field in fields(top) if field.name not in COLOR_FIELDS}
    named = {name: value for name, value in named.items() if value != "keep" and name != "pattern"}
    colors = {name: getattr(top, name) for name in COLOR_FIELDS if getattr(top, name) is not None}
    if top.upper != "keep" or top.pattern != "plain":
        named["pattern"] = top.pattern  # a new garment brings its own pattern, plain included
    return replace(base, **named, **colors)


@lru_cache(maxsize=64)
def _look(preset_id: str, prompt: str, strength: float) -> Look:
    conditions = Conditions()
    if preset_id:
        preset = find(library(), preset_id)
        conditions, strength = parse_conditions(preset.prompt), strength * preset.strength
    conditions = lay_over(conditions, parse_conditions(prompt))
    return Look(conditions, 0.0 if conditions.keeps_everything else strength)

# SPDX-License-Identifier: Apache-2.0
"""A filter's look in its OBS settings: where OBS saves it, where the properties window shows it and the user edits it.

Used by stream_look.py on the supervisor thread. The settings "enabled", "preset", "outfit", "hair", "scene", "light"
and "prompt" are what the window shows; "look" (hidden, JSON) is the whole look with the look store's revision.
Invariant: what the look store wrote never comes back as a command: each text from Lua names the revision it is based
on, and only what differs from what was written then is the user's doing.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from mirage_lsd.obs_script.looks.look_state import WINDOW, LookState, dressed, with_preset
from mirage_lsd.shared.errors import FieldError
from mirage_lsd.shared.messages.fields import build
from mirage_lsd.shared.messages.look import KEEP, Look
from mirage_lsd.shared.messages.look_commands import ApplyPreset, ApplyWords, ClearLook, LookCommand, TurnOff, TurnOn
from mirage_lsd.shared.messages.settings import LAYERS, MAX_NAME_CHARS, MAX_PROMPT_CHARS, Layer

TEXTS = ("preset", "outfit", "hair", "scene", "light", "prompt")
BASES_KEPT = 64


class LookSettings:
    """What one filter's settings held, by the revision of the look that was in them."""

    def __init__(self) -> None:
        self._bases: dict[int, dict[str, Any]] = {}
        self._now: dict[str, Any] = {}
        self.written = -1
        """The revision written last."""

    def copy(self) -> LookSettings:
        """The same for a twin, which goes on by itself."""
        twin = LookSettings()
        twin._bases, twin._now, twin.written = dict(self._bases), dict(self._now), self.written
        return twin

    def first_look(self, raw: dict[str, Any], state: LookState) -> Look:
        """The look a filter comes with: as saved, or as its visible settings say."""
        shown, saved = shown_in(raw), _saved(raw)
        self._keep(_revision(raw), shown)
        if saved is not None and shown_of(saved) == shown:
            return saved
        look = Look(preset=shown["preset"])  # also where the list of presets is not there: it is not forgotten
        if shown["preset"] in state.presets:
            look = with_preset(look, state.presets[shown["preset"]])
        for name in LAYERS:
            if shown[name]:
                look = dressed(look, (Layer(name, shown[name]),))
        return dataclasses.replace(look, off=not shown["enabled"])

    def commands(self, raw: dict[str, Any], target: str) -> list[LookCommand]:
        """What the user changed since the settings that this text is based on."""
        shown, revision = shown_in(raw), _revision(raw)
        base = self._bases.get(revision, self._now) if revision else self._now  # 0: OBS's "Defaults" has erased it
        self._keep(revision, shown)
        changed = [name for name in shown if shown[name] != base.get(name)]
        return [_command(name, shown[name], target) for name in ("preset", *LAYERS, "enabled") if name in changed]

    def to_write(self, look: Look, revision: int) -> dict[str, Any]:
        """The settings to give OBS so that they show this look; only what differs, so that typing is not disturbed."""
        shown = shown_of(look)
        changed = {name: value for name, value in shown.items() if value != self._now.get(name)}
        self._keep(revision, shown)
        self.written = revision
        content = {"revision": revision, **dataclasses.asdict(look)}
        return {**changed, "look": json.dumps(content)}

    def shows(self, look: Look) -> bool:
        """Whether the window shows this look: it does not while what the user chose there is refused."""
        return self._now == shown_of(look)

    def _keep(self, revision: int, shown: dict[str, Any]) -> None:
        self._now = dict(shown)
        self._bases.pop(revision, None)
        self._bases[revision] = dict(shown)
        while len(self._bases) > BASES_KEPT:
            self._bases.pop(next(iter(self._bases)))


def shown_in(raw: dict[str, Any]) -> dict[str, Any]:
    """The visible part of a filter's settings."""
    limits = {"preset": MAX_NAME_CHARS}
    texts = {name: str(raw.get(name, ""))[: limits.get(name, MAX_PROMPT_CHARS)].strip() for name in TEXTS}
    return {"enabled": bool(raw.get("enabled", True)), **texts}


def shown_of(look: Look) -> dict[str, Any]:
    """How a look appears in the visible settings."""
    words = {name: look.words(name) for name in LAYERS}
    bare = {name: "" if text == KEEP else text for name, text in words.items()}
    return {"enabled": not look.off, "preset": look.preset, **bare}


def _command(name: str, value: Any, target: str) -> LookCommand:
    if name == "enabled":
        return TurnOn(target, WINDOW) if value else TurnOff(target, WINDOW)
    if name == "preset":
        return ApplyPreset(value, target, WINDOW) if value else ClearLook(target, WINDOW)
    if name == "prompt":
        return ApplyWords(value, name, target, WINDOW)
    return ApplyWords(value or KEEP, name, target, WINDOW)


def _content(raw: dict[str, Any]) -> dict[str, Any]:
    try:
        content = json.loads(raw.get("look") or "{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _revision(raw: dict[str, Any]) -> int:
    revision = _content(raw).get("revision", 0)
    return revision if isinstance(revision, int) else 0


def _saved(raw: dict[str, Any]) -> Look | None:
    content = _content(raw)
    content.pop("revision", None)
    try:
        return build(Look, content) if content else None
    except FieldError:
        return None

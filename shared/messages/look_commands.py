# SPDX-License-Identifier: Apache-2.0
"""Look commands: what a hotkey, a controller, voice, a gesture or an OBS scene asks of the look store.

The look store (obs_script/looks/look_store.py, inside OBS) owns every filter's look; controllers reach it over the
same kind of channel as the worker's (wire.py), voice and hotkeys directly. Each command is answered by one LookDone,
once the worker draws the new look, or by an ErrorReply. Invariant: an instance is valid.

target: "" for all filters, else a filter as "source/filter", or a source's name for all filters on it.
origin: who asks: "hotkey", "voice", "gesture", "scene", "properties"; a controller gives its own name and becomes
"ctl:name". fade_ms: AS_IT_IS leaves it to the preset.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirage_lsd.shared.messages.fields import Checked, choice, flag, integer, string
from mirage_lsd.shared.messages.look import MAX_PRESETS, MAX_TARGET_CHARS
from mirage_lsd.shared.messages.settings import LAYERS, MAX_FADE_MS, MAX_NAME_CHARS, MAX_PROMPT_CHARS

AS_IT_IS = -1
MAX_ORIGIN_CHARS = 64


class LookRequest(Checked):
    """Base of what the look server is asked."""


class LookCommand(LookRequest):
    """Base of the requests that change looks; each has the fields target and origin."""

    target: str
    origin: str


@dataclass(frozen=True)
class ApplyPreset(LookCommand):
    """Put on a preset: its layers take the place of those they name, the rest stays. Turns on what was off."""

    preset: str = string(MAX_NAME_CHARS, min_chars=1)
    target: str = string(MAX_TARGET_CHARS, default="")
    origin: str = string(MAX_ORIGIN_CHARS, default="")
    fade_ms: int = integer(AS_IT_IS, MAX_FADE_MS, default=AS_IT_IS)


@dataclass(frozen=True)
class ApplyWords(LookCommand):
    """Put words of one's own on a layer; "" makes the layer bare. "prompt" takes words of any kind."""

    words: str = string(MAX_PROMPT_CHARS)
    layer: str = choice(*LAYERS, default="prompt")
    target: str = string(MAX_TARGET_CHARS, default="")
    origin: str = string(MAX_ORIGIN_CHARS, default="")
    fade_ms: int = integer(AS_IT_IS, MAX_FADE_MS, default=AS_IT_IS)


@dataclass(frozen=True)
class _Plain(LookCommand):
    """A command that says nothing but whose look and who asks; no message itself."""

    target: str = string(MAX_TARGET_CHARS, default="")
    origin: str = string(MAX_ORIGIN_CHARS, default="")


@dataclass(frozen=True)
class ClearLook(_Plain):
    """Take off every layer."""


@dataclass(frozen=True)
class Undo(_Plain):
    """Back to the look before; each filter has its own history."""


@dataclass(frozen=True)
class Redo(_Plain):
    """Take back an undo."""


@dataclass(frozen=True)
class NextPreset(_Plain):
    """The preset after the one applied last."""


@dataclass(frozen=True)
class PreviousPreset(_Plain):
    """The preset before the one applied last."""


@dataclass(frozen=True)
class RandomPreset(_Plain):
    """Any other preset. draw: which, counted from 0 and wrapped around; AS_IT_IS: the look store draws."""

    draw: int = integer(AS_IT_IS, default=AS_IT_IS)


PRESET_COMMANDS = (ApplyPreset, NextPreset, PreviousPreset, RandomPreset)


@dataclass(frozen=True)
class TurnOff(_Plain):
    """Show the source untouched, in the next OBS frame, whatever the worker does."""


@dataclass(frozen=True)
class TurnOn(_Plain):
    """Restyle again, in the look there was."""


@dataclass(frozen=True)
class Talk(LookRequest):
    """The push-to-talk key went down or up. Answer: Done."""

    held: bool = flag()
    origin: str = string(MAX_ORIGIN_CHARS, default="")


@dataclass(frozen=True)
class GetLooks(LookRequest):
    """Answer: LooksReport."""


@dataclass(frozen=True)
class GetPresets(LookRequest):
    """Answer: PresetPage with the presets from number `first` on; ask again until all `total` have come."""

    first: int = integer(0, MAX_PRESETS, default=0)

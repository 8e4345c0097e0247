# SPDX-License-Identifier: Apache-2.0
"""From words to what is meant: `Phrasebook.read` turns the text of a phrase into a typed intent.

Called by the recogniser process for every accepted phrase; knows nothing of engines or sound. Invariant: pure; a
text that it does not understand as a whole is no intent at all.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from mirage_lsd.worker.models.conditions import UnknownWordError, parse_conditions
from mirage_lsd.worker.voice.numbers import LARGEST, spoken, value_of

NUMBER_LEADS = ("number", "look", "preset")
WEAR_LEADS = ("wear", "put on", "change to", "switch to", "scene", "background")
_ARTICLES = ("a", "an", "the")
_NEAR_ENOUGH = 0.82


@dataclass(frozen=True)
class Intent:
    """What a phrase asks for. The subclass's name, in snake_case, is its type in the events."""


@dataclass(frozen=True)
class ApplyPreset(Intent):
    """Put on the preset with this id."""

    preset: str


@dataclass(frozen=True)
class ApplyPrompt(Intent):
    """Lay these words, all of the prompt's vocabulary, over the look."""

    prompt: str


@dataclass(frozen=True)
class Undo(Intent):
    """Back to the look before."""


@dataclass(frozen=True)
class Redo(Intent):
    """Take back an undo."""


@dataclass(frozen=True)
class NextPreset(Intent):
    """The preset after this one."""


@dataclass(frozen=True)
class PreviousPreset(Intent):
    """The preset before this one."""


@dataclass(frozen=True)
class RandomPreset(Intent):
    """Any preset."""


@dataclass(frozen=True)
class TurnOff(Intent):
    """Show the source untouched, at once."""


@dataclass(frozen=True)
class TurnOn(Intent):
    """Restyle again."""


ACTIONS: dict[str, Intent] = {
    "undo": Undo(), "undo that": Undo(), "redo": Redo(), "next": NextPreset(), "next look": NextPreset(),
    "previous": PreviousPreset(), "previous look": PreviousPreset(), "random": RandomPreset(),
    "random look": RandomPreset(), "surprise me": RandomPreset(), "off": TurnOff(), "turn off": TurnOff(),
    "stop": TurnOff(), "on": TurnOn(), "turn on": TurnOn(),
}  # fmt: skip


@dataclass(frozen=True)
class SpokenPreset:
    """A preset as voice knows it: id and the phrases that call it, the first of which is its name."""

    id: str
    phrases: tuple[str, ...]


def spoken_presets(library: dict) -> tuple[SpokenPreset, ...]:
    """The presets of a library in its order; their own voice phrases come after the name."""
    return tuple(
        SpokenPreset(preset.id, (preset.name, *getattr(preset, "phrases", ()))) for preset in library.values()
    )


def normal(text: str) -> str:
    """Lower case, one space between words, no punctuation but apostrophes and inner hyphens."""
    return " ".join(re.findall(r"[a-z0-9]+(?:['-][a-z0-9]+)*", text.lower().replace("’", "'")))


class Phrasebook:
    """Everything that can be said, for one list of presets and one wake word ("" when there is none)."""

    def __init__(self, presets: Iterable[SpokenPreset], wake_word: str = "mirage") -> None:
        self.presets = tuple(presets)
        self.wake_word = normal(wake_word)
        self.fixed = self._fixed()

    def _fixed(self) -> dict[str, Intent]:
        """Phrase -> intent for actions, numbers and preset names; actions win over a preset of the same name."""
        found: dict[str, Intent] = {}
        for number, preset in enumerate(self.presets[:LARGEST], start=1):
            for lead in NUMBER_LEADS:
                found[f"{lead} {spoken(number)}"] = ApplyPreset(preset.id)
        for preset in self.presets:
            for phrase in preset.phrases:
                if words := normal(phrase):
                    found[words] = ApplyPreset(preset.id)
        return found | ACTIONS

    def after_wake_word(self, text: str) -> str | None:
        """The command in a phrase: what follows the wake word; None if it does not begin with it."""
        words = normal(text)
        if not self.wake_word:
            return words
        if words == self.wake_word or words.startswith(self.wake_word + " "):
            return words[len(self.wake_word) :].strip()
        return None

    def read(self, command: str) -> Intent | None:
        """The intent of a command without its wake word, or None if any word of it is not understood."""
        words = normal(command)
        for text in (words, _without_lead(words)):
            intent = self.fixed.get(text) or self._by_number(text)
            if intent is not None:
                return intent
        return _prompt(words)

    def _by_number(self, text: str) -> Intent | None:
        lead, _, rest = text.partition(" ")
        number = value_of(rest) if lead in NUMBER_LEADS else None
        return ApplyPreset(self.presets[number - 1].id) if number and number <= len(self.presets) else None

    def nearest(self, command: str) -> str | None:
        """For engines that write down whatever they hear: the fixed phrase most like it, None if none is."""
        close = difflib.get_close_matches(normal(command), self.fixed, n=1, cutoff=_NEAR_ENOUGH)
        return close[0] if close else None


def _without_lead(words: str) -> str:
    for lead in WEAR_LEADS:
        if words.startswith(lead + " "):
            words = words[len(lead) + 1 :]
    first, _, rest = words.partition(" ")
    return rest if first in _ARTICLES and rest else words


def _prompt(words: str) -> Intent | None:
    prompt = _without_lead(words)
    try:
        meant = parse_conditions(prompt)
    except UnknownWordError:
        return None
    return None if meant.keeps_everything and not meant.upper_color else ApplyPrompt(prompt)

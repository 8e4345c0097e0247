# SPDX-License-Identifier: Apache-2.0
"""From words to what is meant: `Phrasebook.read` turns the text of a phrase into a look command.

Called by the voice process for every accepted phrase; knows nothing of engines or sound. Invariants: pure; a text that
it does not understand as a whole is no command at all; what sounds the same is the same command.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from mirage_lsd.shared.messages.look_commands import (
    ApplyPreset,
    ApplyWords,
    LookCommand,
    NextPreset,
    PreviousPreset,
    RandomPreset,
    Redo,
    TurnOff,
    TurnOn,
    Undo,
)
from mirage_lsd.shared.messages.voice_lines import ORIGIN
from mirage_lsd.worker.models.conditions import UnknownWordError, parse_conditions
from mirage_lsd.worker.senses.voice.numbers import LARGEST, spoken, value_of

NUMBER_LEADS = ("number", "look", "preset")
WEAR_LEADS = ("wear", "put on", "change to", "switch to", "scene", "background")
_ARTICLES = ("a", "an", "the")
_SPELLED = {"gray": "grey", "blond": "blonde"}
_NEAR_ENOUGH = 0.82


_UNDO, _REDO = Undo(origin=ORIGIN), Redo(origin=ORIGIN)
_NEXT, _PREVIOUS, _RANDOM = NextPreset(origin=ORIGIN), PreviousPreset(origin=ORIGIN), RandomPreset(origin=ORIGIN)
_OFF, _ON = TurnOff(origin=ORIGIN), TurnOn(origin=ORIGIN)
ACTIONS: dict[str, LookCommand] = {
    "undo": _UNDO, "undo that": _UNDO, "redo": _REDO, "next": _NEXT, "next look": _NEXT, "previous": _PREVIOUS,
    "previous look": _PREVIOUS, "random": _RANDOM, "random look": _RANDOM, "surprise me": _RANDOM, "off": _OFF,
    "turn off": _OFF, "stop": _OFF, "on": _ON, "turn on": _ON,
}


@dataclass(frozen=True)
class SpokenPreset:
    """A preset as voice knows it: id and the phrases that call it, the first of which is its name."""

    id: str
    phrases: tuple[str, ...]


def spoken_presets(library: dict) -> tuple[SpokenPreset, ...]:
    """The presets of a library in its order; their own voice phrases come after the name."""
    return tuple(SpokenPreset(preset.id, (preset.name, *preset.phrases)) for preset in library.values())


def normal(text: str) -> str:
    """Lower case, one space between words, no punctuation but apostrophes and inner hyphens; of any language."""
    text = unicodedata.normalize("NFC", text).lower().replace("’", "'")
    return " ".join(re.findall(r"[^\W_]+(?:['-][^\W_]+)*", text))


class Phrasebook:
    """Everything that can be said, for one list of presets and one wake word ("" when there is none)."""

    def __init__(self, presets: Iterable[SpokenPreset], wake_word: str = "mirage") -> None:
        self.presets = tuple(presets)
        self.wake_word = normal(wake_word)
        self.fixed = self._fixed()

    def _fixed(self) -> dict[str, LookCommand]:
        """Phrase -> command for actions, numbers and preset names; actions win over a preset of the same name."""
        found: dict[str, LookCommand] = {}
        for number, preset in enumerate(self.presets[:LARGEST], start=1):
            for lead in NUMBER_LEADS:
                found[f"{lead} {spoken(number)}"] = ApplyPreset(preset.id, origin=ORIGIN)
        for preset in self.presets:
            for phrase in preset.phrases:
                if words := _spelled(phrase):
                    found[words] = ApplyPreset(preset.id, origin=ORIGIN)
        return found | ACTIONS

    def after_wake_word(self, text: str) -> str | None:
        """The command in a phrase: what follows the wake word; None if it does not begin with it."""
        words = normal(text)
        if not self.wake_word:
            return words
        if words == self.wake_word or words.startswith(self.wake_word + " "):
            return words[len(self.wake_word) :].strip()
        return None

    def read(self, command: str) -> LookCommand | None:
        """What is meant by a command without its wake word, or None if any word of it is not understood."""
        words = _spelled(command)
        for text in (words, _without_lead(words)):
            intent = self.fixed.get(text) or self._by_number(text)
            if intent is not None:
                return intent
        return _prompt(words)

    def _by_number(self, text: str) -> LookCommand | None:
        lead, _, rest = text.partition(" ")
        number = value_of(rest) if lead in NUMBER_LEADS else None
        known = number is not None and number <= len(self.presets)
        return ApplyPreset(self.presets[number - 1].id, origin=ORIGIN) if known else None

    def nearest(self, command: str) -> str | None:
        """For engines that write down whatever they hear: the fixed phrase most like it, None if none is."""
        close = difflib.get_close_matches(normal(command), self.fixed, n=1, cutoff=_NEAR_ENOUGH)
        return close[0] if close else None


def _spelled(text: str) -> str:
    """As `normal`, in one spelling of words that sound the same; numbers up to LARGEST in words."""
    return "".join(_word(part) for part in re.split(r"( |-)", normal(text)))


def _word(part: str) -> str:
    number = value_of(part) if part.isdecimal() else None
    return spoken(number) if number else _SPELLED.get(part, part)


def _without_lead(words: str) -> str:
    for lead in WEAR_LEADS:
        if words.startswith(lead + " "):
            words = words[len(lead) + 1 :]
    first, _, rest = words.partition(" ")
    return rest if first in _ARTICLES and rest else words


def _prompt(words: str) -> LookCommand | None:
    prompt = _without_lead(words)
    try:
        meant = parse_conditions(prompt)
    except UnknownWordError:
        return None
    return None if meant.keeps_everything and not meant.upper_color else ApplyWords(words=prompt, origin=ORIGIN)

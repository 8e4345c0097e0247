# SPDX-License-Identifier: Apache-2.0
"""The grammar of everything that can be said, generated from the presets and the prompt's vocabulary.

Built by the recogniser process when it starts and whenever the presets change. Invariant: every sentence of the
grammar is understood by `Phrasebook.read` (a test walks it). An expression is a phrase (str) or one of:
("seq", a, b, ...) one after the other; ("alt", a, b, ...) one of them; ("opt", a) or nothing.

    mirage undo | mirage number seven | mirage red leather jacket | mirage scene forest
    mirage [wear] [a] [dark green] [striped] jacket [in dark green] [and black jeans]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mirage_lsd.worker.models.conditions import vocabulary
from mirage_lsd.worker.senses.voice.intents import Phrasebook

_SAME_SOUND = {"gray", "blond", "tshirt", "t shirt", "sci fi", "scifi", "stripe"}  # another spelling is kept
_HAIR_COLORS = ("black", "white", "grey", "red", "pink", "blue", "green", "purple", "brown", "blonde", "ginger")
_LIGHTS = ("daylight", "sunset", "sunset light", "evening", "night light", "neon light", "neon lights")
_HATS = ("hat", "cap", "beanie")
_WORN = ("top", "clothes", "outfit")  # what is worn already: only a colour makes a command of these
_ADJECTIVES = (
    "plain", "checked", "striped", "checkered", "plaid", "dotted", "polka dot", "camouflage", "camo", "floral",
)

Node = str | tuple


@dataclass(frozen=True)
class Grammar:
    """command: expression of what follows the wake word. wake_word: "" for none (push-to-talk)."""

    command: Node
    wake_word: str

    @property
    def words(self) -> frozenset[str]:
        """Every word that can occur."""
        return frozenset(word for phrase in (self.wake_word, *phrases(self.command)) for word in phrase.split())

    def without(self, words: set[str]) -> Grammar:
        """The same without the fixed phrases that have any of these words."""
        kind, *parts = self.command
        kept = (part for part in parts if not (isinstance(part, str) and words & set(part.split())))
        return Grammar((kind, *kept), self.wake_word)

    def jsgf(self) -> str:
        """The whole grammar in the Java Speech Grammar Format."""
        wake = f"{self.wake_word} " if self.wake_word else ""
        return f"#JSGF V1.0;\ngrammar mirage;\npublic <phrase> = {wake}{_jsgf(self.command)};\n"


def build(book: Phrasebook) -> Grammar:
    """The grammar for a phrasebook."""
    kinds = {kind: _spoken_forms(found) for kind, found in vocabulary().items()}
    color = ("alt", *(name for name in kinds["color"] if name not in ("blonde", "ginger")))
    hair_color = ("alt", *_HAIR_COLORS)
    upper = ("alt", *(word for word in kinds["upper"] if word not in _WORN))
    lower = ("alt", *kinds["lower"])
    pattern = ("alt", *(word for word in _ADJECTIVES if word in kinds["pattern"]))
    garment = ("alt", upper, lower)
    hair = ("alt", *(word for word in kinds["hair"] if word not in (*_HATS, "hair")))
    article = ("opt", "a")  # no "the": with it "admire the beach" is too near to "mirage, the beach"
    look = (
        "alt",
        ("seq", article, ("opt", color), ("opt", pattern), garment),
        ("seq", article, garment, "in", color),
        ("seq", color, ("alt", *_WORN)),
        ("seq", ("opt", color), upper, "and", ("opt", color), lower),
        ("seq", ("opt", hair_color), hair),
        ("seq", hair_color, "hair"),
        ("seq", article, ("opt", color), ("alt", *_HATS)),
    )
    place = ("seq", ("opt", ("alt", "scene", "background")), ("alt", *kinds["scene"]))
    light = ("alt", *(word for word in _LIGHTS if word in kinds["light"]))
    wear = ("opt", ("alt", "wear", "put on"))
    return Grammar(("alt", *book.fixed, ("seq", wear, look), place, light), book.wake_word)


def phrases(node: Node) -> Iterator[str]:
    """Every phrase an expression is made of."""
    if isinstance(node, str):
        yield node
    else:
        for part in node[1:]:
            yield from phrases(part)


def _jsgf(node: Node) -> str:
    if isinstance(node, str):
        return node
    kind, *parts = node
    inner = (" | " if kind == "alt" else " ").join(map(_jsgf, parts))
    return f"[{inner}]" if kind == "opt" else f"({inner})"


def _spoken_forms(found: tuple[str, ...]) -> tuple[str, ...]:
    """Those that can be said, each sound once."""
    return tuple(phrase for phrase in found if phrase not in _SAME_SOUND and not phrase.startswith("#"))

# SPDX-License-Identifier: Apache-2.0
"""Words become the right intent, and every sentence of the generated grammar is one."""

from __future__ import annotations

import random

import pytest

from mirage_lsd.shared.messages import look_commands as looks
from mirage_lsd.shared.messages.look_commands import ApplyPreset, LookCommand
from mirage_lsd.worker.presets.presets import load_library
from mirage_lsd.worker.senses.voice import grammar, numbers
from mirage_lsd.worker.senses.voice.intents import Phrasebook, SpokenPreset, spoken_presets

PRESETS = (
    SpokenPreset("red-leather-jacket", ("Red leather jacket",)),
    SpokenPreset("gamer", ("Cyber-punk gamer", "go wild")),
    SpokenPreset("forest", ("Forest",)),
)
BOOK = Phrasebook(PRESETS)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("undo", looks.Undo(origin="voice")),
        ("Redo.", looks.Redo(origin="voice")),
        ("next", looks.NextPreset(origin="voice")),
        ("previous look", looks.PreviousPreset(origin="voice")),
        ("random", looks.RandomPreset(origin="voice")),
        ("turn off", looks.TurnOff(origin="voice")),
        ("on", looks.TurnOn(origin="voice")),
        ("Red leather jacket!", ApplyPreset("red-leather-jacket", origin="voice")),
        ("go wild", ApplyPreset("gamer", origin="voice")),
        ("cyber-punk gamer", ApplyPreset("gamer", origin="voice")),
        ("scene forest", ApplyPreset("forest", origin="voice")),
        ("number two", ApplyPreset("gamer", origin="voice")),
        ("look 3", ApplyPreset("forest", origin="voice")),
        ("jacket in dark green", looks.ApplyWords(words="jacket in dark green", origin="voice")),
        ("wear a purple dress", looks.ApplyWords(words="purple dress", origin="voice")),
        ("red hoodie and black jeans", looks.ApplyWords(words="red hoodie and black jeans", origin="voice")),
        ("green top", looks.ApplyWords(words="green top", origin="voice")),
        ("a gray suit", looks.ApplyWords(words="grey suit", origin="voice")),
        ("transparent", looks.ApplyWords(words="transparent", origin="voice")),
        ("background blurred", looks.ApplyWords(words="blurred", origin="voice")),
        ("cut out", looks.ApplyWords(words="cut out", origin="voice")),
        ("neon light", looks.ApplyWords(words="neon light", origin="voice")),
    ],
)
def test_what_is_said_is_what_is_meant(said: str, meant: LookCommand) -> None:
    assert BOOK.read(said) == meant


@pytest.mark.parametrize("said", ["", "number four", "number zero", "banana", "red banana jacket", "the", "outfit"])
def test_what_is_not_understood_as_a_whole_is_no_intent(said: str) -> None:
    assert BOOK.read(said) is None


def test_the_wake_word_must_come_first_unless_there_is_none() -> None:
    assert BOOK.after_wake_word("Mirage, undo.") == "undo"
    assert BOOK.after_wake_word("mirage") == ""
    assert BOOK.after_wake_word("mirages undo") is None
    assert BOOK.after_wake_word("undo mirage") is None
    assert Phrasebook(PRESETS, "").after_wake_word("Undo!") == "undo"
    assert Phrasebook(PRESETS, "Hey mirror").after_wake_word("hey mirror undo") == "undo"


def test_numbers_are_said_and_read_the_same_way() -> None:
    for number in range(1, numbers.LARGEST + 1):
        assert numbers.value_of(numbers.spoken(number)) == number
    assert numbers.value_of("twenty-one") == 21
    assert numbers.value_of("one hundred") is None


def test_nearest_takes_small_slips_only() -> None:
    assert BOOK.nearest("red lether jacket") == "red leather jacket"
    assert BOOK.nearest("what a lovely day") is None


def sentence(node: grammar.Node, rng: random.Random) -> str:
    """A sentence of an expression, chosen by chance."""
    if isinstance(node, str):
        return node
    kind, *parts = node
    if kind == "seq":
        return " ".join(filter(None, (sentence(part, rng) for part in parts)))
    if kind == "opt":
        return sentence(parts[0], rng) if rng.random() < 0.5 else ""
    return sentence(rng.choice(parts), rng)


def test_every_sentence_of_the_grammar_is_understood() -> None:
    book = Phrasebook(spoken_presets(load_library()))
    made = grammar.build(book)
    rng = random.Random(4)
    said = {sentence(made.command, rng) for _ in range(4000)}
    said |= {sentence(("seq", part), rng) for part in made.command[1:] for _ in range(300)}
    assert [text for text in sorted(said) if book.read(text) is None] == []


def test_the_shipped_grammar_has_the_commands_it_promises() -> None:
    book = Phrasebook(spoken_presets(load_library()))
    assert len(book.fixed) >= 60
    assert all(isinstance(book.read(preset.name), ApplyPreset) for preset in load_library().values())


def test_a_preset_can_be_said_as_soon_as_it_is_in_the_list() -> None:
    book = Phrasebook((*PRESETS, SpokenPreset("dragon", ("Dragon rider",))))
    assert "dragon rider" in set(grammar.phrases(grammar.build(book).command))
    assert book.read("dragon rider") == ApplyPreset("dragon", origin="voice")
    assert book.read("number four") == ApplyPreset("dragon", origin="voice")


def test_phrases_may_have_numbers_and_letters_of_any_language() -> None:
    book = Phrasebook((SpokenPreset("club", ("Studio 54", "8-bit")), SpokenPreset("summer", ("Robe d’ÉTÉ", "куртка"))))
    club, summer = (ApplyPreset(name, origin="voice") for name in ("club", "summer"))
    for said in ("studio fifty four", "Studio 54.", "eight-bit"):
        assert book.read(said) == club, said
    for said in ("robe d'été", "Куртка!"):
        assert book.read(said) == summer, said


@pytest.mark.parametrize(("said", "preset"), [
    ("transparent", "transparent"), ("no background", "transparent"), ("remove background", "transparent"),
    ("blurred", "blurred"), ("blur background", "blurred"), ("scene blurred", "blurred"),
])  # fmt: skip
def test_the_own_place_is_a_preset_that_can_be_said(said: str, preset: str) -> None:
    book = Phrasebook(spoken_presets(load_library()))
    assert book.read(said) == ApplyPreset(preset, origin="voice")

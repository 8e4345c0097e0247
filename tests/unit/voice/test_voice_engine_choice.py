# SPDX-License-Identifier: Apache-2.0
"""Engines by name: which there are, which speak what, another package's; and those that write down all they hear."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import numpy as np
import pytest

from mirage_lsd.obs_script.senses.voice_settings import VoiceSettings
from mirage_lsd.worker.senses.voice import grammar
from mirage_lsd.worker.senses.voice.engines import engine
from mirage_lsd.worker.senses.voice.engines.engine_transcript import SpeechRecognitionEngine, TranscriptEngine
from mirage_lsd.worker.senses.voice.errors import VoiceError
from mirage_lsd.worker.senses.voice.intents import Phrasebook, SpokenPreset

BOOK = Phrasebook((SpokenPreset("forest", ("Forest",)), SpokenPreset("cyberpunk", ("Cyberpunk zorblax",))))


def code_of(call, *arguments) -> str:
    with pytest.raises(VoiceError) as refused:
        call(*arguments)
    assert str(refused.value)
    return refused.value.code


@pytest.mark.parametrize("name", ["auto", "whisper", "pocketsphinx"])
def test_embedded_engines_refuse_another_language_and_say_what_does_it(name: str) -> None:
    with pytest.raises(VoiceError, match="faster-whisper") as refused:
        engine.load(name, language="de-DE")
    assert refused.value.code == "bad_settings"


@pytest.mark.parametrize("name", ["faster-whisper"])
def test_an_engine_without_its_package_or_model_says_what_to_do(name: str, tmp_path: Path) -> None:
    assert code_of(engine.load, name, str(tmp_path / "none")) in ("engine_missing", "model_missing")


def test_an_engine_that_is_no_more_is_the_automatic_one() -> None:
    found = engine.load("vosk", "/a/folder")
    assert found.name in engine.EMBEDDED
    found.close()


def test_settings_let_its_name_through_so_that_the_process_can_tell() -> None:
    for name, wanted in (("vosk", "vosk"), ("whisper", "whisper"), ("psychic", "auto")):
        assert VoiceSettings.read({"voice_engine": name}).engine == wanted


def test_another_package_brings_an_engine_as_an_entry_point(monkeypatch) -> None:
    point = EntryPoint("parrot", "builtins:slice", engine.ENTRY_POINTS)  # a slice shows what it was made with
    monkeypatch.setattr(engine, "entry_points", lambda group: EntryPoints([point]).select(group=group))
    assert engine.load("parrot", "/a/folder", 2, "de") == slice("/a/folder", 2, "de")
    with pytest.raises(VoiceError, match="speech_recognition, parrot"):
        engine.load("psychic")


def test_unknown_engines_and_recognisers_are_named() -> None:
    assert code_of(engine.load, "psychic") == "bad_settings"
    with pytest.raises(VoiceError, match="it has: .*sphinx"):
        SpeechRecognitionEngine("telepathy")


class Dictation(TranscriptEngine):
    """An engine that writes what it is told to."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.use(BOOK, grammar.build(BOOK))

    def _text(self, phrase: np.ndarray) -> str:
        return self.text


@pytest.mark.parametrize(
    ("text", "command", "sure"),
    [("Mirage, forest.", "forest", True), ("mirage forrest", "forest", True), ("Mirage!", "", True),
     ("Mirage, what a day.", "what a day", False)],
)
def test_free_text_is_read_as_a_command_or_distrusted(text: str, command: str, sure: bool) -> None:
    heard = Dictation(text).finish(np.zeros(1, np.int16))
    assert (heard.command, heard.confidence >= TranscriptEngine.threshold) == (command, sure)


def test_free_text_without_the_wake_word_is_nothing() -> None:
    assert Dictation("The forest is nice.").finish(np.zeros(1, np.int16)) is None

# SPDX-License-Identifier: Apache-2.0
"""What a recognition engine is, and which there are: one small interface, loaded by name.

Called by the recogniser process, one thread. Another engine is a class with the methods of `Engine`, made with (model,
threads, language), that a package in the worker's environment names as an entry point of the group ENTRY_POINTS; its
name there is what `engine` is set to. Invariant: an engine's libraries are imported when it is made and not before;
what is missing is a VoiceError that says what to install.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import ModuleType
from typing import Protocol

import numpy as np

from mirage_lsd.shared.messages.voice_lines import AUTO, ENGLISH, RETIRED_ENGINES
from mirage_lsd.worker.senses.voice.errors import VoiceError
from mirage_lsd.worker.senses.voice.grammar import Grammar
from mirage_lsd.worker.senses.voice.intents import Phrasebook


@dataclass(frozen=True)
class Heard:
    """command: the words after the wake word, "" if it came alone. confidence: 0 … 1, comparable within an engine.
    whole: False where the engine doubts that this is all that is being said: the command may still be to come."""

    command: str
    confidence: float
    whole: bool = True


class Engine(Protocol):
    """One recogniser of phrases. threshold: confidence from which a phrase is taken by default."""

    name: str
    threshold: float
    guesses: bool  # True: `finish` may be asked while the phrase may still go on, and again later

    def use(self, book: Phrasebook, grammar: Grammar) -> tuple[str, ...]:
        """Listen for this from now on; returns remarks for the user. VoiceError if it cannot."""

    def begin(self) -> None:
        """A phrase begins."""

    def feed(self, samples: np.ndarray) -> None:
        """More of it: int16, 16 kHz, mono."""

    def finish(self, phrase: np.ndarray) -> Heard | None:
        """What the whole phrase says, or None if it does not begin with the wake word."""

    def close(self) -> None:
        """Let go of the model."""


# name -> (module, class)
ENGINES: dict[str, tuple[str, str]] = {
    "whisper": ("engine_whisper", "WhisperEngine"),  # bound to the grammar; tiny.en from a public package
    "pocketsphinx": ("engine_sphinx", "SphinxEngine"),  # model in its wheel; least memory
    "faster-whisper": ("engine_transcript", "FasterWhisperEngine"),
    "speech_recognition": ("engine_transcript", "SpeechRecognitionEngine"),  # any recognize_* of SpeechRecognition
}
ENTRY_POINTS = "mirage_lsd.voice_engines"
EMBEDDED = ("whisper", "pocketsphinx")
OTHER_LANGUAGES = ("whisper", "faster-whisper", "speech_recognition")


def load(name: str, model: str = "", threads: int = 1, language: str = ENGLISH) -> Engine:
    """The engine called `name` ("auto", or one that is no more: the first embedded one that is installed) with a model
    folder or name, for what is spoken in `language`."""
    if name in (AUTO, *RETIRED_ENGINES):
        return _first_embedded(threads, language)
    if name in ENGINES:
        module, cls = ENGINES[name]
        found = importlib.import_module(f"mirage_lsd.worker.senses.voice.engines.{module}")
        return getattr(found, cls)(model, threads, language)
    others = entry_points(group=ENTRY_POINTS)
    if name not in others.names:
        known = ", ".join((AUTO, *ENGINES, *sorted(others.names)))
        raise VoiceError(f"there is no voice engine {name!r}; there are: {known}", "bad_settings")
    return others[name].load()(model, threads, language)


def farewell(name: str) -> tuple[str, ...]:
    """What to tell somebody whose settings name an engine that is no more."""
    if name not in RETIRED_ENGINES:
        return ()
    return (f"the voice engine {name} is no longer part of Mirage LSD and the automatic one listens instead; choose "
            "another engine in the settings",)


def imported(module: str, package: str) -> ModuleType:
    """The module, or VoiceError with what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        text = f"{package} is not installed ({error}); run: pip install {package}"
        raise VoiceError(text, "engine_missing") from error


def is_english(language: str) -> bool:
    """True for "en", "en-GB" and the like."""
    return base(language) == ENGLISH


def base(language: str) -> str:
    """"de" for "de-DE"."""
    return language.replace("_", "-").split("-")[0].lower()


def only_english(engine: str, language: str) -> None:
    """VoiceError unless English is spoken: for engines whose model knows no other language."""
    if not is_english(language):
        raise VoiceError(
            f"{engine} knows English only; for the language {language!r} choose one of the engines "
            f"{', '.join(OTHER_LANGUAGES)} and name a model of yours for it",
            "bad_settings",
        )


def _first_embedded(threads: int, language: str) -> Engine:
    only_english("the embedded engine", language)
    reasons = []
    for name in EMBEDDED:
        try:
            return load(name, "", threads, language)
        except VoiceError as error:
            reasons.append(f"{name}: {error}")
    raise VoiceError("no voice engine can be loaded. " + "; ".join(reasons), "engine_missing")

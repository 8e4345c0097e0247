# SPDX-License-Identifier: Apache-2.0
"""What a recognition engine is, and which there are: one small interface, loaded by name.

Called by the recogniser process, one thread. Invariant: an engine's libraries are imported when it is made and not
before; what is missing is a VoiceError that says what to install.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mirage_lsd.shared.messages.voice_lines import ENGLISH
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


# name -> (module, class, one line for the list of engines). The order is that of "auto".
ENGINES: dict[str, tuple[str, str, str]] = {
    "whisper": ("engine_whisper", "WhisperEngine", "Whisper bound to the grammar; tiny.en from a public package"),
    "pocketsphinx": ("engine_sphinx", "SphinxEngine", "PocketSphinx, model in its wheel; least memory"),
    "vosk": ("engine_vosk", "VoskEngine", "Vosk with a model folder of yours"),
    "sherpa-onnx": ("engine_sherpa", "SherpaEngine", "sherpa-onnx keyword spotting with a model folder of yours"),
    "moonshine": ("engine_transcript", "MoonshineEngine", "Moonshine with a model folder of yours"),
    "faster-whisper": ("engine_transcript", "FasterWhisperEngine", "faster-whisper with a model folder of yours"),
    "speech_recognition": ("engine_transcript", "SpeechRecognitionEngine", "any recognize_* of SpeechRecognition"),
}
EMBEDDED = ("whisper", "pocketsphinx")
OTHER_LANGUAGES = ("whisper", "faster-whisper", "vosk", "speech_recognition")


def load(name: str, model: str = "", threads: int = 1, language: str = ENGLISH) -> Engine:
    """The engine called `name` ("auto": the first embedded one that is installed) with a model folder or name, for
    what is spoken in `language`."""
    if name == "auto":
        return _first_embedded(threads, language)
    if name not in ENGINES:
        raise VoiceError(f"there is no voice engine {name!r}; there are: auto, {', '.join(ENGINES)}", "bad_settings")
    module, cls, _ = ENGINES[name]
    found = importlib.import_module(f"mirage_lsd.worker.senses.voice.engines.{module}")
    return getattr(found, cls)(model, threads, language)


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

# SPDX-License-Identifier: Apache-2.0
"""Engines that write down whatever they hear: faster-whisper and those of SpeechRecognition.

Called by the recogniser process. They know no grammar, so their text is read as it is, else as the fixed phrase most
like it. Invariant: text that is neither a command nor near one is passed on with confidence 0, never as a command.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np

from mirage_lsd.shared.messages.voice_lines import ENGLISH
from mirage_lsd.worker.senses.voice.engines.engine import Heard, base, imported
from mirage_lsd.worker.senses.voice.errors import VoiceError
from mirage_lsd.worker.senses.voice.grammar import Grammar
from mirage_lsd.worker.senses.voice.intents import Phrasebook

_RATE_HZ = 16_000
_SURE, _NEAR = 0.9, 0.6


class TranscriptEngine:
    """What they have in common; see engine.Engine. A subclass gives `_text(phrase)`."""

    name = ""
    threshold = 0.5
    guesses = False
    _book: Phrasebook

    def use(self, book: Phrasebook, grammar: Grammar) -> tuple[str, ...]:
        """Any word can be written down; nothing is ever missing."""
        self._book = book
        return ()

    def begin(self) -> None:
        """Nothing to do: the phrase is heard as a whole."""

    def feed(self, samples: np.ndarray) -> None:
        """Nothing to do."""

    def finish(self, phrase: np.ndarray) -> Heard | None:
        """See engine.Engine."""
        command = self._book.after_wake_word(self._text(phrase))
        if command is None or not command:
            return None if command is None else Heard("", _SURE)
        if self._book.read(command) is not None:
            return Heard(command, _SURE)
        near = self._book.nearest(command)
        return Heard(near, _NEAR) if near else Heard(command, 0.0)

    def _text(self, phrase: np.ndarray) -> str:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to let go of but memory."""


class FasterWhisperEngine(TranscriptEngine):
    """model: a folder of a Whisper model for CTranslate2."""

    name = "faster-whisper"

    def __init__(self, model: str = "", threads: int = 1, language: str = ENGLISH) -> None:
        whisper = imported("faster_whisper", "faster-whisper")
        folder = Path(model).expanduser()
        if not model or not folder.is_dir():
            text = f"{model!r} is no folder; name that of a Whisper model converted for CTranslate2"
            raise VoiceError(text, "model_missing")
        self._language = base(language)
        self._model = whisper.WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads)

    def _text(self, phrase: np.ndarray) -> str:
        sound = phrase.astype(np.float32) / 32768
        parts, _ = self._model.transcribe(sound, language=self._language, beam_size=1, without_timestamps=True,
                                          condition_on_previous_text=False)
        return " ".join(part.text for part in parts)


class SpeechRecognitionEngine(TranscriptEngine):
    """model: which recognize_* of SpeechRecognition to ask, such as "sphinx" or "google". Some send sound away."""

    name = "speech_recognition"

    def __init__(self, model: str = "", threads: int = 1, language: str = ENGLISH) -> None:
        self._speech = imported("speech_recognition", "SpeechRecognition")
        recognizer = self._speech.Recognizer()
        self._recognise = getattr(recognizer, f"recognize_{model or 'sphinx'}", None)
        if self._recognise is None:
            known = sorted(name[10:] for name, _ in inspect.getmembers(recognizer) if name.startswith("recognize_"))
            raise VoiceError(f"SpeechRecognition has no {model!r}; it has: {', '.join(known)}", "bad_settings")

    def _text(self, phrase: np.ndarray) -> str:
        sound = self._speech.AudioData(phrase.tobytes(), _RATE_HZ, 2)
        try:
            return str(self._recognise(sound))
        except self._speech.UnknownValueError:
            return ""
        except (self._speech.RequestError, ImportError) as error:
            raise VoiceError(f"SpeechRecognition: {error}", "engine_failed") from error

# SPDX-License-Identifier: Apache-2.0
"""Vosk with a model folder of the user's: streaming, bound to the grammar's phrases.

Called by the recogniser process. Vosk takes a list of phrases, not a grammar: it is given every phrase the grammar is
made of and "[unk]" for all other speech. Invariant: a phrase in which anything but known words was heard is refused.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np

from mirage_lsd.worker.senses.voice.engines.engine import Heard
from mirage_lsd.worker.senses.voice.errors import VoiceError
from mirage_lsd.worker.senses.voice.grammar import Grammar, phrases
from mirage_lsd.worker.senses.voice.intents import Phrasebook

_RATE_HZ = 16_000
_OTHER = "[unk]"


class VoskEngine:
    """See engine.Engine. model: the folder of a Vosk model, whose language it is; only the small ones take a list of
    phrases."""

    name = "vosk"
    threshold = 0.6
    guesses = False

    def __init__(self, model: str = "", threads: int = 1, language: str = "") -> None:
        if not Path(model).is_dir() or not model:
            raise VoiceError("Vosk needs a model: name the folder of an unpacked small Vosk model", "model_missing")
        try:
            vosk = importlib.import_module("vosk")
        except ImportError as error:
            raise VoiceError("vosk is not installed; run: pip install vosk", "engine_missing") from error
        vosk.SetLogLevel(-1)
        self._recogniser_for = vosk.KaldiRecognizer
        self._model = vosk.Model(model_path=model)
        self._recogniser = None
        self._book: Phrasebook | None = None

    def use(self, book: Phrasebook, grammar: Grammar) -> tuple[str, ...]:
        """Words the model lacks are remarks: phrases with them cannot be heard."""
        words = sorted(grammar.words)
        lacking = [word for word in words if self._model.vosk_model_find_word(word) < 0]
        known = [p for p in {book.wake_word, *phrases(grammar.command)} if p and not set(p.split()) & set(lacking)]
        self._recogniser = self._recogniser_for(self._model, _RATE_HZ, json.dumps([*sorted(known), _OTHER]))
        self._recogniser.SetWords(True)
        self._book = book
        return tuple(f"this Vosk model does not know {word!r}" for word in lacking)

    def begin(self) -> None:
        """See engine.Engine."""
        self._recogniser.Reset()

    def feed(self, samples: np.ndarray) -> None:
        """See engine.Engine."""
        self._recogniser.AcceptWaveform(samples.tobytes())

    def finish(self, phrase: np.ndarray) -> Heard | None:
        """See engine.Engine."""
        result = json.loads(self._recogniser.FinalResult())
        command = self._book.after_wake_word(result.get("text", "").replace(_OTHER, "?"))
        if not result.get("text") or _OTHER in result["text"] or command is None:
            return None
        sure = [word["conf"] for word in result.get("result", ())]
        return Heard(command, min(sure, default=0.0))

    def close(self) -> None:
        """Nothing to let go of but memory."""

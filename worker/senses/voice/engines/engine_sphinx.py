# SPDX-License-Identifier: Apache-2.0
"""PocketSphinx with the model in its wheel: small, streaming, bound to a JSGF grammar.

Called by the recogniser process. One decoder hears the grammar and is fed while the phrase is spoken; a second one
hears free phones and says how much better the sound would fit anything else: that is the confidence, as a grammar
alone takes whatever it hears for its nearest sentence. Invariant: both decoders live as long as the engine; a new
grammar is loaded in place.
"""

from __future__ import annotations

import math

import numpy as np

from mirage_lsd.shared.messages.voice_lines import ENGLISH
from mirage_lsd.worker.senses.voice.engines.engine import Heard, imported, only_english
from mirage_lsd.worker.senses.voice.engines.pronunciation import pronunciations
from mirage_lsd.worker.senses.voice.errors import VoiceError
from mirage_lsd.worker.senses.voice.grammar import Grammar
from mirage_lsd.worker.senses.voice.intents import Phrasebook

_FRAMES_PER_S = 100
_NATS_PER_FRAME = 1.0


class SphinxEngine:
    """See engine.Engine. model: not used, the wheel's is taken."""

    name = "pocketsphinx"
    threshold = 0.3
    guesses = False

    def __init__(self, model: str = "", threads: int = 1, language: str = ENGLISH) -> None:
        only_english("the PocketSphinx model", language)
        sphinx = imported("pocketsphinx", "pocketsphinx")
        self._decoder = sphinx.Decoder(lm=None, loglevel="FATAL")
        self._phones = sphinx.Decoder(lm=None, loglevel="FATAL", dict=None, allphone=sphinx.get_model_path(
            "en-us/en-us-phone.lm.bin"), lw=2.0, pip=0.3, beam=1e-10, pbeam=1e-10)
        self._wake_word = ""
        self._speaking = False

    def use(self, book: Phrasebook, grammar: Grammar) -> tuple[str, ...]:
        """Words outside the dictionary get a pronunciation by rule; phrases with a word that has none are left out.
        Each is a remark."""
        self._wake_word = grammar.wake_word
        remarks, unheard = [], set()
        for word in sorted(grammar.words):
            try:
                remarks.append(self._learn(word))
            except VoiceError as error:
                if word in grammar.wake_word.split():
                    raise
                unheard.add(word)
                remarks.append(f"{error}; phrases with it are not heard")
        grammar = grammar.without(unheard)
        try:
            self._decoder.add_jsgf_string("commands", grammar.jsgf())
        except (RuntimeError, ValueError) as error:
            raise VoiceError(f"PocketSphinx refuses the grammar: {error}", "engine_failed") from error
        self._decoder.activate_search("commands")
        return tuple(remark for remark in remarks if remark)

    def _learn(self, word: str) -> str:
        always = word == self._wake_word
        if self._decoder.lookup_word(word) is not None and not always:
            return ""
        made = pronunciations(word, self._decoder.lookup_word)
        for number, phones in enumerate(made, start=1):
            name = word if number == 1 else f"{word}({number})"
            if self._decoder.lookup_word(name) is None:
                self._decoder.add_word(name, phones, True)
        return "" if always else f"{word!r} is not in the dictionary; it is taken to sound like {made[0]}"

    def begin(self) -> None:
        """See engine.Engine."""
        if self._speaking:
            self._stop()
        for decoder in (self._decoder, self._phones):
            decoder.start_utt()
        self._speaking = True

    def feed(self, samples: np.ndarray) -> None:
        """See engine.Engine."""
        for decoder in (self._decoder, self._phones):
            decoder.process_raw(samples.tobytes(), False, False)

    def _stop(self) -> None:
        for decoder in (self._decoder, self._phones):
            decoder.end_utt()
        self._speaking = False

    def finish(self, phrase: np.ndarray) -> Heard | None:
        """See engine.Engine."""
        self._stop()
        found, free = self._decoder.hyp(), self._phones.hyp()
        if found is None or not found.hypstr:
            return None
        words = found.hypstr.strip()
        if self._wake_word and not (words + " ").startswith(self._wake_word + " "):
            return None
        gap = 0.0
        if free is not None:
            frames = max(phrase.size * _FRAMES_PER_S // 16_000, 1)
            gap = max(free.score - found.score, 0) * math.log(1.0001) / frames
        command = words[len(self._wake_word) :].strip() if self._wake_word else words
        return Heard(command, math.exp(-gap / _NATS_PER_FRAME))

    def close(self) -> None:
        """Nothing to let go of but memory."""

# SPDX-License-Identifier: Apache-2.0
"""The default engine: Whisper's encoder listens, our own search says which sentence of the grammar it heard.

Called by the recogniser process. The encoder runs in CTranslate2 (int8) over the phrase alone instead of Whisper's
30 s, which makes it more than ten times cheaper; the decoder is bound to the grammar (grammar_search.py), so that a
small model is enough. The default model is tiny.en with an adapter laid over it (adapter.py) that was trained with
short windows and noise; any other Whisper in CTranslate2's format will do and gets a window of WINDOW_S; one of
many languages is told which is spoken. Invariant: answers only with sentences of the grammar; a phrase in which the
wake word is unlikely is left after one step.
"""

from __future__ import annotations

import math

import numpy as np

from mirage_lsd.shared.messages.voice_lines import ENGLISH
from mirage_lsd.worker.senses.voice.engines.adapter import adapted
from mirage_lsd.worker.senses.voice.engines.engine import Heard, base, imported, only_english
from mirage_lsd.worker.senses.voice.engines.grammar_search import Found, GrammarSearch
from mirage_lsd.worker.senses.voice.engines.log_mel import RATE_HZ, log_mel
from mirage_lsd.worker.senses.voice.engines.token_graph import TokenGraph
from mirage_lsd.worker.senses.voice.engines.whisper_decoder import Decoder
from mirage_lsd.worker.senses.voice.engines.whisper_files import MODEL_FILE, Tokens, arrays_of, model_folder
from mirage_lsd.worker.senses.voice.grammar import Grammar
from mirage_lsd.worker.senses.voice.intents import Phrasebook

WINDOW_S = 8.0
SILENCE_S = 0.3
_COLUMNS_PER_POSITION = 2
# Confidence of the shipped model, chosen with the tuning voices: the wake word's log probability is -0.1 and better in
# commands, -2 and worse in nearly all other speech; the words of a command that was said are seldom more than 1 behind
# what the model would rather have written, and those made up for a wake word that stands alone 3 and more.
_WAKE_EVEN, _WAKE_STEP, _BEHIND_STEP, _ADAPTED_WAKE_LEAST = -0.75, 0.5, 1.67, -7.0
# A guess in a pause is all that is being said when its words are less than this behind: so are 96 % of the guesses at
# the end of a command, in noise too, and 15 % of those before it, where the wake word alone is taken for a garment.
_WHOLE_BEHIND = 0.3
# And of any other model: from the wake word and, on average, the command's tokens.
_COMMAND_WEIGHT, _EVEN_EVIDENCE, _EVIDENCE_STEP, _PLAIN_WAKE_LEAST = 3.0, -13.5, 2.0, -13.5


class WhisperEngine:
    """See engine.Engine. model: a folder, "" for the packaged tiny.en."""

    name = "whisper"
    threshold = 0.5
    guesses = True

    def __init__(self, model: str = "", threads: int = 1, language: str = ENGLISH) -> None:
        self._ct2 = imported("ctranslate2", "ctranslate2")
        folder = model_folder(model)
        files = {file.name: file.read_bytes() for file in folder.iterdir() if file.suffix in (".bin", ".json", ".txt")}
        self._adapted = not model
        if self._adapted:
            files[MODEL_FILE] = adapted(files[MODEL_FILE])
        self._tokens = Tokens(folder / "tokenizer.json")
        self._decoder = Decoder(arrays_of(memoryview(files[MODEL_FILE])))
        self._encoder = self._ct2.models.Whisper(
            str(folder), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1, files=files
        )
        if self._decoder.is_english:
            only_english("this Whisper", language)
        told = () if self._decoder.is_english else (f"<|{base(language)}|>", "<|transcribe|>")
        special = ("<|startoftranscript|>", *told, "<|notimestamps|>")
        self._start = [self._tokens.special(name) for name in special]
        self._search: GrammarSearch | None = None
        self._wake: tuple[int, ...] = ()

    def use(self, book: Phrasebook, grammar: Grammar) -> tuple[str, ...]:
        """Any word has a spelling; a model of English alone does not know the sounds of other languages."""
        ends = (self._tokens.special("<|endoftext|>"), *(self._tokens.encode(sign)[0] for sign in ".!?"))
        graph = TokenGraph(grammar, self._tokens.encode)
        self._wake = self._tokens.encode(f" {grammar.wake_word.capitalize()}") if grammar.wake_word else ()
        least = _ADAPTED_WAKE_LEAST if self._adapted else _PLAIN_WAKE_LEAST
        self._search = GrammarSearch(self._decoder, graph, ends, self._wake, self._tokens.encode(",")[0], least)
        if not self._decoder.is_english:
            return ()
        foreign = (phrase for phrase in (grammar.wake_word, *book.fixed) if not phrase.isascii())
        return tuple(f"{phrase!r} is not English; this model may not hear it" for phrase in foreign)

    def begin(self) -> None:
        """Nothing to do: the phrase is heard as a whole."""

    def feed(self, samples: np.ndarray) -> None:
        """Nothing to do."""

    def finish(self, phrase: np.ndarray) -> Heard | None:
        """See engine.Engine. The first WINDOW_S of the phrase count."""
        found = self._search.best(self._encoded(phrase), self._start)
        if found is None:
            return None
        confidence = 1 / (1 + math.exp(-max(self._evidence(found), -50.0)))
        whole = bool(found.tokens) and not (self._adapted and sum(found.behind) >= _WHOLE_BEHIND)
        return Heard(self._tokens.decode(found.tokens).strip().lower(), confidence, whole)

    def _evidence(self, found: Found) -> float:
        """Above 0 for a command, below for other speech."""
        if self._adapted:
            return (found.wake_log - _WAKE_EVEN) / _WAKE_STEP - sum(found.behind) / _BEHIND_STEP
        return (found.wake_log + _COMMAND_WEIGHT * sum(found.logs) / len(found.logs) - _EVEN_EVIDENCE) / _EVIDENCE_STEP

    def _encoded(self, phrase: np.ndarray) -> np.ndarray:
        """float32 [T, D]."""
        window_s = min(phrase.size / RATE_HZ + SILENCE_S, WINDOW_S) if self._adapted else WINDOW_S
        samples = np.zeros(int(window_s * RATE_HZ), np.float32)
        samples[: phrase.size] = phrase[: samples.size].astype(np.float32) / 32768
        picture = log_mel(samples)
        picture = picture[:, : picture.shape[1] // _COLUMNS_PER_POSITION * _COLUMNS_PER_POSITION]
        view = self._ct2.StorageView.from_array(np.ascontiguousarray(picture[None]))
        return np.array(self._encoder.encode(view, to_cpu=True), np.float32)[0]

    def close(self) -> None:
        """Frees the encoder's weights."""
        self._encoder.unload_model()

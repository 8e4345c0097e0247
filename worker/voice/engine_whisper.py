# SPDX-License-Identifier: Apache-2.0
"""The default engine: Whisper's encoder listens, our own search says which sentence of the grammar it heard.

Called by the recogniser process. The encoder runs in CTranslate2 (int8) over a window of WINDOW_S instead of
Whisper's 30 s, which makes it ten times cheaper; the decoder is bound to the grammar (grammar_search.py), so that a
small model is enough. Any Whisper in CTranslate2's format will do; English is asked of it. Invariant: answers only
with sentences of the grammar; a phrase in which the wake word is unlikely is left after one step.
"""

from __future__ import annotations

import importlib
import math

import numpy as np

from mirage_lsd.worker.voice.adapter import adapted
from mirage_lsd.worker.voice.engine import Heard
from mirage_lsd.worker.voice.errors import VoiceError
from mirage_lsd.worker.voice.grammar import Grammar
from mirage_lsd.worker.voice.grammar_search import GrammarSearch
from mirage_lsd.worker.voice.intents import Phrasebook
from mirage_lsd.worker.voice.log_mel import RATE_HZ, log_mel
from mirage_lsd.worker.voice.token_graph import TokenGraph
from mirage_lsd.worker.voice.whisper_decoder import Decoder
from mirage_lsd.worker.voice.whisper_files import MODEL_FILE, Tokens, arrays_of, model_folder

WINDOW_S = 8.0
SILENCE_S = 0.3
_COLUMNS_PER_POSITION = 2
# Confidence from the log probabilities of the wake word and, on average, of the command's tokens. Chosen with the
# tuning voices: commands in noise reach -13 and better, other speech stays below -15 (voice_false_triggers.py).
_COMMAND_WEIGHT, _EVEN_EVIDENCE, _EVIDENCE_STEP = 3.0, -13.5, 2.0


class WhisperEngine:
    """See engine.Engine. model: a folder, "" for the packaged tiny.en."""

    name = "whisper"
    threshold = 0.5
    guesses = True

    def __init__(self, model: str = "", threads: int = 1) -> None:
        try:
            self._ct2 = importlib.import_module("ctranslate2")
        except ImportError as error:
            raise VoiceError("ctranslate2 is not installed; run: pip install ctranslate2", "engine_missing") from error
        folder = model_folder(model)
        files = {file.name: file.read_bytes() for file in folder.iterdir() if file.suffix in (".bin", ".json", ".txt")}
        self._whole_window = bool(model)  # the adapter is trained with short ones
        if not model:
            files[MODEL_FILE] = adapted(files[MODEL_FILE])
        self._tokens = Tokens(folder / "tokenizer.json")
        self._decoder = Decoder(arrays_of(memoryview(files[MODEL_FILE])))
        self._encoder = self._ct2.models.Whisper(
            str(folder), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1, files=files
        )
        language = () if self._decoder.is_english else ("<|en|>", "<|transcribe|>")
        special = ("<|startoftranscript|>", *language, "<|notimestamps|>")
        self._start = [self._tokens.special(name) for name in special]
        self._search: GrammarSearch | None = None
        self._wake: tuple[int, ...] = ()

    def use(self, book: Phrasebook, grammar: Grammar) -> tuple[str, ...]:
        """Any word has a spelling, so nothing is ever missing."""
        ends = (self._tokens.special("<|endoftext|>"), *(self._tokens.encode(sign)[0] for sign in ".!?"))
        graph = TokenGraph(grammar, self._tokens.encode)
        self._wake = self._tokens.encode(f" {grammar.wake_word.capitalize()}") if grammar.wake_word else ()
        self._search = GrammarSearch(self._decoder, graph, ends, self._wake, self._tokens.encode(",")[0])
        return ()

    def begin(self) -> None:
        """Nothing to do: the phrase is heard as a whole."""

    def feed(self, samples: np.ndarray) -> None:
        """Nothing to do."""

    def finish(self, phrase: np.ndarray) -> Heard | None:
        """See engine.Engine. The first WINDOW_S of the phrase count."""
        found = self._search.best(self._encoded(phrase), self._start)
        if found is None:
            return None
        evidence = found.wake_log + _COMMAND_WEIGHT * sum(found.logs) / len(found.logs)
        confidence = 1 / (1 + math.exp((_EVEN_EVIDENCE - evidence) / _EVIDENCE_STEP))
        return Heard(self._tokens.decode(found.tokens).strip().lower(), confidence)

    def _encoded(self, phrase: np.ndarray) -> np.ndarray:
        """float32 [T, D]."""
        window_s = WINDOW_S if self._whole_window else min(phrase.size / RATE_HZ + SILENCE_S, WINDOW_S)
        samples = np.zeros(int(window_s * RATE_HZ), np.float32)
        samples[: phrase.size] = phrase[: samples.size].astype(np.float32) / 32768
        picture = log_mel(samples)
        picture = picture[:, : picture.shape[1] // _COLUMNS_PER_POSITION * _COLUMNS_PER_POSITION]
        view = self._ct2.StorageView.from_array(np.ascontiguousarray(picture[None]))
        return np.array(self._encoder.encode(view, to_cpu=True), np.float32)[0]

    def close(self) -> None:
        """Frees the encoder's weights."""
        self._encoder.unload_model()

# SPDX-License-Identifier: Apache-2.0
"""sherpa-onnx keyword spotting with a model folder of the user's: streaming, fixed phrases only.

Called by the recogniser process. A keyword spotter knows a list and no grammar: actions, numbers and preset names,
each with the wake word before it. Invariant: answers only with phrases of that list.
"""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path

import numpy as np

from mirage_lsd.worker.senses.voice.engines.engine import Heard
from mirage_lsd.worker.senses.voice.errors import VoiceError
from mirage_lsd.worker.senses.voice.grammar import Grammar
from mirage_lsd.worker.senses.voice.intents import Phrasebook

_RATE_HZ = 16_000
_PARTS = ("encoder", "decoder", "joiner")
_TAIL_S = 0.5


class SherpaEngine:
    """See engine.Engine. model: a folder with encoder*.onnx, decoder*.onnx, joiner*.onnx, tokens.txt, bpe.model."""

    name = "sherpa-onnx"
    threshold = 0.0
    guesses = False

    def __init__(self, model: str = "", threads: int = 1, language: str = "") -> None:
        try:
            self._sherpa = importlib.import_module("sherpa_onnx")
        except ImportError as error:
            text = "sherpa-onnx is not installed; run: pip install sherpa-onnx sentencepiece pypinyin"
            raise VoiceError(text, "engine_missing") from error
        self._folder, self._threads = Path(model), threads
        self._files = {part: _only(self._folder, part) for part in _PARTS}
        self._spotter = self._stream = None
        self._by_tag: dict[str, str] = {}
        self._heard = ""

    def use(self, book: Phrasebook, grammar: Grammar) -> tuple[str, ...]:
        """The model is loaded anew with the list, as sherpa-onnx reads keywords only then."""
        said = {phrase: f"{book.wake_word} {phrase}".strip().upper() for phrase in book.fixed}
        tokens = str(self._folder / "tokens.txt")
        try:
            pieces = self._sherpa.text2token(
                list(said.values()), tokens=tokens, tokens_type="bpe", bpe_model=str(self._folder / "bpe.model")
            )
        except (ImportError, OSError) as error:
            text = f"sherpa-onnx cannot split phrases: {error}; run: pip install sentencepiece pypinyin"
            raise VoiceError(text, "engine_missing") from error
        self._by_tag = {phrase.replace(" ", "_"): phrase for phrase in said}
        lines = [f"{' '.join(split)} @{tag}" for split, tag in zip(pieces, self._by_tag, strict=True)]
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as keywords:
            keywords.write("\n".join(lines) + "\n")
            keywords.flush()
            self._spotter = self._sherpa.KeywordSpotter(
                tokens=tokens, keywords_file=keywords.name, num_threads=self._threads, provider="cpu", **self._files
            )
        return ("sherpa-onnx knows the fixed phrases only: no free colours and garments",)

    def begin(self) -> None:
        """See engine.Engine."""
        self._stream, self._heard = self._spotter.create_stream(), ""

    def feed(self, samples: np.ndarray) -> None:
        """See engine.Engine."""
        self._stream.accept_waveform(_RATE_HZ, samples.astype(np.float32) / 32768)
        while self._spotter.is_ready(self._stream):
            self._spotter.decode_stream(self._stream)
            self._heard = self._spotter.get_result(self._stream) or self._heard

    def finish(self, phrase: np.ndarray) -> Heard | None:
        """See engine.Engine."""
        self.feed(np.zeros(int(_TAIL_S * _RATE_HZ), np.int16))
        return Heard(self._by_tag[self._heard], 1.0) if self._heard in self._by_tag else None

    def close(self) -> None:
        """Nothing to let go of but memory."""


def _only(folder: Path, part: str) -> str:
    """The model file of that part, the int8 one where there are two."""
    found = sorted(folder.glob(f"{part}*.onnx"), key=lambda file: ("int8" not in file.name, file.name))
    if not found:
        text = f"{str(folder)!r} has no {part}*.onnx; name the folder of a sherpa-onnx keyword spotting model"
        raise VoiceError(text, "model_missing")
    return str(found[0])

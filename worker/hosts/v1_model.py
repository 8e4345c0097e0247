# SPDX-License-Identifier: Apache-2.0
"""mirage-lsd-v1's weights on a device: from a checkpoint, or random for benchmarks and tests. Needs torch.

Called by the loading thread; `new_prompts` by the pipeline's. Invariant: `tell` is called before each long step and
while files come in, so that a status line can follow.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import torch

from mirage_lsd.worker.engines import EngineError
from mirage_lsd.worker.v1.checkpoint.hub import Hub
from mirage_lsd.worker.v1.checkpoint.load import ModelRequest, load_v1
from mirage_lsd.worker.v1.checkpoint.registry import DEFAULT_MODEL
from mirage_lsd.worker.v1.frame.prompts import PromptEncoder
from mirage_lsd.worker.v1.graphs.config import SD_CONFIGS
from mirage_lsd.worker.v1.nets.model import MirageV1
from mirage_lsd.worker.v1.nets.random_model import random_model
from mirage_lsd.worker.v1.nets.text import ClipTokens, encode_prompt

RANDOM, AND_LORA = "random:", " + "
_TELL_EVERY_S = 0.5
_MB = 1_000_000


def load_model(checkpoint: str, device: torch.device, precision: str, text_on_gpu: bool,
               tell: Callable[[str], None]) -> MirageV1:  # fmt: skip
    """Loads a checkpoint, or "CHECKPOINT + LORA". Raises MirageError naming what is wrong, torch.OutOfMemoryError where
    it does not fit."""
    tell("reading the weights")
    if checkpoint.startswith(RANDOM):
        name = checkpoint.removeprefix(RANDOM)
        if name not in SD_CONFIGS:
            raise EngineError(f"no architecture is called {name!r}; there are: {', '.join(SD_CONFIGS)}", "bad_input")
        model = random_model(SD_CONFIGS[name], 0, str(device), precision)
    else:
        reference, _, lora = (part.strip() for part in checkpoint.partition(AND_LORA))
        request = ModelRequest(reference or DEFAULT_MODEL, lora=lora, device=str(device), dtype=precision)
        model = load_v1(request, Hub(progress=_Download(tell)))
    if not text_on_gpu:
        model.text.to("cpu", torch.float32)
    return model


class _Download:
    """A download's progress as status text."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._told_s = tell, 0.0

    def __call__(self, file: str, done_bytes: int, all_bytes: int) -> None:
        if time.monotonic() - self._told_s >= _TELL_EVERY_S:
            self._told_s = time.monotonic()
            of = f" of {all_bytes / _MB:.0f}" if all_bytes else ""
            self._tell(f"downloading {file}, {done_bytes / _MB:.0f}{of} MB")


class TokenReader:
    """Prompts as tokens on the device; the empty prompt is read when the model is loaded."""

    def __init__(self, model: MirageV1, device: torch.device) -> None:
        self._model, self._device = model, device
        self._ids = ClipTokens(model.tokenizer)
        self._empty: torch.Tensor | None = None
        self._encoder = threading.Lock()  # prompts are read on threads of their own, memory runs out on the pipeline's
        self._empty = self("")

    def __call__(self, prompt: str) -> torch.Tensor:
        """tokens [1,77,D], ready for any stream of the device."""
        if not prompt and self._empty is not None:
            return self._empty
        text = self._model.text
        with self._encoder:
            tokens = encode_prompt(text, self._ids(prompt).ids, next(text.parameters()).device)
        tokens = tokens.to(self._device, self._model.dtype)
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()  # this thread's own stream, not the pipeline's
        return tokens

    def move_to_cpu(self) -> None:
        """The text encoder leaves the card; a prompt under way is waited for."""
        with self._encoder:
            self._model.text.to("cpu", torch.float32)


def new_prompts(reader: TokenReader) -> PromptEncoder:
    """One stream's prompts, read on a thread of its own."""
    return PromptEncoder(reader)

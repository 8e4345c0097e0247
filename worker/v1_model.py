# SPDX-License-Identifier: Apache-2.0
"""mirage-lsd-v1's weights on a device: from a checkpoint, or random for benchmarks and tests. Needs torch.

Called by the loading thread. Invariant: `tell` is called before each long step, so that a status line can follow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from mirage_lsd.worker.engines import EngineError
from mirage_lsd.worker.models.sd.config import SD_CONFIGS, SdConfig
from mirage_lsd.worker.models.sd.model import MirageV1, ModelInfo
from mirage_lsd.worker.models.sd.random_checkpoint import random_model
from mirage_lsd.worker.models.sd.schedule import FewStepSchedule

RANDOM = "random:"


@dataclass(frozen=True)
class LoadedModel:
    """A model whose nets are on their devices."""

    model: MirageV1

    @property
    def config(self) -> SdConfig:
        return self.model.config

    @property
    def schedule(self) -> FewStepSchedule:
        return self.model.schedule

    @property
    def info(self) -> ModelInfo:
        return self.model.info


def load_model(checkpoint: str, device: torch.device, precision: str, text_on_gpu: bool,
               tell: Callable[[str], None]) -> LoadedModel:  # fmt: skip
    """Loads a checkpoint. Raises MirageError naming what is wrong, torch.OutOfMemoryError where it does not fit."""
    if checkpoint.startswith(RANDOM):
        name = checkpoint.removeprefix(RANDOM)
        if name not in SD_CONFIGS:
            raise EngineError(f"no architecture is called {name!r}; there are: {', '.join(SD_CONFIGS)}", "bad_input")
        tell("making random weights")
        return LoadedModel(random_model(SD_CONFIGS[name], 0, str(device), precision))
    raise NotImplementedError


class Prompts:
    """One stream's prompts as tokens; reading one never holds up a frame."""

    def __init__(self, loaded: LoadedModel, device: torch.device) -> None:
        self._loaded, self._device, self._known = loaded, device, {}

    def tokens(self, prompt: str) -> torch.Tensor | None:
        if prompt not in self._known:
            model = self._loaded.model
            ids = model.tokenizer(prompt, padding="max_length", truncation=True, return_tensors="pt").input_ids
            with torch.inference_mode():
                self._known[prompt] = model.text(ids.to(self._device)).last_hidden_state.to(self._device, model.dtype)
        return self._known[prompt]

    def close(self) -> None:
        pass


def new_prompts(loaded: LoadedModel, device: torch.device) -> Prompts:
    return Prompts(loaded, device)

# SPDX-License-Identifier: Apache-2.0
"""Loads mirage-lsd-v1, or says why it cannot be: then LSD-tiny runs.

Called on the engine host's loading thread. Torch-free until a model is really loaded, so that a machine without the
[gpu] packages gets a clear message. Invariant: a model that is returned is whole.
"""
from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mirage_lsd.worker.v1.checkpoint.errors import CheckpointError
from mirage_lsd.worker.v1.checkpoint.licences import Ask
from mirage_lsd.worker.v1.checkpoint.registry import DEFAULT_AUTOENCODER, DEFAULT_MODEL, DEFAULT_TOKENIZER
from mirage_lsd.worker.v1.graphs.config import TemporalConfig

if TYPE_CHECKING:
    from mirage_lsd.worker.v1.checkpoint.hub import Hub
    from mirage_lsd.worker.v1.nets.model import MirageV1

_PACKAGES = ("torch", "diffusers", "transformers", "huggingface_hub", "safetensors")


@dataclass(frozen=True)
class ModelRequest:
    """What to load and how.

    reference: a known name, a folder, a .safetensors file or a hub id. autoencoder, tokenizer: the same, used where
    the checkpoint brings none that fits. lora: "lcm-lora", a file or a hub id, laid onto the weights at lora_scale.
    schedule: "lcm", "ddim" or "auto". prediction: "auto" (what the
    checkpoint says; epsilon for single files), "epsilon" or "v_prediction". dtype: "float32" or "float16".
    """

    reference: str = DEFAULT_MODEL
    autoencoder: str = DEFAULT_AUTOENCODER
    tokenizer: str = DEFAULT_TOKENIZER
    lora: str = ""
    lora_scale: float = 1.0
    schedule: str = "auto"
    prediction: str = "auto"
    device: str = "cpu"
    dtype: str = "float32"
    temporal: TemporalConfig = field(default_factory=TemporalConfig)


def load_v1(request: ModelRequest, hub: Hub | None = None, ask: Ask | None = None) -> MirageV1:
    """Locate (and fetch), read and assemble. hub: where from and with what progress; ask: shows a licence text and
    gives the user's answer. Raises MirageError."""
    require(*_PACKAGES)
    from mirage_lsd.worker.v1.checkpoint.assemble import assemble
    from mirage_lsd.worker.v1.checkpoint.hub import Hub
    return assemble(request, hub or Hub(), ask)


def require(*packages: str) -> None:
    """Raise CheckpointError naming the first package that is not installed."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise CheckpointError(f"mirage-lsd-v1 needs the package {package}; pip install mirage-lsd[gpu]",
                                  "package_missing")

# SPDX-License-Identifier: Apache-2.0
"""The text encoder and its tokenizer, both from transformers: words -> token ids -> [1,77,D].

Called on the loading thread (load) and the prompt thread (encode).
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mirage_lsd.worker.v1.checkpoint.errors import CheckpointError
from mirage_lsd.worker.v1.checkpoint.tensors import load_into
from mirage_lsd.worker.v1.graphs.config import PROMPT_TOKENS

_TOKENIZER_FORMS = (("tokenizer.json",), ("vocab.json", "merges.txt"))


@dataclass(frozen=True)
class TokenIds:
    """ids: int64 [1,77]; dropped: how many tokens of the prompt were too many."""

    ids: np.ndarray
    dropped: int


class ClipTokens:
    """Prompts as token ids."""

    def __init__(self, tokenizer: Any):
        self.tokenizer = tokenizer

    def __call__(self, prompt: str) -> TokenIds:
        found = self.tokenizer(prompt).input_ids
        ids = self.tokenizer(prompt, padding="max_length", max_length=PROMPT_TOKENS, truncation=True).input_ids
        return TokenIds(np.array([ids], np.int64), max(len(found) - PROMPT_TOKENS, 0))


def load_tokenizer(folder: Path, pad: str | None = None) -> Any:
    """The tokenizer of a folder; pad: the padding word where the folder's own is not the model's. CheckpointError."""
    from transformers import CLIPTokenizer

    if not any(all((folder / name).is_file() for name in names) for names in _TOKENIZER_FORMS):
        raise CheckpointError(f"the tokenizer in {folder} is incomplete: vocab.json and merges.txt are needed; "
                              "download the checkpoint again", "checkpoint_missing_file")
    try:
        return CLIPTokenizer.from_pretrained(str(folder), local_files_only=True, **({"pad_token": pad} if pad else {}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"the tokenizer in {folder} is damaged ({error}); delete it and download the checkpoint "
                              "again", "checkpoint_truncated") from error


def build_text_encoder(described: dict[str, Any], tensors: dict[str, Tensor], what: str) -> nn.Module:
    """The text encoder of a config.json with these tensors. Raises CheckpointError."""
    from transformers import CLIPTextConfig, CLIPTextModel

    known = {name: value for name, value in described.items() if name not in ("architectures", "torch_dtype", "dtype")}
    model = CLIPTextModel(CLIPTextConfig(**known))
    # transformers 5 dropped the "text_model." that older checkpoints and versions have before every name.
    given = {name.removeprefix("text_model."): value for name, value in tensors.items()}
    load_into(model, {name: given.get(name.removeprefix("text_model.")) for name in model.state_dict()}, what)
    return model


def deduced_text_config(tensors: dict[str, Tensor], open_clip: bool) -> dict[str, Any]:
    """The sizes of a single file's text encoder (names without "text_model.")."""
    words = tensors["embeddings.token_embedding.weight"]
    layers = 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith("encoder.layers."))
    return {"vocab_size": words.shape[0], "hidden_size": words.shape[1], "num_hidden_layers": layers,
            "intermediate_size": tensors["encoder.layers.0.mlp.fc1.weight"].shape[0],
            "num_attention_heads": max(words.shape[1] // 64, 1), "max_position_embeddings": PROMPT_TOKENS,
            "hidden_act": "gelu" if open_clip else "quick_gelu"}


def encode_prompt(text: nn.Module, ids: np.ndarray, device: str | torch.device = "cpu") -> Tensor:
    """ids int64 [1,77] -> tokens [1,77,D] in the encoder's number type, on its device."""
    with torch.inference_mode():
        return text(torch.from_numpy(ids).to(device)).last_hidden_state

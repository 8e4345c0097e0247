# SPDX-License-Identifier: Apache-2.0
"""Models with random weights, of any size: for benchmarks (speed does not depend on weights) and for tests.

Needs torch and transformers, no network. Invariant: the same seed gives the same weights.
"""
from __future__ import annotations

from typing import Any

import torch

from mirage_lsd.worker.v1.graphs.config import LCM_SD15, PROMPT_TOKENS, SD_TURBO, SMALL_RANDOM, SdConfig
from mirage_lsd.worker.v1.graphs.schedule import FewStepSchedule
from mirage_lsd.worker.v1.nets.model import MirageV1, ModelInfo, load_tiny_nets
from mirage_lsd.worker.v1.nets.taesd import REAL, Taesd
from mirage_lsd.worker.v1.nets.unet import SdUNet

_START, _END = 512, 513  # after every byte, alone and as a word's end
SMALL_TAESD = {**REAL, **{f"{half}_block_out_channels": [16] * 4 for half in ("encoder", "decoder")},
               **{f"num_{half}_blocks": [1] * 4 for half in ("encoder", "decoder")}}


def random_model(config: SdConfig = SMALL_RANDOM, seed: int = 0, device: str = "cpu", dtype: str = "float32"
                 ) -> MirageV1:
    """A whole model in memory, on a device, in evaluation mode; big ones are made where they run."""
    torch.manual_seed(seed)
    with torch.device(device):
        unet, autoencoder = SdUNet(config).to(getattr(torch, dtype)), Taesd(taesd_size(config))
        text = _text_encoder(config)
    with torch.inference_mode(False):
        flow, encoder = load_tiny_nets()
    info = ModelInfo("mirage-lsd-v1 (random weights)", f"random-{seed}-{'-'.join(map(str, config.widths))}")
    schedule = FewStepSchedule(kind="lcm" if config.guidance else "ddim")
    model = MirageV1(unet, autoencoder, text, flow, encoder, schedule, byte_tokenizer(), info)
    return model.requires_grad_(False).placed(device, getattr(torch, dtype))


def taesd_size(config: SdConfig) -> dict[str, Any]:
    """The real TAESD for real U-Nets, a small one for small ones."""
    return REAL if config.widths[0] >= 320 else SMALL_TAESD


def text_size(config: SdConfig) -> dict[str, Any]:
    """The text encoder that goes with a U-Net, for CLIPTextConfig."""
    if config.token == LCM_SD15.token:
        return {"num_attention_heads": 12, "intermediate_size": 3072}
    if config.token == SD_TURBO.token:
        return {"num_hidden_layers": 23, "num_attention_heads": 16, "intermediate_size": 4096, "hidden_act": "gelu"}
    return {"vocab_size": 1024, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def _text_encoder(config: SdConfig) -> torch.nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModel

    described = CLIPTextConfig(
        hidden_size=config.token, max_position_embeddings=PROMPT_TOKENS, bos_token_id=_START, eos_token_id=_END,
        pad_token_id=_END, **text_size(config))
    return CLIPTextModel(described)


def byte_tokenizer() -> object:
    """A CLIP tokenizer that knows single letters only: any text in, real token ids out, no download."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    vocabulary = {word: i for i, word in enumerate([*letters, *(f"{letter}</w>" for letter in letters)])}
    vocabulary |= {"<|startoftext|>": _START, "<|endoftext|>": _END}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=PROMPT_TOKENS, pad_token="<|endoftext|>")

# SPDX-License-Identifier: Apache-2.0
"""The original Stable Diffusion layouts of a single file, made from diffusers- and transformers-named tensors.

Written the other way round than diffusers' converters, which read these files in worker/v1/checkpoint/single_file.py,
and for SD's own block numbers, so that the tests compare two independent tellings.
"""

from __future__ import annotations

import torch

_INNER = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
          "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
_ENDS = {"conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
         "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
         "time_embedding.cond_proj": "time_embed.cond_proj"}
_OPEN = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "self_attn.out_proj": "attn.out_proj", "mlp.fc1": "mlp.c_fc",
         "mlp.fc2": "mlp.c_proj"}


def original_unet(tensors: dict) -> dict:
    """For four levels of two layers, as in SD 1.x and 2.x."""
    return {f"model.diffusion_model.{_unet_name(name.split('.'))}": value for name, value in tensors.items()}


def _unet_name(parts: list[str]) -> str:
    for size in (2, 1):
        if ".".join(parts[:size]) in _ENDS:
            return ".".join([_ENDS[".".join(parts[:size])], *parts[size:]])
    if parts[0] == "mid_block":
        place = {("resnets", "0"): 0, ("attentions", "0"): 1, ("resnets", "1"): 2}[parts[1], parts[2]]
        return f"middle_block.{place}.{_inside(parts[1], parts[3:])}"
    level, kind, layer = int(parts[1]), parts[2], int(parts[3])
    if kind == "downsamplers":
        return f"input_blocks.{3 * level + 3}.0.op.{parts[-1]}"
    if kind == "upsamplers":
        return f"output_blocks.{3 * level + 2}.{1 if level == 0 else 2}.conv.{parts[-1]}"
    side, number = ("input", 3 * level + layer + 1) if parts[0] == "down_blocks" else ("output", 3 * level + layer)
    return f"{side}_blocks.{number}.{0 if kind == 'resnets' else 1}.{_inside(kind, parts[4:])}"


def _inside(kind: str, rest: list[str]) -> str:
    return ".".join([_INNER[rest[0]], *rest[1:]] if kind == "resnets" else rest)


def original_clip(tensors: dict) -> dict:
    """SD 1.x keeps transformers' names, with "text_model."."""
    return {f"cond_stage_model.transformer.text_model.{name}": value for name, value in tensors.items()}


def original_open_clip(tensors: dict) -> dict:
    """SD 2.x: OpenCLIP's names, query, key and value in one, and one more layer at the end that is not used."""
    out = {"positional_embedding": tensors["embeddings.position_embedding.weight"],
           "token_embedding.weight": tensors["embeddings.token_embedding.weight"]}
    out |= {f"ln_final.{kind}": tensors[f"final_layer_norm.{kind}"] for kind in ("weight", "bias")}
    layers = 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith("encoder.layers."))
    for layer in range(layers):
        old, new = f"encoder.layers.{layer}", f"transformer.resblocks.{layer}"
        for kind in ("weight", "bias"):
            parts = [tensors[f"{old}.self_attn.{letter}_proj.{kind}"] for letter in "qkv"]
            out[f"{new}.attn.in_proj_{kind}"] = torch.cat(parts)
            out |= {f"{new}.{_OPEN[name]}.{kind}": tensors[f"{old}.{name}.{kind}"] for name in _OPEN}
    before = f"transformer.resblocks.{layers - 1}."
    last = {name[len(before) :]: value for name, value in out.items() if name.startswith(before)}
    out |= {f"transformer.resblocks.{layers}.{name}": torch.full_like(value, 9.0) for name, value in last.items()}
    return {f"cond_stage_model.model.{name}": value for name, value in out.items()}

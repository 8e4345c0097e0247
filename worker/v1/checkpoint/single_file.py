# SPDX-License-Identifier: Apache-2.0
"""A checkpoint in one .safetensors file: its tensors under the names that the nets here have, and its sizes.

Two layouts are known: the original Stable Diffusion one (model.diffusion_model.input_blocks..., with a CLIP or
OpenCLIP text encoder in cond_stage_model) and the diffusers one with part prefixes (unet.down_blocks...,
text_encoder....) or bare. Sizes are read off the shapes, since a single file describes nothing.
"""
from __future__ import annotations

import re
from collections.abc import Iterable

from torch import Tensor

from mirage_lsd.worker.v1.graphs.config import SdConfig, SdConfigError

_UNET = "model.diffusion_model."
_CLIP = "cond_stage_model.transformer."
_OPEN_CLIP = "cond_stage_model.model."
_RESNET = {"in_layers.0": "norm1", "in_layers.2": "conv1", "emb_layers.1": "time_emb_proj", "out_layers.0": "norm2",
           "out_layers.3": "conv2", "skip_connection": "conv_shortcut"}
_WHOLE = {"time_embed.0": "time_embedding.linear_1", "time_embed.2": "time_embedding.linear_2",
          "time_embed.cond_proj": "time_embedding.cond_proj", "input_blocks.0.0": "conv_in", "out.0": "conv_norm_out",
          "out.2": "conv_out", "middle_block.0": "mid_block.resnets.0", "middle_block.1": "mid_block.attentions.0",
          "middle_block.2": "mid_block.resnets.1"}
_PARTS = ("conv_in.", "time_embedding.", "down_blocks.", "mid_block.", "up_blocks.", "conv_norm_out.", "conv_out.")
_OPEN_LAYER = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "attn.out_proj": "self_attn.out_proj",
               "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}
_OPEN_WHOLE = {"token_embedding": "embeddings.token_embedding", "ln_final": "final_layer_norm"}


def unet_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The U-Net's tensors under diffusers names. Raises SdConfigError when the file holds none."""
    original = {name[len(_UNET) :]: value for name, value in tensors.items() if name.startswith(_UNET)}
    if original:
        places = block_places(original)
        return {diffusers_name(name, places): value for name, value in original.items()}
    for prefix in ("unet.", ""):
        if f"{prefix}down_blocks.0.resnets.0.conv1.weight" in tensors:
            wanted = tuple(prefix + part for part in _PARTS)
            return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(wanted)}
    raise SdConfigError("the file holds no Stable Diffusion U-Net (neither model.diffusion_model.* nor down_blocks.*); "
                        "is it a LoRA, a VAE or another kind of model?")


def block_places(names: Iterable[str]) -> dict[str, str]:
    """Original block prefix ("input_blocks.4.1") -> diffusers prefix ("down_blocks.1.attentions.0")."""
    places = dict(_WHOLE)
    found = {match[0] for name in names if (match := re.match(r"(input|output)_blocks\.\d+\.\d+(\.op|\.conv)?", name))}
    level, layer = 0, 0
    for number in range(1, _count(found, "input_blocks")):
        if f"input_blocks.{number}.0.op" in found:
            places[f"input_blocks.{number}.0.op"] = f"down_blocks.{level}.downsamplers.0.conv"
            level, layer = level + 1, 0
            continue
        places[f"input_blocks.{number}.0"] = f"down_blocks.{level}.resnets.{layer}"
        places[f"input_blocks.{number}.1"] = f"down_blocks.{level}.attentions.{layer}"
        layer += 1
    level, layer = 0, 0
    for number in range(_count(found, "output_blocks")):
        places[f"output_blocks.{number}.0"] = f"up_blocks.{level}.resnets.{layer}"
        places[f"output_blocks.{number}.1"] = f"up_blocks.{level}.attentions.{layer}"
        layer += 1
        for part in (1, 2):
            if f"output_blocks.{number}.{part}.conv" in found:
                places[f"output_blocks.{number}.{part}.conv"] = f"up_blocks.{level}.upsamplers.0.conv"
                level, layer = level + 1, 0
    return places


def diffusers_name(name: str, places: dict[str, str]) -> str:
    """One tensor's diffusers name; names that fit nothing are left as they are (and then not asked for)."""
    parts = name.split(".")
    for size in (4, 3, 2):
        place = places.get(".".join(parts[:size]))
        if place is not None:
            rest = ".".join(parts[size:])
            inner = next((old for old in _RESNET if rest.startswith(f"{old}.")), None)
            if inner is not None and ".resnets." in place:
                rest = _RESNET[inner] + rest[len(inner) :]
            return f"{place}.{rest}"
    return name


def deduced_config(tensors: dict[str, Tensor], prediction: str) -> SdConfig:
    """The sizes of a U-Net from its tensors (diffusers names). Raises SdConfigError."""
    levels = _count(tensors, "down_blocks")
    widths, attends = [], []
    try:
        for level in range(levels):
            widths.append(tensors[f"down_blocks.{level}.resnets.0.conv1.weight"].shape[0])
            attends.append(f"down_blocks.{level}.attentions.0.norm.weight" in tensors)
        middle = "mid_block.attentions.0"
        token = tensors[f"{middle}.transformer_blocks.0.attn2.to_k.weight"].shape[1]
        linear = tensors[f"{middle}.proj_in.weight"].ndim == 2
        inputs = tensors["conv_in.weight"].shape[1]
    except KeyError as error:
        raise SdConfigError(f"the file's U-Net has no tensor {error}; it is no Stable Diffusion 1.x or 2.x checkpoint, "
                            "or it is incomplete") from error
    if f"{middle}.transformer_blocks.1.norm1.weight" in tensors or "add_embedding.linear_1.weight" in tensors:
        raise SdConfigError("the file is an SDXL checkpoint; use a Stable Diffusion 1.x, LCM or SD-Turbo (2.1) one")
    layers = len({name.split(".")[3] for name in tensors if name.startswith("down_blocks.0.resnets.")})
    guidance = tensors.get("time_embedding.cond_proj.weight")
    described = {
        "block_out_channels": widths, "layers_per_block": layers, "cross_attention_dim": token, "in_channels": inputs,
        "down_block_types": ["CrossAttnDownBlock2D" if has else "DownBlock2D" for has in attends],
        "up_block_types": ["CrossAttnUpBlock2D" if has else "UpBlock2D" for has in reversed(attends)],
        # SD 2.x heads are 64 wide; SD 1.x has 8 of them everywhere. Nothing in the shapes tells.
        "attention_head_dim": [width // 64 for width in widths] if linear else 8, "use_linear_projection": linear,
        "time_cond_proj_dim": None if guidance is None else guidance.shape[1],
    }
    return SdConfig.from_diffusers(described, prediction)


def text_tensors(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], bool]:
    """(the text encoder's tensors under transformers names without "text_model.", whether it is OpenCLIP)."""
    open_clip = {name[len(_OPEN_CLIP) :]: value for name, value in tensors.items() if name.startswith(_OPEN_CLIP)}
    if open_clip:
        return _from_open_clip(open_clip), True
    for prefix in (_CLIP, "text_encoder."):
        found = {name[len(prefix) :].removeprefix("text_model."): value for name, value in tensors.items()
                 if name.startswith(prefix)}
        if found:
            return found, False
    raise SdConfigError("the file holds no text encoder; use a full checkpoint, or a diffusers folder")


def _from_open_clip(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """OpenCLIP's names and joined projections in transformers' form. The last layer is left out: Stable Diffusion
    2.x looks at the one before it."""
    found = {"embeddings.position_embedding.weight": tensors["positional_embedding"]}
    last = _count(tensors, "transformer.resblocks", 2) - 1
    for name, value in tensors.items():
        stem, _, kind = name.rpartition(".")
        if stem in _OPEN_WHOLE:
            found[f"{_OPEN_WHOLE[stem]}.{kind}"] = value
        match = re.match(r"transformer\.resblocks\.(\d+)\.(.+)", name)
        if match is None or int(match[1]) == last:
            continue
        layer, rest = f"encoder.layers.{match[1]}", match[2]
        if rest.startswith("attn.in_proj_"):
            for letter, part in zip("qkv", value.chunk(3), strict=True):
                found[f"{layer}.self_attn.{letter}_proj.{rest.removeprefix('attn.in_proj_')}"] = part
        else:
            inner = rest.rpartition(".")[0]
            found[f"{layer}.{_OPEN_LAYER[inner]}.{kind}"] = value
    return found


def _count(names: Iterable[str], prefix: str, place: int = 1) -> int:
    """One more than the highest number that follows a prefix."""
    return max((int(name.split(".")[place]) for name in names if name.startswith(f"{prefix}.")), default=-1) + 1

# SPDX-License-Identifier: Apache-2.0
"""A checkpoint in one .safetensors file: its tensors under the names that the nets here have, and its sizes.

Two layouts are known: the original Stable Diffusion one (model.diffusion_model.input_blocks..., with a CLIP or
OpenCLIP text encoder in cond_stage_model), which diffusers' converters rename, and the diffusers one with part
prefixes (unet.down_blocks..., text_encoder....) or bare. Sizes are read off the shapes, since a single file describes
nothing; diffusers' from_single_file instead fetches the config.json of the model that it takes the file for, which
needs a network and describes no LCM.
"""
from __future__ import annotations

from types import SimpleNamespace

from diffusers.loaders import single_file_utils as diffusers
from torch import Tensor

from mirage_lsd.worker.v1.graphs.config import SdConfig, SdConfigError

_LAYERS = 2  # in every level of every Stable Diffusion
_GUIDANCE = ("time_embedding.cond_proj.weight", "model.diffusion_model.time_embed.cond_proj.weight")
_OPEN_CLIP_WIDTH = "cond_stage_model.model.positional_embedding"
_PARTS = ("conv_in.", "time_embedding.", "down_blocks.", "mid_block.", "up_blocks.", "conv_norm_out.", "conv_out.")


def unet_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The U-Net's tensors under diffusers names. Raises SdConfigError when the file holds none."""
    if any(name.startswith("model.diffusion_model.") for name in tensors):
        found = diffusers.convert_ldm_unet_checkpoint(tensors, {"layers_per_block": _LAYERS})
        ours, original = _GUIDANCE  # LCM's, which the converter passes over
        return {**found, ours: tensors[original]} if original in tensors else found
    for prefix in ("unet.", ""):
        if f"{prefix}down_blocks.0.resnets.0.conv1.weight" in tensors:
            wanted = tuple(prefix + part for part in _PARTS)
            return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(wanted)}
    raise SdConfigError("the file holds no Stable Diffusion U-Net (neither model.diffusion_model.* nor down_blocks.*); "
                        "is it a LoRA, a VAE or another kind of model?")


def deduced_config(tensors: dict[str, Tensor], prediction: str) -> SdConfig:
    """The sizes of a U-Net from its tensors (diffusers names). Raises SdConfigError."""
    widths, attends = [], []
    while (first := tensors.get(f"down_blocks.{len(widths)}.resnets.0.conv1.weight")) is not None:
        attends.append(f"down_blocks.{len(widths)}.attentions.0.norm.weight" in tensors)
        widths.append(first.shape[0])
    middle = "mid_block.attentions.0"
    try:
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
    """(the text encoder's tensors under transformers names without "text_model.", whether it is OpenCLIP). OpenCLIP's
    last layer is left out: Stable Diffusion 2.x looks at the one before it."""
    width = tensors.get(_OPEN_CLIP_WIDTH)
    if width is None:
        found = diffusers.convert_ldm_clip_checkpoint(tensors, "text_encoder.")
    else:
        sizes = SimpleNamespace(config=SimpleNamespace(hidden_size=width.shape[1]))
        found = diffusers.convert_open_clip_checkpoint(sizes, tensors)
    if not found:
        raise SdConfigError("the file holds no text encoder; use a full checkpoint, or a diffusers folder")
    return {name.removeprefix("text_model."): value for name, value in found.items()}, width is not None

# SPDX-License-Identifier: Apache-2.0
"""From a located checkpoint to a whole `MirageV1`: reads each part, lays LoRA on it, places it.

Called by load.py on the loading thread. Tensors are given to the nets as they are read, so that a checkpoint is in
memory once.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mirage_lsd.worker.v1.checkpoint import single_file
from mirage_lsd.worker.v1.checkpoint.hub import Hub
from mirage_lsd.worker.v1.checkpoint.licences import Ask
from mirage_lsd.worker.v1.checkpoint.load import ModelRequest
from mirage_lsd.worker.v1.checkpoint.locate import (
    ORIGINAL_TAESD,
    TEXT,
    UNET,
    VAE,
    WEIGHTS,
    locate,
    locate_autoencoder,
    locate_lora,
    locate_tokenizer,
    read_json,
    weights_of,
)
from mirage_lsd.worker.v1.checkpoint.registry import known_model
from mirage_lsd.worker.v1.checkpoint.tensors import fingerprint, load_into, read_tensors
from mirage_lsd.worker.v1.graphs.config import SdConfig
from mirage_lsd.worker.v1.graphs.schedule import FewStepSchedule
from mirage_lsd.worker.v1.nets.blocks import SelfAttention
from mirage_lsd.worker.v1.nets.lora import fuse_lora
from mirage_lsd.worker.v1.nets.model import MirageV1, ModelInfo, load_tiny_nets
from mirage_lsd.worker.v1.nets.taesd import REAL, Taesd, from_original
from mirage_lsd.worker.v1.nets.temporal import CrossFrameGate, is_temporal, temporal_convs
from mirage_lsd.worker.v1.nets.text import build_text_encoder, deduced_text_config, load_tokenizer
from mirage_lsd.worker.v1.nets.unet import SdUNet


@dataclass
class Parts:
    """What a checkpoint gives. paths: the weights files, for the fingerprint."""

    unet: SdUNet
    text: nn.Module
    tokenizer: Any
    scheduler: dict[str, Any]
    paths: list[Path]


def assemble(request: ModelRequest, hub: Hub, ask: Ask | None) -> MirageV1:
    """See load.load_v1."""
    dtype, half = getattr(torch, request.dtype), request.dtype == "float16"
    path = locate(request.reference, hub, half, ask)
    parts = _from_folder(path, request) if path.is_dir() else _from_single(path, request, hub)
    autoencoder, paths = _autoencoder(path, request, hub, half)
    parts.paths.extend(paths)
    notes = []
    if request.lora:
        lora = locate_lora(request.lora, hub)
        count = fuse_lora({"unet": parts.unet, "text": parts.text}, lora, request.lora_scale)
        notes.append(f"LoRA {request.lora} at {request.lora_scale:g} on {count} weights")
        parts.paths.append(lora)
    schedule = FewStepSchedule.from_diffusers(parts.scheduler, _schedule_kind(request, parts.unet.config))
    if schedule.kind == "ddim" and not request.lora and known_model(request.reference) is None:
        notes.append("this checkpoint may not be made for few steps: if pictures are blurred, add the LoRA lcm-lora")
    key = fingerprint(*parts.paths, f"{request.lora_scale}", repr(request.temporal))
    flow, encoder = load_tiny_nets()
    model = MirageV1(parts.unet, autoencoder, parts.text, flow, encoder, schedule, parts.tokenizer,
                     ModelInfo(f"mirage-lsd-v1 ({request.reference})", key, tuple(notes)))
    return model.requires_grad_(False).placed(request.device, dtype)


def build_unet(config: SdConfig, tensors: dict[str, Tensor], what: str) -> SdUNet:
    """A U-Net with a checkpoint's tensors and untrained temporal parts. Raises CheckpointError."""
    with torch.device("meta"):  # no memory for values that the checkpoint replaces
        unet = SdUNet(config)
    unet.temporal = temporal_convs(config)
    for module in unet.modules():
        if isinstance(module, SelfAttention) and hasattr(module, "gate"):
            module.gate = CrossFrameGate(module.heads, config.temporal)
    load_into(unet, tensors, what, skip=is_temporal)
    return unet


def _from_folder(folder: Path, request: ModelRequest) -> Parts:
    """The parts of a diffusers-format folder."""
    half, dtype = request.dtype == "float16", getattr(torch, request.dtype)
    scheduler = read_json(folder / "scheduler/scheduler_config.json")
    prediction = scheduler.get("prediction_type", "epsilon") if request.prediction == "auto" else request.prediction
    config = SdConfig.from_diffusers(read_json(folder / "unet/config.json"), prediction, request.temporal)
    paths = [weights_of(folder, UNET, half), weights_of(folder, TEXT, half)]
    unet = build_unet(config, read_tensors(paths[0], dtype), f"{request.reference} (unet)")
    text = build_text_encoder(read_json(folder / "text_encoder/config.json"), read_tensors(paths[1], dtype),
                              f"{request.reference} (text_encoder)")
    return Parts(unet, text, load_tokenizer(folder / "tokenizer"), scheduler, paths)


def _from_single(path: Path, request: ModelRequest, hub: Hub) -> Parts:
    """The parts of a single .safetensors file; the tokenizer, which it does not hold, from request.tokenizer."""
    tensors = read_tensors(path, getattr(torch, request.dtype))
    prediction = "epsilon" if request.prediction == "auto" else request.prediction
    net = single_file.unet_tensors(tensors)
    config = replace(single_file.deduced_config(net, prediction), temporal=request.temporal)
    words, open_clip = single_file.text_tensors(tensors)
    unet = build_unet(config, net, f"{path.name} (U-Net)")
    text = build_text_encoder(deduced_text_config(words, open_clip), words, f"{path.name} (text encoder)")
    tokenizer = load_tokenizer(locate_tokenizer(request.tokenizer, hub), pad="!" if open_clip else None)
    return Parts(unet, text, tokenizer, {}, [path])


def _autoencoder(checkpoint: Path, request: ModelRequest, hub: Hub, half: bool) -> tuple[Taesd, list[Path]]:
    """The checkpoint's own autoencoder where it is a tiny one, else the requested one; and its weights files."""
    folder, stem, described = checkpoint, VAE, read_json(checkpoint / "vae/config.json")
    if described.get("_class_name") != "AutoencoderTiny":
        folder, stem = locate_autoencoder(request.autoencoder, hub, half), WEIGHTS
        described = read_json(folder / "config.json")
    halves = [folder / name for name in ORIGINAL_TAESD]
    original = not described and all(path.is_file() for path in halves)
    paths, dtype = halves if original else [weights_of(folder, stem, half)], getattr(torch, request.dtype)
    parts = [read_tensors(path, dtype) for path in paths]
    with torch.device("meta"):
        autoencoder = Taesd(REAL if original else described)
    load_into(autoencoder, from_original(*parts) if original else parts[0], f"{folder} (autoencoder)")
    return autoencoder, paths


def _schedule_kind(request: ModelRequest, config: SdConfig) -> str | None:
    """The schedule to run; None: what the checkpoint's scheduler says."""
    if request.schedule != "auto":
        return request.schedule
    if config.guidance or "lcm" in request.lora.lower():
        return "lcm"
    known = known_model(request.reference)
    return known.schedule if known else None

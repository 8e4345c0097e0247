# SPDX-License-Identifier: Apache-2.0
"""Randomly initialised checkpoints made by diffusers' and transformers' own save_pretrained, for the v1 tests."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import torch

os.environ.setdefault("HF_HUB_OFFLINE", "0")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import diffusers
from random_checkpoints import unet_description
from transformers import CLIPTextConfig, CLIPTextModel

from mirage_lsd.worker.v1.graphs.config import SD_TURBO, SMALL_RANDOM, SdConfig
from mirage_lsd.worker.v1.nets.random_model import byte_tokenizer, text_size

diffusers.utils.logging.disable_progress_bar()

SMALL_SD15 = replace(SMALL_RANDOM, guidance=0, heads=(8, 8, 8, 8), layers=2)
SMALL_SD21 = replace(SD_TURBO, widths=(64, 64, 128, 128), heads=(1, 1, 2, 2), token=64)
SMALL_LCM = replace(SMALL_SD15, guidance=64)
SMALL_TAESD = {"num_encoder_blocks": (1, 2, 1, 1), "num_decoder_blocks": (1, 1, 2, 1),
              "encoder_block_out_channels": (16,) * 4, "decoder_block_out_channels": (16,) * 4}


def unet_reference(config: SdConfig, seed: int = 0) -> diffusers.UNet2DConditionModel:
    """diffusers' U-Net of these sizes, random, in evaluation mode."""
    torch.manual_seed(seed)
    described = {name: value for name, value in unet_description(config).items() if name != "_class_name"}
    return diffusers.UNet2DConditionModel(**described).eval()


def write_reference_checkpoint(folder: Path, config: SdConfig, scheduler: object | None = None, seed: int = 0) -> Path:
    """A folder as a DiffusionPipeline saves it, part by part, with a tiny autoencoder."""
    unet_reference(config, seed).save_pretrained(folder / "unet")
    diffusers.AutoencoderTiny(**SMALL_TAESD).save_pretrained(folder / "vae")
    size = {**text_size(config), "hidden_act": "quick_gelu"}
    if config.linear_projection:  # a single file of Stable Diffusion 2 has 24, and uses these
        size["num_hidden_layers"] = 23
    described = CLIPTextConfig(hidden_size=config.token, **size)
    CLIPTextModel(described).save_pretrained(folder / "text_encoder")
    byte_tokenizer().save_pretrained(folder / "tokenizer")
    scheduler = scheduler or diffusers.LCMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    scheduler.save_pretrained(folder / "scheduler")
    return folder

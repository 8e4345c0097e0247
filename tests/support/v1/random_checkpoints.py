# SPDX-License-Identifier: Apache-2.0
"""Diffusers-format folders with random weights of any size, which load.py reads like any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from mirage_lsd.worker.v1.graphs.config import LATENT_CHANNELS, SMALL_RANDOM, SdConfig
from mirage_lsd.worker.v1.graphs.schedule import TRAINED_STEPS, FewStepSchedule
from mirage_lsd.worker.v1.nets.random_model import random_model, taesd_size
from mirage_lsd.worker.v1.nets.temporal import is_temporal


def write_random_checkpoint(folder: Path, config: SdConfig = SMALL_RANDOM, seed: int = 0) -> Path:
    """A folder with U-Net, tiny autoencoder, text encoder, tokenizer and scheduler. Returns it."""
    model = random_model(config, seed)
    pretrained = {name: value for name, value in model.unet.state_dict().items() if not is_temporal(name)}
    for name, described, tensors in (
        ("unet", unet_description(config), pretrained),
        ("vae", taesd_size(config), model.autoencoder.state_dict()),
    ):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "config.json").write_text(json.dumps(described, indent=1))
        save_file(tensors, folder / name / "diffusion_pytorch_model.safetensors")
    model.text.save_pretrained(folder / "text_encoder")
    model.tokenizer.save_pretrained(folder / "tokenizer")
    (folder / "scheduler").mkdir(exist_ok=True)
    described = schedule_description(model.schedule, config.prediction)
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(described, indent=1))
    classes = {"unet": "UNet2DConditionModel", "vae": "AutoencoderTiny", "text_encoder": "CLIPTextModel",
               "tokenizer": "CLIPTokenizer", "scheduler": described["_class_name"]}
    libraries = {name: "transformers" if kind.startswith("CLIP") else "diffusers" for name, kind in classes.items()}
    index = {"_class_name": "StableDiffusionPipeline", **{name: [libraries[name], classes[name]] for name in classes}}
    (folder / "model_index.json").write_text(json.dumps(index, indent=1))
    return folder


def unet_description(config: SdConfig) -> dict[str, Any]:
    """What unet/config.json says of this U-Net."""
    names = ("DownBlock2D", "CrossAttnDownBlock2D"), ("UpBlock2D", "CrossAttnUpBlock2D")
    return {"_class_name": "UNet2DConditionModel", "in_channels": LATENT_CHANNELS, "out_channels": LATENT_CHANNELS,
            "block_out_channels": list(config.widths), "down_block_types": [names[0][has] for has in config.attends],
            "up_block_types": [names[1][has] for has in reversed(config.attends)],
            "attention_head_dim": list(config.heads), "layers_per_block": config.layers,
            "cross_attention_dim": config.token, "norm_num_groups": config.groups, "norm_eps": config.norm_eps,
            "use_linear_projection": config.linear_projection, "time_cond_proj_dim": config.guidance or None,
            "sample_size": 64}


def schedule_description(schedule: FewStepSchedule, prediction: str) -> dict[str, Any]:
    """What scheduler_config.json says of it."""
    return {"_class_name": "LCMScheduler" if schedule.kind == "lcm" else "DDIMScheduler",
            "num_train_timesteps": TRAINED_STEPS, "beta_start": schedule.beta_start, "beta_end": schedule.beta_end,
            "beta_schedule": schedule.beta_schedule, "prediction_type": prediction,
            **({"original_inference_steps": schedule.original_steps} if schedule.kind == "lcm" else {})}

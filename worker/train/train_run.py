# SPDX-License-Identifier: Apache-2.0
"""One run of a recipe: its stages one after the other, and the weights they end with.

Called by command.py. Each stage checkpoints into the run's folder and a second call goes on where the first ended; a
finished stage is loaded, not repeated. Everything is seeded.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch
from safetensors.torch import load_file

from mirage_lsd.worker.engines.device.eager import model_tensors
from mirage_lsd.worker.models.nets.tiny import MirageTiny
from mirage_lsd.worker.models.weights import save_weights
from mirage_lsd.worker.train.recipe import StageConfig
from mirage_lsd.worker.train.runs import Stage
from mirage_lsd.worker.train.samples.dataset import open_world
from mirage_lsd.worker.train.stages.decoder import train_decoder
from mirage_lsd.worker.train.stages.denoise import train_denoiser
from mirage_lsd.worker.train.stages.flow import train_flow
from mirage_lsd.worker.train.stages.layers import train_autoencoder
from mirage_lsd.worker.train.stages.motion import train_motion
from mirage_lsd.worker.train.stages.schedule import train_schedule
from mirage_lsd.worker.train.stages.stream import train_stream
from mirage_lsd.worker.train.stages.surface import train_surface

TRAINERS = {"autoencoder": train_autoencoder, "flow": train_flow, "denoiser": train_denoiser,
            "surface": train_surface, "stream": train_stream, "schedule": train_schedule, "decoder": train_decoder,
            "motion": train_motion}


@dataclass(frozen=True)
class TrainConfig:
    """worlds: split folders of one kind (train); run_dir: checkpoints, losses, sheets; out: the weights file."""

    worlds: tuple[Path, ...]
    run_dir: Path
    out: Path
    stages: dict[str, StageConfig]
    size_px: tuple[int, int] = (320, 192)
    seed: int = 0
    start: Path | None = None  # weights to start from, where names and shapes are the same
    keep_times: bool = False  # their time-steps too
    threads: int = 1  # more only helps on an idle machine: waiting for a taken core costs more than it gives


def train(config: TrainConfig, report: Callable[[str], None] = print) -> MirageTiny:
    """Run (or resume) every stage; after each, config.out holds the weights as they are then."""
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    cv2.setNumThreads(1)
    config.run_dir.mkdir(parents=True, exist_ok=True)
    world = open_world(list(config.worlds))
    model = MirageTiny()
    if config.start is not None:
        count = start_from(model, config.start, config.keep_times)
        report(f"{count} tensors start as in {config.start.name}")
    for name, stage in config.stages.items():
        report(f"stage {name}")
        TRAINERS[name](model, Stage(world, config.run_dir, stage, config.size_px, config.seed, report))
        save_weights(model_tensors(model), config.out, {"stage": name, "license": "Apache-2.0"})
    return model.eval()


def start_from(model: MirageTiny, weights: Path, keep_times: bool = False) -> int:
    """Copy every tensor of a weights file (of any architecture) whose name and shape the model has; how many."""
    own = model.state_dict()
    same = {name: value.to(own[name].dtype) for name, value in load_file(weights).items()
            if name in own and value.shape == own[name].shape and (keep_times or not name.startswith("gaps."))}
    model.load_state_dict(same, strict=False)
    return len(same)

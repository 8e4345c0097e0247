# SPDX-License-Identifier: Apache-2.0
"""The whole recipe of mirage-lsd-tiny: autoencoder -> flow -> denoiser -> surface -> stream -> schedule -> decoder
-> motion -> export.

`train(config)` is what `mirage-lsd train` calls. Each stage checkpoints into `config.run_dir` and a second call goes
on where the first ended; a finished stage is loaded, not repeated. Everything is seeded.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import torch
from safetensors.torch import load_file

from mirage_lsd.worker.engines.device.eager import model_tensors
from mirage_lsd.worker.models.nets.tiny import MirageTiny
from mirage_lsd.worker.models.weights import DEFAULT_WEIGHTS, save_weights
from mirage_lsd.worker.train.runs import StageConfig
from mirage_lsd.worker.train.samples.dataset import open_world
from mirage_lsd.worker.train.stages.decoder import train_decoder
from mirage_lsd.worker.train.stages.denoise import train_denoiser
from mirage_lsd.worker.train.stages.flow import train_flow
from mirage_lsd.worker.train.stages.layers import train_autoencoder
from mirage_lsd.worker.train.stages.motion import train_motion
from mirage_lsd.worker.train.stages.schedule import train_schedule
from mirage_lsd.worker.train.stages.stream import train_stream
from mirage_lsd.worker.train.stages.surface import train_surface

STAGES = ("autoencoder", "flow", "denoiser", "surface", "stream", "schedule", "decoder", "motion")
_RUN = {"autoencoder": train_autoencoder, "flow": train_flow, "denoiser": train_denoiser, "surface": train_surface,
        "stream": train_stream, "schedule": train_schedule, "decoder": train_decoder, "motion": train_motion}


def _default_stages() -> dict[str, StageConfig]:
    return {"autoencoder": StageConfig(20_000, 300.0, 4, 2.5e-3, scales=(0.5,)),
            "flow": StageConfig(10_000, 600.0, 5, 1.5e-3, frames=2, scales=(0.7, 1.0)),
            "denoiser": StageConfig(60_000, 3000.0, 4, 8e-4, scales=(0.5, 0.7, 1.0), optimizer="muon", again=50),
            "surface": StageConfig(60_000, 2400.0, 6, 1e-3, scales=(0.5, 0.7, 1.0)),
            "stream": StageConfig(20_000, 4500.0, 3, 5e-4, frames=3, scales=(0.5, 0.7, 1.0), optimizer="muon",
                                  again=30),
            "schedule": StageConfig(400, 400.0, 3, 1.5e-2, frames=3, scales=(0.5, 0.7, 1.0)),
            "decoder": StageConfig(20_000, 900.0, 4, 6e-4, scales=(0.7, 1.0, 1.0, 1.0), optimizer="muon"),
            "motion": StageConfig(60_000, 1500.0, 24, 2e-3, frames=2)}


@dataclass(frozen=True)
class TrainConfig:
    """worlds: split folders of one kind (train); run_dir: checkpoints, curves, sheets; out: the weights file."""

    worlds: tuple[Path, ...]
    run_dir: Path
    out: Path = DEFAULT_WEIGHTS
    size_px: tuple[int, int] = (320, 192)
    stages: dict[str, StageConfig] = field(default_factory=_default_stages)
    seed: int = 0
    start: Path | None = None  # weights to start from, where names and shapes are the same
    threads: int = 1  # more only helps on an idle machine: waiting for a taken core costs more than it gives


def smoke_config(world: Path, run_dir: Path, out: Path) -> TrainConfig:
    """A few steps of every stage on small pictures: seconds, for tests."""
    stages = {name: StageConfig(3, 60.0, 2, 1e-3, frames=3, optimizer=full.optimizer)
              for name, full in _default_stages().items()}
    return TrainConfig((world,), run_dir, out, (128, 96), stages)


def train(config: TrainConfig, report: Callable[[str], None] = print, until: str = STAGES[-1]) -> MirageTiny:
    """Run (or resume) every stage up to and with `until`, then write the weights to config.out."""
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    cv2.setNumThreads(1)
    config.run_dir.mkdir(parents=True, exist_ok=True)
    world = open_world(list(config.worlds))
    model = MirageTiny()
    if config.start is not None:
        report(f"{start_from(model, config.start)} tensors start as in {config.start.name}")
    for name in STAGES[: STAGES.index(until) + 1]:
        report(f"stage {name}")
        _RUN[name](model, world, config.run_dir, config.stages[name], config.size_px, config.seed, report)
        write_weights(model, config.out, name)
    return model.eval()


def start_from(model: MirageTiny, weights: Path) -> int:
    """Copy every tensor of a weights file (of any architecture) whose name and shape the model has; how many."""
    own = model.state_dict()
    same = {name: value.to(own[name].dtype) for name, value in load_file(weights).items()
            if name in own and value.shape == own[name].shape and not name.startswith("gaps.")}
    model.load_state_dict(same, strict=False)
    return len(same)


def write_weights(model: MirageTiny, out: Path, stage: str) -> None:
    """The model's weights file as of the end of a stage."""
    save_weights(model_tensors(model), out, {"stage": stage, "license": "Apache-2.0"})

# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd train-adapters`: trains v1's temporal parts on clips, the pretrained weights frozen.

Called by the command line. The run folder holds `adapters.pt` (checkpoint with the optimiser, written atomically),
`adapters.csv` (losses) and, at the end, `adapters.safetensors` for ModelRequest.adapters. Invariant: the same command
goes on where it stopped; tensors of the checkpoint are never changed.
"""
from __future__ import annotations

import argparse
import csv
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker.presets.text_file import read_text
from mirage_lsd.worker.train.v1.adapter_clips import Clips
from mirage_lsd.worker.train.v1.adapter_losses import adapter_losses
from mirage_lsd.worker.v1.checkpoint.load import ModelRequest, load_v1
from mirage_lsd.worker.v1.graphs.schedule import guidance_features
from mirage_lsd.worker.v1.graphs.shapes import SdShapes
from mirage_lsd.worker.v1.graphs.source import FlowGraph
from mirage_lsd.worker.v1.nets.adapters import save_adapters
from mirage_lsd.worker.v1.nets.model import MirageV1
from mirage_lsd.worker.v1.nets.temporal import is_temporal
from mirage_lsd.worker.v1.nets.text import ClipTokens, encode_prompt

_SAVE_EVERY, _CLIP_NORM, _SCHEDULE_STEPS = 100, 1.0, 4
DEFAULT_PROMPTS = ("a person in front of a camera", "a portrait of a person, studio light", "")


class AdapterTrainError(MirageError):
    """The adapter training was asked for something it cannot do."""

    code = "train_error"


@dataclass(frozen=True)
class AdapterConfig:
    """How to train. size_px: (width, height), multiples of 8; steps: in all, with those of earlier runs."""

    run_dir: Path
    clips: Path
    size_px: tuple[int, int] = (512, 288)
    steps: int = 5000
    batch: int = 1
    rate: float = 1e-4
    guidance: float = 4.0
    prompts: tuple[str, ...] = DEFAULT_PROMPTS
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or not self.rate > 0:
            raise AdapterTrainError("--steps, --batch and --rate must be above zero")
        try:
            SdShapes(self.size_px, self.size_px)
        except ValueError as error:
            raise AdapterTrainError(f"--size: {error}") from error


def train_adapters(model: MirageV1, config: AdapterConfig, report: Callable[[str], None] = print) -> Path:
    """Train (or go on) and write the adapter file. Returns its path."""
    parameters = trainable(model)
    batches = Batches(model, config)
    config.run_dir.mkdir(parents=True, exist_ok=True)
    optimiser = torch.optim.AdamW(parameters, lr=config.rate, weight_decay=0.0)
    first = _resume(model, optimiser, config.run_dir / "adapters.pt")
    for number in range(first, config.steps):
        losses = batches.losses(number)
        optimiser.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        losses = {name: float(value.detach()) for name, value in losses.items()}
        torch.nn.utils.clip_grad_norm_(parameters, _CLIP_NORM)
        optimiser.step()
        _log(config.run_dir / "adapters.csv", number, losses)
        if (number + 1) % _SAVE_EVERY == 0 or number + 1 == config.steps:
            _save(model, optimiser, number + 1, config.run_dir / "adapters.pt")
            told = ", ".join(f"{name} {value:.4f}" for name, value in losses.items())
            report(f"step {number + 1} of {config.steps}: {told}")
    out = config.run_dir / "adapters.safetensors"
    save_adapters(model.unet, out, {"trained_on": model.info.fingerprint, "steps": str(config.steps)})
    return out


class Batches:
    """The losses of numbered batches: number k is the same batch with the same noise, whenever it is asked for."""

    def __init__(self, model: MirageV1, config: AdapterConfig):
        self._model, self._config = model, config
        self._device = model.unet.conv_in.weight.device
        self._clips = Clips(config.clips, config.size_px)
        self._flow = FlowGraph(model.flow, SdShapes(config.size_px, config.size_px))
        self._plan = model.schedule.plan(_SCHEDULE_STEPS)
        self._words = [encode_prompt(model.text, ClipTokens(model.tokenizer)(prompt).ids, self._device).clone()
                       for prompt in config.prompts]
        self._guidance = None
        if model.config.guidance:
            features = guidance_features(config.guidance, model.config.guidance)
            self._guidance = torch.from_numpy(features).to(self._device).expand(config.batch, -1)

    def losses(self, number: int) -> dict[str, torch.Tensor]:
        """See adapter_losses."""
        rng = np.random.default_rng((self._config.seed, number))
        generator = torch.Generator().manual_seed(int(rng.integers(1 << 62)))
        before, now = (pictures.to(self._device) for pictures in self._clips.pairs(self._config.batch, rng))
        tokens = self._words[int(rng.integers(len(self._words)))].expand(self._config.batch, -1, -1)
        return adapter_losses(self._model, self._flow, before, now, tokens, self._guidance, self._plan, generator)


def trainable(model: MirageV1) -> list[torch.nn.Parameter]:
    """The temporal parts, set to learn; everything else is frozen."""
    model.requires_grad_(False)
    found = [value for name, value in model.unet.named_parameters() if is_temporal(name)]
    if not found:
        raise AdapterTrainError("this model was loaded without temporal parts; there is nothing to train")
    return [value.requires_grad_(True) for value in found]


def _resume(model: MirageV1, optimiser: torch.optim.Optimizer, path: Path) -> int:
    """Take up a checkpoint; gives the steps done."""
    if not path.is_file():
        return 0
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
        model.unet.load_state_dict(kept["adapters"], strict=False)
        optimiser.load_state_dict(kept["optimiser"])
        return int(kept["step"])
    except (RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise AdapterTrainError(f"the checkpoint {path} is damaged or of another model; delete it to start "
                                "over, or give another --run-dir") from error


def _save(model: MirageV1, optimiser: torch.optim.Optimizer, step: int, path: Path) -> None:
    adapters = {name: value for name, value in model.unet.state_dict().items() if is_temporal(name)}
    partial = path.with_suffix(".partial")
    torch.save({"adapters": adapters, "optimiser": optimiser.state_dict(), "step": step}, partial)
    os.replace(partial, path)


def _log(path: Path, number: int, losses: dict[str, float]) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(("step", *losses))
        writer.writerow((number, *(f"{value:.6f}" for value in losses.values())))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `mirage-lsd train-adapters`."""
    defaults = AdapterConfig(Path(), Path())
    parser.add_argument("--clips", type=Path, required=True, metavar="DIR", help="a folder of videos of people")
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="checkpoint, losses, the result")
    parser.add_argument("--model", default=ModelRequest().reference, help="known name, folder, file or hub id")
    parser.add_argument("--lora", default="", help="a LoRA to lay on first, such as an LCM-LoRA")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", default="512x288", metavar="WxH")
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--batch", type=int, default=defaults.batch)
    parser.add_argument("--rate", type=float, default=defaults.rate)
    parser.add_argument("--prompts", type=Path, metavar="FILE", help="one prompt a line")
    parser.add_argument("--seed", type=int, default=0)


def run(options: argparse.Namespace) -> int:
    """Loads the model, trains, and says where the adapters are."""
    width, _, height = options.size.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise AdapterTrainError(f"--size must be like 512x288, got {options.size!r}")
    prompts = DEFAULT_PROMPTS
    if options.prompts is not None:
        try:
            prompts = tuple(read_text(options.prompts).splitlines())
        except OSError as error:
            raise AdapterTrainError(f"--prompts: {options.prompts} cannot be read: {error.strerror}") from error
    config = AdapterConfig(options.run_dir, options.clips, (int(width), int(height)), options.steps, options.batch,
                           options.rate, prompts=prompts or DEFAULT_PROMPTS, seed=options.seed)
    model = load_v1(ModelRequest(options.model, lora=options.lora, device=options.device))
    print(f"adapters: {train_adapters(model, config)}")
    return 0

# SPDX-License-Identifier: Apache-2.0
"""What every training stage shares: pace, checkpoints, losses on record, sample sheets.

A run folder holds `<stage>.pt` (latest checkpoint, written atomically), `<stage>.csv` (every loss of every step) and
`<stage>-sheet.png`. A stage resumes at its last checkpoint; being stopped (SIGSTOP) for minutes costs nothing
but the time.
"""
from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from mirage_lsd.worker.train.learning.muon import Muon
from mirage_lsd.worker.train.recipe import StageConfig
from mirage_lsd.worker.train.samples.compose import compose
from mirage_lsd.worker.train.samples.dataset import World, Worlds
from mirage_lsd.worker.train.samples.loader import Loader

TIMELESS = ("tints", "ids", "colors")
OPTIMIZERS = {"adamw": torch.optim.AdamW, "muon": Muon}
Losses = Callable[[dict[str, Tensor]], dict[str, Tensor]]  # of a batch: named terms, of which the sum is minimised
Batches = Iterator[dict[str, Tensor]]
_PAUSE_S = 5.0  # a gap between steps longer than this was a pause, not work


def frame_of(batch: dict[str, Tensor], t: int) -> dict[str, Tensor]:
    """A batch's tensors of frame t only, [B,...]; what has no time axis stays as it is."""
    return {name: value if name in TIMELESS else value[:, t] for name, value in batch.items()}


def fast_math() -> torch.autocast:
    """bfloat16 where the processor computes it natively; elsewhere it would be several times slower than float32."""
    native = torch.cpu._is_avx512_bf16_supported()
    return torch.autocast("cpu", torch.bfloat16, enabled=native)


class Average:
    """Exponential average of a module's parameters and buffers: what is shipped."""

    def __init__(self, module: nn.Module, decay: float):
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in module.state_dict().items()}

    def update(self, module: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                self.values[name].lerp_(value.detach(), 1 - decay)
            else:
                self.values[name].copy_(value)


@dataclass(frozen=True)
class Stage:
    """What a stage is trained on and where. folder, seed: of its run; size_px: (width, height) of whole samples."""

    world: World | Worlds
    folder: Path
    config: StageConfig
    size_px: tuple[int, int]
    seed: int = 0
    report: Callable[[str], None] = print


class StageRun:
    """Runs one stage's step function to its end, with everything around it."""

    def __init__(self, stage: Stage, name: str, model: nn.Module, parameters: Iterable[nn.Parameter] = (),
                 fast: Sequence[nn.Parameter] = ()):
        """parameters: what learns, if not all of the model; `fast`: those that learn at four times the rate (they
        started later)."""
        self.stage, self.config, self.name, self.model = stage, stage.config, name, model
        self.parameters = list(parameters) or list(model.parameters())
        eager = {id(parameter) for parameter in fast}
        groups = [{"params": [p for p in self.parameters if id(p) not in eager], "scale": 1.0},
                  {"params": list(fast), "scale": 4.0}]
        self.optimizer = OPTIMIZERS[self.config.optimizer]([group for group in groups if group["params"]],
                                                           lr=self.config.rate, betas=(0.9, 0.98), weight_decay=1e-3)
        self.average = Average(model, 0.997)
        self.step, self.worked_s, self.rows = 0, 0.0, []
        self._load()

    @property
    def progress(self) -> float:
        return min(1.0, max(self.step / self.config.steps, self.worked_s / self.config.seconds))

    def generator(self) -> torch.Generator:
        """Of random numbers for what is left of the stage."""
        return torch.Generator().manual_seed(self.stage.seed + self.step)

    def learn(self, number: int, losses: Losses, sheet: Callable[[dict[str, Tensor]], np.ndarray],
              make: Callable = compose, prepare: Callable[[Batches], Batches] = iter) -> None:
        """Train on samples that make(world, rng, frames, size_px) composes, other ones for each stage `number`, in
        batches that `prepare` may add to; sheet shows what came of a batch."""
        latest: dict[str, Tensor] = {}

        def losses_of(batch: dict[str, Tensor]) -> dict[str, Tensor]:
            latest.update(batch)
            return losses(batch)

        stage = self.stage
        with closing(Loader(stage.world, stage.config, stage.size_px, stage.seed + number, self.step, make)) as loader:
            self.run(prepare(iter(loader)), losses_of, lambda: sheet(latest))

    def run(self, batches: Batches, losses: Losses,
            sheet: Callable[[], np.ndarray] | None = None, every: int = 50, save_every_s: float = 90.0) -> None:
        """Train until done."""
        saved, began = self.worked_s, time.monotonic()
        while self.progress < 1.0:
            terms = self._one(next(batches), losses)
            now = time.monotonic()
            self.worked_s += min(now - began, _PAUSE_S)
            began = now
            if self.step % every == 0 or self.progress >= 1.0:
                self._log(terms)
            if self.worked_s - saved > save_every_s or self.progress >= 1.0:
                saved = self.worked_s
                self.save()
                if sheet is not None:
                    write_sheet(self.stage.folder / f"{self.name}-sheet.png", sheet())
        self.model.load_state_dict(self.average.values)

    def _one(self, batch: dict[str, Tensor], losses: Losses) -> dict[str, float]:
        warm = min(1.0, (self.step + 1) / 40)
        for group in self.optimizer.param_groups:
            falling = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.progress))
            group["lr"] = group.get("scale", 1.0) * self.config.rate * warm * falling
        terms = losses(batch)
        total = sum(self.config.counts.get(name, 1.0) * term for name, term in terms.items())
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, 1.0)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.step += 1
        if self.config.replicas is not None:
            self.config.replicas.meet(self.name, self.model, self.step)
        self.average.update(self.model, self.step)
        values = {key: float(value.detach()) for key, value in terms.items()}
        self.rows.append({"step": self.step, "seconds": round(self.worked_s, 1), **values})
        return values

    def _log(self, terms: dict[str, float]) -> None:
        recent = self.rows[-50:]
        means = {key: float(np.mean([row[key] for row in recent])) for key in terms}
        self.stage.report(f"{self.name} step {self.step} {self.worked_s:.0f} s ({100 * self.progress:.0f} %): "
                    + ", ".join(f"{key} {value:.4f}" for key, value in means.items()))
        with open(self.stage.folder / f"{self.name}.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, self.rows[0].keys())
            writer.writeheader()
            writer.writerows(self.rows)

    def save(self) -> None:
        state = {"model": self.model.state_dict(), "average": self.average.values, "step": self.step,
                 "optimizer": self.optimizer.state_dict(), "worked_s": self.worked_s, "rows": self.rows}
        partial = self.stage.folder / f"{self.name}.partial"
        torch.save(state, partial)
        os.replace(partial, self.stage.folder / f"{self.name}.pt")

    def _load(self) -> None:
        path = self.stage.folder / f"{self.name}.pt"
        if path.is_file():
            state = torch.load(path, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.average.values = state["average"]
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.worked_s, self.rows = state["step"], state["worked_s"], state["rows"]


def write_sheet(path: Path, picture: np.ndarray) -> None:
    """f32 RGB 0..1 [H,W,3] -> PNG, atomically."""
    coded = cv2.imencode(".png", (np.clip(picture[..., ::-1], 0, 1) * 255).astype(np.uint8))[1]
    partial = path.with_suffix(".partial")
    partial.write_bytes(coded.tobytes())
    os.replace(partial, path)


def tile(columns: list[Tensor]) -> np.ndarray:
    """Columns of pictures [N,3 or 1,H,W] -> one f32 RGB picture, a row a sample."""
    wide = [column.detach().float().expand(-1, 3, -1, -1) for column in columns]
    return torch.cat([torch.cat(list(column), dim=1) for column in wide], dim=2).permute(1, 2, 0).numpy()

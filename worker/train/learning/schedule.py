# SPDX-License-Identifier: Apache-2.0
"""The sampler in torch, differentiable in the time-steps too; the same arithmetic as models/sampler.py."""
from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from mirage_lsd.worker.models.nets.tiny import MirageTiny
from mirage_lsd.worker.models.nets.unet import Anchor, Caches, ConditionFeatures, SourceFeatures
from mirage_lsd.worker.tracking.steady import LATENT_INERTIA


def alpha_sigma(timestep: Tensor) -> tuple[Tensor, Tensor]:
    """Amplitudes [B,1,1,1] at times [B]."""
    angle = timestep[:, None, None, None] * (math.pi / 2)
    return angle.cos(), angle.sin()


def add_noise(clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
    alpha, sigma = alpha_sigma(timestep)
    return alpha * clean + sigma * noise


def clean_estimate(latent: Tensor, velocity: Tensor, timestep: Tensor) -> Tensor:
    alpha, sigma = alpha_sigma(timestep)
    return alpha * latent - sigma * velocity


def ddim_step(latent: Tensor, velocity: Tensor, now: Tensor, later: Tensor) -> Tensor:
    """The latent at the next time-step; see models/sampler.step."""
    alpha, sigma = alpha_sigma(now)
    next_alpha, next_sigma = alpha_sigma(later)
    return next_alpha * (alpha * latent - sigma * velocity) + next_sigma * (sigma * latent + alpha * velocity)


TIMES_SPREAD = 0.03
_RUNS = (3, 3, 3, 3, 2, 4, 1, 5)  # how often each step count is trained


@torch.no_grad()
def visited(model: MirageTiny, clean: Tensor, noise: Tensor, source: SourceFeatures, condition: ConditionFeatures,
            generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A noisy latent that a few-step run gets to by itself, and its time-step [B]: the run's start in half of the
    draws, else what the model's own steps before left. So every step learns to mend what the steps before it get wrong,
    which truth with noise on it would not show (a trace of the answer in the start would be all that the net listens
    to). Most runs start from noise alone, as a stream begins, the others from a past."""
    def draw() -> float:
        return float(torch.rand((), generator=generator))

    steps = _RUNS[int(draw() * len(_RUNS))]
    done = 0 if steps == 1 or draw() < 0.5 else 1 + int(draw() * (steps - 1))
    times = model.timesteps(steps)
    times = (times + TIMES_SPREAD * torch.randn(steps, generator=generator)).clamp(0.02, 0.98)
    known = LATENT_INERTIA * corrupt_history(clean, generator) * float(draw() < 0.25)
    latent = add_noise(known, noise, times[:1].expand(len(clean)))
    for now, later in zip(times[:done], times[1:], strict=False):
        now, later = now.expand(len(clean)), later.expand(len(clean))
        velocity, _ = model.unet(latent, now, source, condition, None, None, torch.zeros(len(clean), 2))
        latent = ddim_step(latent, velocity, now, later)
    return latent, times[done].expand(len(clean))


def corrupt_history(latent: Tensor, generator: torch.Generator) -> Tensor:
    """A previous output latent as a drifting stream might have it: noisy (a past's noise of its own, as in diffusion
    forcing, Chen et al. 2024), blurred, or another look's."""
    draw = torch.rand(latent.shape[0], 3, generator=generator)
    noisy = latent + torch.randn(latent.shape, generator=generator) * (draw[:, 1] * 0.5)[:, None, None, None]
    blurred = F.avg_pool2d(noisy, 3, 1, 1, count_include_pad=False)
    choice = draw[:, 0][:, None, None, None]
    other = noisy.roll(1, dims=0)
    return torch.where(choice < 0.45, noisy, torch.where(choice < 0.7, blurred, other))


def run_sampler(model: MirageTiny, start: Tensor, steps: int, source: SourceFeatures, condition: ConditionFeatures,
                caches: Caches, anchor: Anchor, history: Tensor, timesteps: Tensor | None = None
                ) -> tuple[Tensor, Caches]:
    """Unrolled DDIM from a start latent at the first time-step: clean latent and the caches to keep."""
    times = model.timesteps(steps) if timesteps is None else timesteps
    latent, kept = start, caches
    for index in range(steps):
        now = times[index].expand(start.shape[0])
        velocity, kept = model.unet(latent, now, source, condition, caches, anchor, history)
        if index + 1 == steps:
            return clean_estimate(latent, velocity, now), kept
        latent = ddim_step(latent, velocity, now, times[index + 1].expand(start.shape[0]))
    raise ValueError("steps must be at least 1")


def empty_history(model: MirageTiny, batch: int, rows: int, columns: int) -> tuple[Caches, Anchor, Tensor]:
    """Zero caches and anchor for a latent of rows x columns, and the history flags that say so."""
    w8, w16, w32 = model.config.widths
    c16 = torch.zeros(batch, w16, rows // 2, columns // 2)
    c32 = torch.zeros(batch, w32, rows // 4, columns // 4)
    return Caches(torch.zeros(batch, w8, rows, columns), c16, c32), Anchor(c16, c32), torch.zeros(batch, 2)

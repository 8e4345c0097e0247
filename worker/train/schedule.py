# SPDX-License-Identifier: Apache-2.0
"""The sampler in torch, differentiable in the time-steps too; the same arithmetic as models/sampler.py."""
from __future__ import annotations

import math

import torch
from torch import Tensor

from mirage_lsd.worker.models.tiny import MirageTiny
from mirage_lsd.worker.models.unet import Anchor, Caches, ConditionFeatures, SourceFeatures


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


TIMES_SPREAD = 0.03


def sample_times(model: MirageTiny, batch: int, generator: torch.Generator | None = None) -> Tensor:
    """Training times [B]: those that few-step runs visit (as few-step distillation does), give or take a little, since
    they are learned and still move."""
    with torch.no_grad():
        visited = torch.cat([model.timesteps(steps) for steps in (1, 2, 3, 3, 3, 4, 5)])
    times = visited[torch.randint(len(visited), (batch,), generator=generator)]
    return (times + TIMES_SPREAD * torch.randn(batch, generator=generator)).clamp(0.02, 0.98)


def run_sampler(model: MirageTiny, start: Tensor, steps: int, source: SourceFeatures, condition: ConditionFeatures,
                caches: Caches, anchor: Anchor, history: Tensor, timesteps: Tensor | None = None
                ) -> tuple[Tensor, Caches]:
    """Unrolled DDIM from a start latent at the first time-step: clean latent and the caches to keep."""
    times = model.timesteps(steps) if timesteps is None else timesteps
    latent, kept = start, caches
    for index in range(steps):
        now = times[index].expand(start.shape[0])
        velocity, kept = model.unet(latent, now, source, condition, caches, anchor, history)
        alpha, sigma = alpha_sigma(now)
        clean, noise = alpha * latent - sigma * velocity, sigma * latent + alpha * velocity
        if index + 1 == steps:
            return clean, kept
        next_alpha, next_sigma = alpha_sigma(times[index + 1].expand(start.shape[0]))
        latent = next_alpha * clean + next_sigma * noise
    raise ValueError("steps must be at least 1")


def empty_history(model: MirageTiny, batch: int, rows: int, columns: int) -> tuple[Caches, Anchor, Tensor]:
    """Zero caches and anchor for a latent of rows x columns, and the history flags that say so."""
    w8, w16, w32 = model.config.widths
    c16 = torch.zeros(batch, w16, rows // 2, columns // 2)
    c32 = torch.zeros(batch, w32, rows // 4, columns // 4)
    return Caches(torch.zeros(batch, w8, rows, columns), c16, c32), Anchor(c16, c32), torch.zeros(batch, 2)

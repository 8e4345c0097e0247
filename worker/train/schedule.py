# SPDX-License-Identifier: Apache-2.0
"""The sampler in torch, differentiable in the time-steps too; the same arithmetic as models/sampler.py."""
from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

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
FIRST_SHARE = 0.7  # of the training steps are a run's first one


def sample_times(model: MirageTiny, batch: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Training times [B]: those that few-step runs visit (as few-step distillation does), give or take a little, since
    they are learned and still move; and bool [B] whether they are a run's first."""
    with torch.no_grad():
        runs = [model.timesteps(steps) for steps in (1, 2, 3, 3, 3, 4, 5)]
    first, later = (torch.cat([run[part] for run in runs]) for part in (slice(1), slice(1, None)))
    draws = [times[torch.randint(len(times), (batch,), generator=generator)] for times in (first, later)]
    is_first = torch.rand(batch, generator=generator) < FIRST_SHARE
    times = torch.where(is_first, *draws) + TIMES_SPREAD * torch.randn(batch, generator=generator)
    return times.clamp(0.02, 0.98), is_first


def noisy_start(clean: Tensor, noise: Tensor, times: Tensor, is_first: Tensor, generator: torch.Generator) -> Tensor:
    """What the net is given at training times: nothing but noise in most first steps, as a stream begins (a trace of
    the answer in its start would be all that the net listens to), else what a run may have got so far."""
    known = corrupt_history(clean, generator)
    nothing = is_first & (torch.rand(len(clean), generator=generator) < 0.75)
    return add_noise(known * ~nothing[:, None, None, None], noise, times)


def corrupt_history(latent: Tensor, generator: torch.Generator) -> Tensor:
    """A previous output latent as a drifting stream might have it: noisy, blurred, or another look's."""
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

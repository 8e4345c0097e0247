# SPDX-License-Identifier: Apache-2.0
"""The few-step sampler in numpy: noise levels, learned time-steps, start and update of a latent.

Called by the worker's denoise stage between graph runs. Time t is in 0..1 (0 = clean picture,
1 = pure noise); a noisy latent is `alpha(t) * clean + sigma(t) * noise` with alpha = cos(pi t / 2),
sigma = sin(pi t / 2), so its variance stays 1. The denoiser predicts the velocity
`v = alpha * noise - sigma * clean` (Salimans and Ho 2022); the update is DDIM (Song et al. 2021, eta 0). The training
code has the same arithmetic in torch (train/learning/schedule.py); tests hold the two together.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mirage_lsd.worker.models.config import MAX_STEPS


def alpha_sigma(timestep: float) -> tuple[float, float]:
    """Signal and noise amplitudes at a time in 0..1."""
    return math.cos(timestep * math.pi / 2), math.sin(timestep * math.pi / 2)


def timesteps_from_gaps(gaps: np.ndarray) -> np.ndarray:
    """Descending time-steps from unconstrained parameters (the learnable, monotone form).

    gaps: float [n + 1]; softmax gives n + 1 positive parts of the way from 1 to 0: the first part lies
    before the first time-step and the last one between the last time-step and 0.
    """
    parts = np.exp(gaps - gaps.max())
    parts /= parts.sum()
    return (1.0 - np.cumsum(parts)[:-1]).astype(np.float32)


def gaps_from_timesteps(times: np.ndarray) -> np.ndarray:
    """The other way round: float32 [n + 1] for descending time-steps [n] between 1 and 0."""
    places = np.concatenate([[1.0], times, [0.0]])
    return np.log(places[:-1] - places[1:]).astype(np.float32)


def uniform_timesteps(steps: int, first: float = 0.95) -> np.ndarray:
    """Plain DDIM spacing from `first` down, for ablation and as the start of training."""
    return (first * (1.0 - np.arange(steps) / steps)).astype(np.float32)


@dataclass(frozen=True)
class Schedule:
    """The learned time-steps: `timesteps[n]` is float32 [n], descending, for n = 1..MAX_STEPS."""

    timesteps: dict[int, np.ndarray]

    @classmethod
    def uniform(cls) -> Schedule:
        return cls({steps: uniform_timesteps(steps) for steps in range(1, MAX_STEPS + 1)})

    @classmethod
    def from_gaps(cls, gaps: dict[int, np.ndarray]) -> Schedule:
        return cls({steps: timesteps_from_gaps(values) for steps, values in gaps.items()})

    def for_steps(self, steps: int) -> np.ndarray:
        """Time-steps for a run of `steps` (1..MAX_STEPS), else ValueError."""
        if steps not in self.timesteps:
            raise ValueError(f"steps must be 1..{MAX_STEPS}, got {steps}")
        return self.timesteps[steps]


def make_noise(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """The stream's fixed unit noise, float32; the same seed and shape give the same noise."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def start_latent(noise: np.ndarray, timestep: float, previous: np.ndarray | None = None,
                 occlusion: np.ndarray | None = None) -> np.ndarray:
    """The noisy latent a frame starts from.

    noise: make_noise(...), [1,C,h,w]; previous: last output latent, warped, or None on the first frame;
    occlusion: [1,1,h,w] 0..1, where nothing is known of the past, or None.
    """
    alpha, sigma = alpha_sigma(timestep)
    if previous is None:
        return sigma * noise
    kept = previous if occlusion is None else previous * (1.0 - occlusion)
    return (alpha * kept + sigma * noise).astype(np.float32, copy=False)


def step(latent: np.ndarray, velocity: np.ndarray, timestep: float, next_timestep: float) -> np.ndarray:
    """One DDIM update from timestep to next_timestep (0 for the last: the clean estimate itself)."""
    alpha, sigma = alpha_sigma(timestep)
    clean = alpha * latent - sigma * velocity
    if next_timestep <= 0.0:
        return clean.astype(np.float32, copy=False)
    noise = sigma * latent + alpha * velocity
    next_alpha, next_sigma = alpha_sigma(next_timestep)
    return (next_alpha * clean + next_sigma * noise).astype(np.float32, copy=False)

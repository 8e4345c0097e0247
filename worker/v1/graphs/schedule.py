# SPDX-License-Identifier: Apache-2.0
"""Few-step schedules in numpy: which time-steps, and the numbers each step's update needs. Torch-free.

Called by the denoise stage when settings change; the arithmetic itself is in the denoise graph (sampling.py), so
that one captured graph serves every step. Times are 0..999 as the checkpoints were trained with; a noisy latent is
`alpha * clean + sigma * noise` with alpha² = alphas_cumprod. Kinds, as in diffusers:

lcm   LCMScheduler: the prediction is bent to the consistency boundary, then re-noised with new noise (Luo et al. 2023).
ddim  DDIMScheduler with eta 0 (Song et al. 2021); with trailing spacing EulerDiscreteScheduler (SD-Turbo), scaled.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirage_lsd.worker.v1.graphs.config import MAX_STEPS, SdConfigError
from mirage_lsd.worker.v1.graphs.graphs import STEP_NUMBERS

# What stands where in `step` [1,12]; from NOISE on, one weight for each of the noise's five parts.
ALPHA, SIGMA, SKIP, OUT, NEXT_ALPHA, NEXT_SIGMA, RESIDUAL, NOISE = range(8)
TRAINED_STEPS = 1000
_SIGMA_DATA = 0.5


@dataclass(frozen=True)
class StepPlan:
    """One frame's steps. timesteps f32 [n]; steps f32 [n,12]; start: (alpha, sigma) of the first time-step."""

    timesteps: np.ndarray
    steps: np.ndarray
    start: tuple[float, float]


@dataclass(frozen=True)
class FewStepSchedule:
    """The checkpoint's noise levels and how few steps go through them.

    original_steps, timestep_scaling: of the LCM distillation. DDIM's steps are spaced "trailing" and end at alpha 1.
    """

    kind: str = "lcm"
    beta_start: float = 0.00085
    beta_end: float = 0.012
    beta_schedule: str = "scaled_linear"
    original_steps: int = 50
    timestep_scaling: float = 10.0

    @classmethod
    def from_diffusers(cls, described: dict[str, Any], kind: str | None = None) -> FewStepSchedule:
        """From scheduler/scheduler_config.json; `kind` overrides its class. Raises SdConfigError."""
        name = described.get("_class_name", "LCMScheduler")
        trained = described.get("num_train_timesteps", TRAINED_STEPS)
        schedule = described.get("beta_schedule", "scaled_linear")
        if trained != TRAINED_STEPS or described.get("trained_betas") or described.get("rescale_betas_zero_snr"):
            raise SdConfigError(f"the checkpoint's scheduler has {trained} training steps or noise levels of its own; "
                                f"this version runs the usual {TRAINED_STEPS} (Stable Diffusion 1.x, LCM, SD-Turbo)")
        if schedule not in ("scaled_linear", "linear"):
            raise SdConfigError(f"the checkpoint's scheduler has beta_schedule={schedule!r}; this version runs "
                                "scaled_linear and linear")
        return cls(kind=kind or ("lcm" if name == "LCMScheduler" else "ddim"), beta_schedule=schedule,
                   beta_start=described.get("beta_start", 0.00085), beta_end=described.get("beta_end", 0.012),
                   original_steps=described.get("original_inference_steps", 50),
                   timestep_scaling=described.get("timestep_scaling", 10.0))

    def plan(self, steps: int, noise_level: float = 1.0, residual: float = 0.0) -> StepPlan:
        """steps 1..5; noise_level 0..1: how much of the way to pure noise a frame starts from (diffusers' strength);
        residual: extra weight of what differs from the source (guidance without a second pass)."""
        if not 1 <= steps <= MAX_STEPS:
            raise ValueError(f"steps must be 1..{MAX_STEPS}, got {steps}")
        if not 0.0 < noise_level <= 1.0:
            raise ValueError(f"noise_level must be above 0 and at most 1, got {noise_level}")
        times = self._lcm_times(steps, noise_level) if self.kind == "lcm" else self._ddim_times(steps, noise_level)
        rows = np.zeros((steps, STEP_NUMBERS), np.float32)
        for i, time in enumerate(times):
            following = int(times[i + 1]) if i + 1 < steps else None
            rows[i, [ALPHA, SIGMA]] = self.alpha_sigma(int(time))
            rows[i, RESIDUAL] = residual
            self._fill(rows[i], i, int(time), following)
        alpha, sigma = self.alpha_sigma(int(times[0]))
        return StepPlan(times.astype(np.float32), rows, (alpha, sigma))

    def alpha_sigma(self, time: int) -> tuple[float, float]:
        """Signal and noise amplitudes at a time 0..999."""
        product = float(self.alphas_cumprod[time])
        return math.sqrt(product), math.sqrt(1.0 - product)

    @property
    def alphas_cumprod(self) -> np.ndarray:
        """float64 [1000]."""
        if self.beta_schedule == "linear":
            betas = np.linspace(self.beta_start, self.beta_end, TRAINED_STEPS)
        else:
            betas = np.linspace(self.beta_start**0.5, self.beta_end**0.5, TRAINED_STEPS) ** 2
        return np.cumprod(1.0 - betas)

    def _fill(self, row: np.ndarray, number: int, time: int, following: int | None) -> None:
        """The kind's own numbers of one step."""
        if self.kind == "lcm":
            scaled = time * self.timestep_scaling
            row[SKIP] = _SIGMA_DATA**2 / (scaled**2 + _SIGMA_DATA**2)
            row[OUT] = scaled / math.sqrt(scaled**2 + _SIGMA_DATA**2)
            row[NEXT_ALPHA] = 1.0
            if following is not None:
                row[NEXT_ALPHA], row[NOISE + number + 1] = self.alpha_sigma(following)
            return
        row[OUT] = 1.0
        row[NEXT_ALPHA], row[NEXT_SIGMA] = (1.0, 0.0) if following is None else self.alpha_sigma(following)

    def _lcm_times(self, steps: int, noise_level: float) -> np.ndarray:
        stride = TRAINED_STEPS // self.original_steps
        count = max(int(self.original_steps * noise_level), steps)
        known = (np.arange(1, count + 1) * stride - 1)[::-1]
        return known[np.floor(np.linspace(0, len(known), num=steps, endpoint=False)).astype(np.int64)]

    def _ddim_times(self, steps: int, noise_level: float) -> np.ndarray:
        highest = max(round(TRAINED_STEPS * noise_level), steps)
        return np.round(np.arange(highest, 0, -highest / steps))[:steps].astype(np.int64) - 1


def guidance_features(guidance: float, width: int) -> np.ndarray:
    """A guidance scale as the model's guidance embedding f32 [1,width] (LCM's, of guidance - 1)."""
    half = width // 2
    frequencies = np.exp(np.arange(half) * -(math.log(10000.0) / (half - 1)))
    angles = (guidance - 1.0) * 1000.0 * frequencies
    features = np.concatenate([np.sin(angles), np.cos(angles)])
    return np.pad(features, (0, width - 2 * half)).astype(np.float32)[None]

# SPDX-License-Identifier: Apache-2.0
"""The sampler's arithmetic inside the graphs: how a frame starts, and one step's update, in float32.

The numbers come from schedule.py. Invariant: outside the edit mask the latent is the source's own at every noise
level, so what is painted there next fits what is kept.
"""
from __future__ import annotations

from torch import Tensor

from mirage_lsd.worker.v1.graphs.config import LATENT_CHANNELS
from mirage_lsd.worker.v1.graphs.schedule import ALPHA, NEXT_ALPHA, NEXT_SIGMA, NOISE, OUT, RESIDUAL, SIGMA, SKIP


def start_latent(source_latent: Tensor, latent: Tensor, occlusion: Tensor, noise: Tensor, mix: Tensor) -> Tensor:
    """The source's latent, mixed with the moved last picture where that was visible, noised to the first level."""
    alpha, sigma, share = (mix[:, i, None, None, None] for i in range(3))
    clean = source_latent + share * (1.0 - occlusion) * (latent - source_latent)
    return alpha * clean + sigma * noise[:, :LATENT_CHANNELS]


def step_update(latent: Tensor, prediction: Tensor, step: Tensor, noise: Tensor, source_latent: Tensor,
                edit_mask: Tensor, predicts_velocity: bool) -> Tensor:
    """Latent and prediction [B,4,h,w] at one level -> the latent of the next level (after the last: the clean one)."""
    numbers = [step[:, i, None, None, None] for i in range(step.shape[1])]
    alpha, sigma = numbers[ALPHA], numbers[SIGMA]
    found = alpha * prediction + sigma * latent if predicts_velocity else prediction
    own = (latent - alpha * source_latent) / sigma  # the noise that leads back to the source
    found = found + numbers[RESIDUAL] * (found - own)
    clean = numbers[OUT] * (latent - sigma * found) / alpha + numbers[SKIP] * latent
    parts = noise.unflatten(1, (-1, LATENT_CHANNELS))
    fresh = (parts * step[:, NOISE:, None, None, None]).sum(dim=1)
    edited = numbers[NEXT_ALPHA] * clean + numbers[NEXT_SIGMA] * found + fresh
    kept = numbers[NEXT_ALPHA] * source_latent + numbers[NEXT_SIGMA] * own + fresh
    return kept + edit_mask * (edited - kept)

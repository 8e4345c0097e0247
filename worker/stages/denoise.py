# SPDX-License-Identifier: Apache-2.0
"""denoise: re-noised hidden state → clean latent, in 1 to 5 learned time-steps; writes the history.

Writes tensor latent. Called by the worker's loop thread. Invariant: every step reads the caches of the frame
before; only what the last step leaves is remembered (DDIM, eta 0; see worker/models/sampler.py).
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.models import sampler
from mirage_lsd.worker.models.graphs import graph_specs
from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.stages.context import ANCHORS, CACHES, ModelContext
from mirage_lsd.worker.tracking.steady import leaked_latent

ANCHOR_EVERY_FRAMES = 48
_RECALLED_FROM = ("s8", "regions", "tokens", "region_tokens", *CACHES, *ANCHORS, "history")
_GIVEN = ("pooled", "s16", "s32", "history")


class Denoise:
    """Holds the stream's fixed noise; the hidden state lies in the shared context."""

    name = "denoise"

    def __init__(self, context: ModelContext) -> None:
        self._context = context
        self._noise: np.ndarray | None = None
        self._noise_key: object = None

    def __call__(self, job: Job) -> Job:
        timesteps = self._context.host.schedule.for_steps(self._context.host.steps_for(job.settings))
        shared = self._context.run("recall", **{name: job.tensors[name] for name in _RECALLED_FROM})
        given = {**shared, **{name: job.tensors[name] for name in _GIVEN}}
        noise = self._noise_for(job.settings.seed)
        latent = sampler.start_latent(
            noise, float(timesteps[0]), leaked_latent(job.tensors["warped"]), job.tensors.get("occlusion")
        )
        result: dict[str, np.ndarray] = {}
        for now, following in zip(timesteps, (*timesteps[1:], 0.0), strict=True):
            timestep = np.array([now], np.float32)
            result = self._context.run("denoise", latent=latent, timestep=timestep, **given)
            latent = sampler.step(latent, result["velocity"], float(now), float(following))
        job.tensors["latent"] = latent
        self._remember(latent, result)
        return job

    def reset(self) -> None:
        """Forgets the stream's hidden state; the noise stays, it belongs to the seed."""
        self._context.history.clear()

    def flush(self) -> None:
        """Gives the noise back."""
        self._noise, self._noise_key = None, None

    def _noise_for(self, seed: int) -> np.ndarray:
        key = (seed, self._context.shapes.working_px)
        if key != self._noise_key:
            shape = next(t.shape for t in graph_specs(self._context.shapes)["denoise"].inputs if t.name == "latent")
            self._noise, self._noise_key = sampler.make_noise(seed, shape), key
        return self._noise

    def _remember(self, latent: np.ndarray, result: dict[str, np.ndarray]) -> None:
        history = self._context.history
        history.latent = latent
        history.caches = {name: result[f"{name}_out"] for name in CACHES}
        if history.frames % ANCHOR_EVERY_FRAMES == 0:
            history.anchor = {name: history.caches[cache] for name, cache in ANCHORS.items()}
        history.frames += 1

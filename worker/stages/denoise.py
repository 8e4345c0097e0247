# SPDX-License-Identifier: Apache-2.0
"""denoise: re-noised hidden state → clean latent, in 1 to 5 learned time-steps; writes the history.

Writes job.edit.latent, and history.latent, caches and anchor. Called by the worker's loop thread. Invariant: every step
reads the caches of the frame before; only what the last step leaves is remembered (DDIM, eta 0; see
worker/models/sampler.py).
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.history import ANCHORS, CACHES
from mirage_lsd.worker.hosts.model_context import ModelContext
from mirage_lsd.worker.models import sampler
from mirage_lsd.worker.models.graphs import graph_specs
from mirage_lsd.worker.stages.base import EditLayer, Job, Stage
from mirage_lsd.worker.tracking.steady import leaked_latent

ANCHOR_EVERY_FRAMES = 48


class Denoise(Stage[ModelContext]):
    """Holds the stream's fixed noise, which belongs to the seed; the hidden state lies in the history."""

    name = "denoise"

    def __init__(self, context: ModelContext) -> None:
        super().__init__(context)
        self._noise: np.ndarray | None = None
        self._noise_key: object = None

    def __call__(self, job: Job) -> Job:
        host, occlusion = self._context.host, None if job.motion is None else job.motion.occlusion
        timesteps = host.schedule.for_steps(host.steps_for(job.settings))
        given, noise = self._given(job), self._noise_for(job.settings.seed)
        latent = sampler.start_latent(noise, float(timesteps[0]), leaked_latent(job.past.latent), occlusion)
        result: dict[str, np.ndarray] = {}
        for now, following in zip(timesteps, (*timesteps[1:], 0.0), strict=True):
            timestep = np.array([now], np.float32)
            result = self._context.run("denoise", latent=latent, timestep=timestep, **given)
            latent = sampler.step(latent, result["velocity"], float(now), float(following))
        job.edit = EditLayer(latent)
        self._remember(latent, result)
        return job

    def flush(self) -> None:
        """Gives the noise back."""
        self._noise, self._noise_key = None, None

    def _given(self, job: Job) -> dict[str, np.ndarray]:
        """What every step reads: the features of the source, the look and the past."""
        encoded, look, past = job.encoded, job.look, job.past
        recalled = self._context.run(
            "recall", s8=encoded.s8, regions=encoded.regions, tokens=look.tokens, region_tokens=look.region_tokens,
            history=past.flags, **past.caches, **past.anchor,
        )  # fmt: skip
        return {**recalled, "pooled": look.pooled, "s16": encoded.s16, "s32": encoded.s32, "history": past.flags}

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

# SPDX-License-Identifier: Apache-2.0
"""decode: clean latent → the edit layer's buffers (undyed colour, alpha, shares) at the working size.

Writes tensor buffers, steadied by the last frame's. Called by the worker's loop thread.
"""

from __future__ import annotations

from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.stages.context import ModelContext
from mirage_lsd.worker.tracking.steady import steadied_layer


class Decode:
    """Runs the autoencoder's decoder."""

    name = "decode"

    def __init__(self, context: ModelContext) -> None:
        self._context = context

    def __call__(self, job: Job) -> Job:
        given = {name: job.tensors[name] for name in ("latent", "x4", "source")}
        buffers = self._context.run("decode", **given)["buffers"]
        moved, history = job.tensors["last_buffers"], self._context.history
        history.layer_frames = 0 if moved is None else history.layer_frames + 1
        if moved is not None:
            buffers = steadied_layer(buffers, moved, job.tensors["occlusion"], history.layer_frames)
        job.tensors["buffers"] = history.buffers = buffers
        return job

    def reset(self) -> None:
        """Forgets the stream's hidden state."""
        self._context.history.clear()

    def flush(self) -> None:
        """Nothing of its own to give back."""

# SPDX-License-Identifier: Apache-2.0
"""decode: clean latent → the edit layer's buffers (undyed colour, alpha, shares) at the working size.

Writes job.edit.buffers, steadied by the last frame's, and history.buffers. Called by the worker's loop thread.
"""

from __future__ import annotations

from mirage_lsd.worker.hosts.model_context import ModelContext
from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.tracking.steady import steadied_layer


class Decode(Stage[ModelContext]):
    """Runs the autoencoder's decoder."""

    name = "decode"

    def __call__(self, job: Job) -> Job:
        edit, last, history = job.edit, job.past.buffers, self._context.history
        edit.buffers = self._context.run(
            "decode", latent=edit.latent, x4=job.encoded.x4, source=job.working.tensor
        )["buffers"]
        history.layer_frames = 0 if last is None else history.layer_frames + 1
        if last is not None:
            edit.buffers = steadied_layer(edit.buffers, last, job.motion.occlusion, history.layer_frames)
        history.buffers = edit.buffers
        return job

# SPDX-License-Identifier: Apache-2.0
"""decode: clean latent → the edit layer's buffers (undyed colour, alpha, shares) at the working size.

Writes tensor buffers. Called by the worker's loop thread. Stateless.
"""

from __future__ import annotations

from mirage_lsd.worker.stages.base import Job, StatelessStage
from mirage_lsd.worker.stages.context import ModelContext


class Decode(StatelessStage):
    """Runs the autoencoder's decoder."""

    name = "decode"

    def __init__(self, context: ModelContext) -> None:
        self._context = context

    def __call__(self, job: Job) -> Job:
        given = {name: job.tensors[name] for name in ("latent", "x4", "source")}
        job.tensors.update(self._context.run("decode", **given))
        return job

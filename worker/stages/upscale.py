# SPDX-License-Identifier: Apache-2.0
"""upscale: edit layer + full-size source → the finished picture at full size.

Writes job.output. Called by the worker's loop thread. Invariant: at strength 0 the output is the source, bit by bit.
"""

from __future__ import annotations

from mirage_lsd.worker.stages.base import Job, StatelessStage
from mirage_lsd.worker.stages.context import ModelContext


class Upscale(StatelessStage):
    """Runs the super-resolution net, guided by the full-size source."""

    name = "upscale"

    def __init__(self, context: ModelContext) -> None:
        self._context = context

    def __call__(self, job: Job) -> Job:
        result = self._context.run(
            "upscale",
            frame=job.source[None],
            source=job.tensors["source"],
            rgba=job.tensors["rgba"],
            strength=job.tensors["strength"],
        )
        job.output = result["picture"][0]
        return job

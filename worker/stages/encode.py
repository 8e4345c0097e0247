# SPDX-License-Identifier: Apache-2.0
"""encode: source picture + person mask → source features, region probabilities and the body surface.

Writes tensors person_mask, s8, s16, s32, regions, x4, surface (as seen in this frame alone). Called by the worker's
loop thread. Stateless: it tells the context where the person is, which the next frame's mask is begun with.
"""

from __future__ import annotations

from mirage_lsd.worker.stages.base import Job, StatelessStage
from mirage_lsd.worker.stages.context import ModelContext


class Encode(StatelessStage):
    """Waits for the person mask that the flow stage began, and runs the source encoder."""

    name = "encode"

    def __init__(self, context: ModelContext) -> None:
        self._context = context

    def __call__(self, job: Job) -> Job:
        job.tensors["person_mask"] = self._context.end_mask()
        features = self._context.run("encode", source=job.tensors["source"], person_mask=job.tensors["person_mask"])
        self._context.saw(job.tensors["person_mask"][0, 0], features["regions"][0, 0])
        job.tensors.update(features)
        return job

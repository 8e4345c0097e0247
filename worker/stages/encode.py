# SPDX-License-Identifier: Apache-2.0
"""encode: source picture + person mask → source features, region probabilities and the body surface.

Writes tensors person_mask, s8, s16, s32, regions, x4, surface (as seen in this frame alone). Called by the worker's
loop thread. It tells the context where the person is, which the next frame's mask is begun with.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.models.person_memory import PersonMemory
from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.stages.context import ModelContext


class Encode:
    """Waits for the person mask that the flow stage began, holds what it lost, and runs the source encoder."""

    name = "encode"

    def __init__(self, context: ModelContext) -> None:
        self._context = context
        self._memory = PersonMemory()

    def __call__(self, job: Job) -> Job:
        mask = self._memory(self._context.end_mask(), job.tensors["working"], motion_of(job))
        person_mask = np.ascontiguousarray(mask, np.float32)[None, None]
        features = self._context.run("encode", source=job.tensors["source"], person_mask=person_mask)
        background = features["regions"][0, 0]
        self._memory.saw(mask, background)
        self._context.saw(mask, background)
        job.tensors.update(features, person_mask=person_mask)
        return job

    def reset(self) -> None:
        """Forgets the person."""
        self._memory.reset()

    def flush(self) -> None:
        """Forgets the person."""
        self._memory.reset()


def motion_of(job: Job) -> np.ndarray | None:
    """The job's flow and occlusion as one f32 [3,h/8,w/8], or None after a cut."""
    if "flow" not in job.tensors:
        return None
    return np.concatenate((job.tensors["flow"][0], job.tensors["occlusion"][0]))

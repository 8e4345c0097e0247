# SPDX-License-Identifier: Apache-2.0
"""encode: source picture + person mask → source features and region probabilities.

Writes tensors person_mask, s8, s16, s32, regions. Called by the worker's loop thread. Stateless but for the
person mask, which is smoothed over time where the picture stands still.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.stages.context import ModelContext


class Encode:
    """Runs the person segmenter and the source encoder."""

    name = "encode"

    def __init__(self, context: ModelContext) -> None:
        self._context = context
        self._segmenter = context.host.new_person_segmenter()

    def __call__(self, job: Job) -> Job:
        source = job.tensors["source"]
        mask = self._segmenter(source)
        job.tensors["person_mask"] = mask
        job.tensors.update(self._context.run("encode", source=source, person_mask=mask))
        return job

    def reset(self) -> None:
        """Nothing to forget: each mask is made from its own frame."""

    def flush(self) -> None:
        """Gives the segmenter back."""
        self._segmenter = None


def mask_tensor(mask: np.ndarray) -> np.ndarray:
    """float32 [h, w] 0..1 → float32 [1, 1, h, w], contiguous."""
    return np.ascontiguousarray(mask, dtype=np.float32)[None, None]

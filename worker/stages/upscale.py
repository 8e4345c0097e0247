# SPDX-License-Identifier: Apache-2.0
"""upscale: edit layer + full-size source → the finished picture at full size.

Writes job.output. Called by the worker's loop thread. Invariant: at strength 0 the output is the source, bit by bit.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.models.apply_layer import LayerApplier
from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.stages.context import ModelContext


class Upscale:
    """Runs the super-resolution net at the working size, then blends at full size; keeps one picture's buffers."""

    name = "upscale"

    def __init__(self, context: ModelContext) -> None:
        self._context = context
        self._applier: LayerApplier | None = None
        self._output: np.ndarray | None = None

    def __call__(self, job: Job) -> Job:
        if self._output is None or self._output.shape != job.source.shape:
            height_px, width_px = job.source.shape[:2]
            self._applier = LayerApplier(width_px, height_px)
            self._output = np.empty_like(job.source)
        result = self._context.run("upscale", source=job.tensors["source"], rgba=job.tensors["rgba"])
        job.output = self._applier.apply(
            job.source, result["layer"][0], result["mask"][0], job.tensors["strength"], self._output
        )
        return job

    def reset(self) -> None:
        """Nothing to forget: the buffers are filled anew each time."""

    def flush(self) -> None:
        """Gives the buffers back."""
        self._applier = self._output = None

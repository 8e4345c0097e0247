# SPDX-License-Identifier: Apache-2.0
"""flow: the frame at the working size, whether the scene was cut, and how the source moved since the last frame.

Writes job.cut and buffers source#now, moved#now, hidden#now, on the flow lane: this may run while the last frame is
still being upscaled. Called by the pipeline's thread. Invariant: after a cut, a resize or a reset no flow is given.
"""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.stages.flow import is_scene_cut
from mirage_lsd.worker.v1.frame.context import V1Context

_TINY_PX = (40, 24)


class Flow:
    """Keeps a 40x24 picture of the last frame, to see cuts."""

    name = "flow"

    def __init__(self, context: V1Context) -> None:
        self._context = context
        self._tiny: np.ndarray | None = None

    def __call__(self, job: Job) -> Job:
        program = self._context.program
        tiny = cv2.resize(job.tensors["small"], _TINY_PX, interpolation=cv2.INTER_AREA)
        job.cut = self._tiny is not None and is_scene_cut(self._tiny, tiny)
        if job.cut:
            self._context.forget()
        self._tiny = tiny
        program.run("ingest")
        if self._context.memory.latent:
            program.run("flow")
        return job

    def reset(self) -> None:
        """Forgets the stream's past; the small picture stays, so that a cut right after is still seen."""
        self._context.forget()

    def flush(self) -> None:
        """Gives the picture back."""
        self._tiny = None

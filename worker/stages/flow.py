# SPDX-License-Identifier: Apache-2.0
"""flow: how the source moved since the last frame; begins the person mask and the search for faces beside it.

Writes job.motion. Called by the worker's loop thread. Invariant: without a past in this stream (the first frame, a cut,
a resize, a reset) no motion is given, so nothing of another picture can leak into this one.
"""

from __future__ import annotations

from mirage_lsd.worker.hosts.model_context import ModelContext
from mirage_lsd.worker.models.config import LATENT_FACTOR
from mirage_lsd.worker.stages.base import FrameMotion, Job, Stage, Working
from mirage_lsd.worker.tracking.motion import Motion


class Flow(Stage[ModelContext]):
    """Keeps the last frame's working picture."""

    name = "flow"

    def __init__(self, context: ModelContext) -> None:
        super().__init__(context)
        self._last: Working | None = None
        self._search = Motion()

    def __call__(self, job: Job) -> Job:
        last, self._last = self._last, job.working
        self._context.begin_mask(job.working.rgb)
        self._context.begin_faces(job.source)
        if last is not None and self._context.history.latent is not None:
            job.motion = self._moved(last, job.working)
        return job

    def reset(self) -> None:
        """Forgets the last picture."""
        self._last = None

    flush = reset

    def _moved(self, last: Working, now: Working) -> FrameMotion:
        guess = self._search(last.grey, now.grey, self._context.shapes.cells(LATENT_FACTOR))
        moved = self._context.run("flow", previous=last.tensor, source=now.tensor, guess=guess)
        return FrameMotion(moved["flow"], moved["occlusion"], last.grey, now.grey)

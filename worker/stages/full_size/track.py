# SPDX-License-Identifier: Apache-2.0
"""track: whose faces and hands are where in the full-size source.

Writes job.sight. Called by the worker's loop thread: it waits for the eyes, which the flow and encode stages set to
work beside the nets, and carries by the flow what they lost. Invariant: after a cut or a reset nothing of earlier
frames is carried.
"""

from __future__ import annotations

from mirage_lsd.worker.hosts.model_context import ModelContext
from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.tracking.eyes.carry import carried
from mirage_lsd.worker.tracking.eyes.sight import Sight


class Track(Stage[ModelContext]):
    """Keeps the last frame's sight."""

    name = "track"

    def __init__(self, context: ModelContext) -> None:
        super().__init__(context)
        self._before: Sight | None = None

    def __call__(self, job: Job) -> Job:
        seen = self._context.end_eyes()
        job.sight = carried(None if job.cut else self._before, seen, job.motion, job.source)
        self._before = job.sight
        if len(job.sight.hands) > len(seen.hands):
            self._context.expect(job.sight)
        return job

    def reset(self) -> None:
        """Forgets the last frame."""
        self._before = None

    flush = reset

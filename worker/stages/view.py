# SPDX-License-Identifier: Apache-2.0
"""view: which part of the source the nets look at, and at which working size.

Writes job.view and job.working_px; where the view changes, also tensor unseen (f32 [1,1,h/8,w/8]: 1 where nothing is
remembered), and the history is moved along. Called by the worker's loop thread. Invariant: a live frame never waits for
an engine of another size: the view stays until that is there. A new scene needs the whole picture.
"""

from __future__ import annotations

from mirage_lsd.shared.look import KEEP
from mirage_lsd.worker.looks import look_for
from mirage_lsd.worker.models.config import LATENT_FACTOR
from mirage_lsd.worker.models.layer_box import Part
from mirage_lsd.worker.models.person_view import PersonView
from mirage_lsd.worker.models.remembered import beyond
from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.stages.context import ModelContext


class View:
    """Chooses; what it knows of the person lies in the shared context, since a scene cut ends it."""

    name = "view"

    def __init__(self, context: ModelContext) -> None:
        self._context = context

    def __call__(self, job: Job) -> Job:
        context, settings = self._context, job.settings
        height_px, width_px = job.source.shape[:2]
        if context.person_view is None or context.person_view.whole[2:] != (width_px, height_px):
            context.person_view = PersonView((width_px, height_px))
        if context.frame_px != (width_px, height_px):
            context.begin((width_px, height_px), settings.working_size)
        before = context.view
        moved = context.look_at(self._wanted(job, before), settings.working_size)
        job.view, job.working_px = context.view, context.shapes.working_px
        if moved:
            job.tensors["unseen"] = beyond(before, job.view, context.shapes.cells(LATENT_FACTOR))
        return job

    def reset(self) -> None:
        """Forgets where the person was, and all else."""
        self._context.forget()

    def flush(self) -> None:
        """Nothing of its own to give back."""

    def _wanted(self, job: Job, present: Part) -> Part:
        whole = self._context.person_view.whole
        if look_for(job.settings).conditions.scene != KEEP:
            return whole
        return self._context.person_view(self._context.person(job.source), present)

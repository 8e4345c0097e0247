# SPDX-License-Identifier: Apache-2.0
"""condition: the look's words as tokens for the nets, and as dyes for the compositor; its garment's drawing is begun.

Writes job.look. Called by the worker's loop thread. Invariant: the tokens are those of the job's own settings, so a
frame never mixes looks.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.hosts.model_context import ModelContext
from mirage_lsd.worker.models.looks import look_for
from mirage_lsd.worker.paint.dye import dyes_for
from mirage_lsd.worker.paint.garments.worn import prepare
from mirage_lsd.worker.stages.base import Job, LookTokens, Stage


class Condition(Stage[ModelContext]):
    """Keeps the tokens of the newest look, so that an unchanged look costs nothing; they hold no history."""

    name = "condition"

    def __init__(self, context: ModelContext) -> None:
        super().__init__(context)
        self._key: object = None
        self._tokens: dict[str, np.ndarray] = {}

    def __call__(self, job: Job) -> Job:
        look = look_for(job.settings)
        key = (look.conditions, self._context.shapes)
        changed = key != self._key
        dyes = dyes_for(look.conditions, job.settings.seed)
        if changed:
            prepare(dyes)
            ids, colors = look.conditions.to_tokens()
            self._tokens = self._context.run("condition", ids=ids, colors=colors)
            self._key = key
        job.look = LookTokens(**self._tokens, dyes=dyes, strength=look.strength, changed=changed,
                              edits=look.conditions.changes_person)
        return job

    def flush(self) -> None:
        """Gives the tokens back."""
        self._tokens, self._key = {}, None

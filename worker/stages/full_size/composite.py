# SPDX-License-Identifier: Apache-2.0
"""composite: the layer laid on the full-size source: dyes and patterns, then the scene or the background, then light.

Writes job.output. Called by the worker's loop thread. Invariant: at strength 0 the output is the source, bit by bit.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.hosts.model_context import ModelContext
from mirage_lsd.worker.paint.apply_layer import LayerApplier
from mirage_lsd.worker.paint.background.own_place import OwnPlace
from mirage_lsd.worker.paint.background.scenes import ScenePictures, put_behind
from mirage_lsd.worker.paint.light import LightGrade
from mirage_lsd.worker.stages.base import Job, Stage


class Composite(Stage[ModelContext]):
    """Keeps one picture's buffers, the scene picture and light of the newest look at that size, and the matte."""

    name = "composite"

    def __init__(self, context: ModelContext | None = None) -> None:
        super().__init__(context)
        self._scenes, self._own_place = ScenePictures(), OwnPlace()
        self._applier: LayerApplier | None = None
        self._light: LightGrade | None = None
        self._output: np.ndarray | None = None

    def __call__(self, job: Job) -> Job:
        width_px, height_px = size_px = job.source.shape[1::-1]
        if self._output is None or self._output.shape != job.source.shape:
            self._applier, self._light = LayerApplier(width_px, height_px), LightGrade(width_px, height_px)
            self._output = np.empty_like(job.source)
        dyes, strength, scene = job.look.dyes, job.look.strength, job.edit.behind
        if job.motion is None:
            self._own_place.reset()
        if dyes.scene and not dyes.takes_place_away:
            scene = self._scenes.fitted(dyes.scene, dyes.variant, size_px)
        job.output = self._applier.apply(job.source, job.edit.fine, dyes, strength, scene, self._output)
        if dyes.takes_place_away:
            self._own_place(job.output, job.source, job.encoded.person_mask[0, 0], job.edit.maps, job.look)
        elif dyes.scene:
            put_behind(job.output, scene, strength)
        if dyes.light:
            self._light.apply(job.output, dyes.light, strength)
        return job

    def reset(self) -> None:
        """Forgets the matte; the buffers are filled anew each time."""
        self._own_place.reset()

    def flush(self) -> None:
        """Gives the buffers back."""
        self._applier = self._light = self._output = None
        self._own_place = OwnPlace()

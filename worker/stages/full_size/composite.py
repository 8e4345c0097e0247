# SPDX-License-Identifier: Apache-2.0
"""composite: the layer laid on the full-size source: dyes and patterns, then the scene or the background, then light.

Writes job.output. Called by the worker's loop thread. Invariant: at strength 0 the output is the source, bit by bit.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.hosts.model_context import ModelContext
from mirage_lsd.worker.paint.apply_layer import LayerApplier
from mirage_lsd.worker.paint.light import LightGrade
from mirage_lsd.worker.paint.scenes import ScenePictures, put_behind
from mirage_lsd.worker.stages.base import Job, Stage


class Composite(Stage[ModelContext]):
    """Keeps one picture's buffers, the scene picture and light of the newest look at that size."""

    name = "composite"

    def __init__(self, context: ModelContext | None = None) -> None:
        super().__init__(context)
        self._scenes = ScenePictures()
        self._applier: LayerApplier | None = None
        self._light: LightGrade | None = None
        self._output: np.ndarray | None = None

    def __call__(self, job: Job) -> Job:
        width_px, height_px = size_px = job.source.shape[1::-1]
        if self._output is None or self._output.shape != job.source.shape:
            self._applier, self._light = LayerApplier(width_px, height_px), LightGrade(width_px, height_px)
            self._output = np.empty_like(job.source)
        maps, dyes, strength = job.edit.maps, job.look.dyes, job.look.strength
        scene = self._scenes.fitted(dyes.scene, dyes.variant, size_px) if dyes.scene else job.edit.behind
        job.output = self._applier.apply(job.source, maps, dyes, strength, scene, self._output)
        if dyes.scene:
            put_behind(job.output, scene, strength)
        if dyes.light:
            self._light.apply(job.output, dyes.light, strength)
        return job

    def flush(self) -> None:
        """Gives the buffers back."""
        self._applier = self._light = self._output = None

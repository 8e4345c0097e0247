# SPDX-License-Identifier: Apache-2.0
"""refine: the maps at the fine size: what stays, where cloth ends, in which light, as the source itself shows it.

Writes job.edit.maps and job.edit.behind. Called by the worker's loop thread. Invariant: what no word asks to change is in no map.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mirage_lsd.worker.hosts.model_context import ModelContext
from mirage_lsd.worker.paint.apply_layer import scene_box
from mirage_lsd.worker.paint.behind import Behind, background_share, person_seen, uncovering
from mirage_lsd.worker.paint.detail.refined import Refiner
from mirage_lsd.worker.paint.layer_band import SCENE, LayerMaps
from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.tracking.eyes.sight import Sight


class Refine(Stage[ModelContext]):
    """Keeps what was seen of the background, and the person's colours."""

    name = "refine"

    def __init__(self, context: ModelContext | None = None) -> None:
        super().__init__(context)
        self._behind, self._refiner = Behind(), Refiner()

    def __call__(self, job: Job) -> Job:
        maps = job.edit.maps
        self._behind.follow(None if job.motion is None else job.motion.flow[0], job.encoded.background)
        if not job.look.dyes.scene:
            maps, job.edit.behind = self._uncovered(job, maps) if job.look.dyes.uncovers else (covering(maps), None)
        sight = job.sight or Sight()
        job.edit.maps = self._refiner(job.source, job.working.rgb, maps, job.encoded, sight, job.look.dyes)
        return job

    def reset(self) -> None:
        """Forgets the background and the person."""
        self._behind.reset()
        self._refiner.reset()

    def flush(self) -> None:
        """Gives the buffers back."""
        self._behind, self._refiner = Behind(), Refiner()

    def _uncovered(self, job: Job, maps: LayerMaps) -> tuple[LayerMaps, np.ndarray | None]:
        """The maps where the words keep the scene, and the source's own background u8 [H,W,3] BGR if they show it."""
        size_px = job.source.shape[1::-1]
        if scene_box(maps, size_px) is None:
            return maps, None
        share = background_share(person_seen(job.encoded.person_mask[0, 0], job.encoded.background))
        maps = uncovering(maps, share)
        box = scene_box(maps, size_px)
        return maps, box and self._behind(job.source, job.working.rgb, share, box)


def covering(maps: LayerMaps) -> LayerMaps:
    """Maps that uncover nothing."""
    mask, shares = maps.mask.copy(), maps.shares.copy()
    mask[1:] *= 1.0 - shares[SCENE]
    shares[SCENE] = 0.0
    return replace(maps, mask=mask, shares=shares)

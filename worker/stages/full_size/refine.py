# SPDX-License-Identifier: Apache-2.0
"""refine: the maps at the fine size: what stays, where cloth ends, in which light, as the source itself shows it.

Writes job.edit.fine, job.edit.behind and job.remark. Called by the worker's loop thread. Invariant: what no word asks
to change, and whoever is not restyled, is in no map.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mirage_lsd.shared.messages.settings import EVERYONE
from mirage_lsd.worker.hosts.model_context import ModelContext
from mirage_lsd.worker.paint.apply_layer import scene_box
from mirage_lsd.worker.paint.background.behind import Behind, background_share, person_seen, uncovering
from mirage_lsd.worker.paint.detail.refined import Refiner
from mirage_lsd.worker.paint.layer_maps import SCENE, LayerMaps
from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.tracking.eyes.sight import Sight
from mirage_lsd.worker.tracking.who.whom import Whom, for_chosen


class Refine(Stage[ModelContext]):
    """Keeps what was seen of the background, the person's colours, and who is restyled."""

    name = "refine"

    def __init__(self, context: ModelContext | None = None) -> None:
        super().__init__(context)
        self._behind, self._refiner, self._whom = Behind(), Refiner(), Whom()
        self._asked: tuple[str, float, float] | None = None

    def __call__(self, job: Job) -> Job:
        person = person_seen(job.encoded.person_mask[0, 0], job.encoded.background)
        share = self._chosen(job, person)
        asked = (job.settings.who, job.settings.who_x, job.settings.who_y)
        if job.motion is None:
            self._refiner.reset()
        elif job.look.changed or asked != self._asked:
            self._refiner.changed()
        self._asked = asked
        maps, scene = job.edit.maps, bool(job.look.dyes.scene)
        if share is not None:
            maps = for_chosen(maps, share, person, scene)
        self._behind.follow(None if job.motion is None else job.motion.flow[0], job.encoded.background)
        dyes = job.look.dyes
        if dyes.takes_place_away and not job.look.edits:
            maps = replace(maps, mask=np.zeros_like(maps.mask))
        elif not scene and dyes.uncovers:
            maps, job.edit.behind = self._uncovered(job, maps, person)
        elif not scene or dyes.takes_place_away:
            maps = covering(maps)
        sight = job.sight or Sight()
        job.edit.fine = self._refiner(job.source, job.working.rgb, maps, job.encoded, sight, dyes, share)
        return job

    def reset(self) -> None:
        """Forgets the background and the person."""
        self._behind.reset()
        self._refiner.reset()
        self._whom.reset()

    def flush(self) -> None:
        """Gives the buffers back."""
        self._behind, self._refiner = Behind(), Refiner()
        self._whom.flush()

    def _chosen(self, job: Job, person: np.ndarray) -> np.ndarray | None:
        """f32 [h,w] 0..1: the share of each pixel that is theirs who are restyled; None: everybody's is."""
        if job.settings.who == EVERYONE:
            self._whom.reset()
            return None
        motion = None if job.motion is None else job.motion.stacked()
        size_px = np.float32(job.source.shape[1::-1])
        faces = [face.points_px / size_px for face in job.sight.faces] if job.sight else []
        share = self._whom(job.settings, person, job.working.rgb, motion, faces)
        job.remark = self._whom.remark
        return share

    def _uncovered(self, job: Job, maps: LayerMaps, person: np.ndarray) -> tuple[LayerMaps, np.ndarray | None]:
        """The maps where the words keep the scene, and the source's own background u8 [H,W,3] BGR if they show it."""
        size_px = job.source.shape[1::-1]
        if scene_box(maps, size_px) is None:
            return maps, None
        share = background_share(person)
        maps = uncovering(maps, share)
        box = scene_box(maps, size_px)
        return maps, box and self._behind(job.source, job.working.rgb, share, box)


def covering(maps: LayerMaps) -> LayerMaps:
    """Maps that uncover nothing."""
    mask, shares = maps.mask.copy(), maps.shares.copy()
    mask[1:] *= 1.0 - shares[SCENE]
    shares[SCENE] = 0.0
    return replace(maps, mask=mask, shares=shares)

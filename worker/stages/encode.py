# SPDX-License-Identifier: Apache-2.0
"""encode: source picture + person mask → source features, region probabilities and the body surface.

Writes tensors person_mask, s8, s16, s32, regions, x4, surface (as seen in this frame alone) and seen (bool [h/8,w/8]:
where somebody was seen of late; none where the host does not look for people). Called by the worker's loop thread. It
tells the context where the person is, which the next frame's mask is begun with. Invariant: whom only the parsing finds
is looked at anew before they are nobody.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.stages.context import ModelContext
from mirage_lsd.worker.tracking.person_follow import LOOKS
from mirage_lsd.worker.tracking.person_memory import PersonMemory
from mirage_lsd.worker.tracking.sightings import Sightings, parsed_cells, unseen

LOOK_AGAIN = 2  # frames between looks at somebody whom only the parsing finds; each costs some 4 ms


class Encode:
    """Waits for the person mask that the flow stage began, holds what it lost, and runs the source encoder."""

    name = "encode"

    def __init__(self, context: ModelContext) -> None:
        self._context = context
        self._memory, self._sightings = PersonMemory(), Sightings()
        self._frames = self._looked = 0

    def __call__(self, job: Job) -> Job:
        seen_mask, working, motion = self._context.end_mask(), job.tensors["working"], motion_of(job)
        mask = self._memory(seen_mask, working, motion)
        person_mask = np.ascontiguousarray(mask, np.float32)[None, None]
        features = self._context.run("encode", source=job.tensors["source"], person_mask=person_mask)
        background = features["regions"][0, 0]
        self._sightings.follow(seen_mask, working, motion, background.shape[::-1])
        if self._context.host.looks_for_people:
            parsed = parsed_cells(background)
            self._sightings.presume(background)
            self._look_again(working, parsed)
            job.tensors["seen"] = self._sightings.cells
            if not job.tensors["seen"].any():  # else the nets' own thought would hold on to nobody, as mask and box
                background = np.ones_like(background)
        self._memory.saw(mask, background)
        self._context.saw(mask, background)
        job.tensors.update(features, person_mask=person_mask)
        return job

    def _look_again(self, working: np.ndarray, parsed: np.ndarray) -> None:
        """At whom only the parsing finds, in cells bool [h/8,w/8], before they count as nobody."""
        self._frames += 1
        for turn in self._turns():
            nobody = unseen(parsed, self._sightings.cells)
            if nobody.any():
                self._looked = self._frames
                self._sightings.look(self._context.look_at(working, nobody, turn), nobody)

    def _turns(self) -> list[int]:
        """The ways to look this time: at the first such frame all of them, later one now and then."""
        if self._looked == 0:
            return list(range(LOOKS))
        since = self._frames - self._looked
        return [self._frames // LOOK_AGAIN % LOOKS] if since >= LOOK_AGAIN else []

    def reset(self) -> None:
        """Forgets the person."""
        self._memory.reset()
        self._sightings.reset()
        self._looked = 0

    def flush(self) -> None:
        """Forgets the person."""
        self.reset()


def motion_of(job: Job) -> np.ndarray | None:
    """The job's flow and occlusion as one f32 [3,h/8,w/8], or None after a cut."""
    if "flow" not in job.tensors:
        return None
    return np.concatenate((job.tensors["flow"][0], job.tensors["occlusion"][0]))

# SPDX-License-Identifier: Apache-2.0
"""encode: source picture + person mask → source features, region probabilities and the body surface.

Writes job.encoded. Called by the worker's loop thread. It begins the search for hands, which the next stages leave a
core to, and tells the context where the person is, which the next frame's mask is begun with. Invariant: whom only the
parsing finds is looked at anew before they are nobody.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.hosts.model_context import ModelContext
from mirage_lsd.worker.stages.base import Encoded, Job, Stage
from mirage_lsd.worker.tracking.person_follow import LOOKS
from mirage_lsd.worker.tracking.person_memory import PersonMemory
from mirage_lsd.worker.tracking.sightings import Sightings, parsed_cells, unseen

LOOK_AGAIN = 2  # frames between looks at somebody whom only the parsing finds; each costs some 4 ms


class Encode(Stage[ModelContext]):
    """Waits for the person mask that the flow stage began, holds what it lost, and runs the source encoder."""

    name = "encode"

    def __init__(self, context: ModelContext) -> None:
        super().__init__(context)
        self._memory, self._sightings = PersonMemory(), Sightings()
        self._frames = self._looked = 0

    def __call__(self, job: Job) -> Job:
        working, motion = job.working, None if job.motion is None else job.motion.stacked()
        seen_mask = self._context.end_mask()
        mask = self._memory(seen_mask, working.rgb, motion)
        person_mask = np.ascontiguousarray(mask, np.float32)[None, None]
        features = self._context.run("encode", source=working.tensor, person_mask=person_mask)
        self._context.begin_hands(job.source)
        background = features["regions"][0, 0]
        self._sightings.follow(seen_mask, working.rgb, motion, background.shape[::-1])
        seen = self._seen(working.rgb, background) if self._context.host.looks_for_people else None
        if seen is not None and not seen.any():  # else the nets' own thought would hold on to nobody, as mask and box
            background = np.ones_like(background)
        self._memory.observe(mask, background)
        self._context.observe(mask, background)
        job.encoded = Encoded(person_mask, **features, seen=seen)
        return job

    def reset(self) -> None:
        """Forgets the person."""
        self._memory.reset()
        self._sightings.reset()
        self._looked = 0

    flush = reset

    def _seen(self, rgb: np.ndarray, background: np.ndarray) -> np.ndarray:
        """bool [rows, columns]: where somebody was seen of late. rgb: uint8 [h, w, 3]; background: see Encoded."""
        self._sightings.presume(background)
        self._look_again(rgb, parsed_cells(background))
        return self._sightings.cells

    def _look_again(self, rgb: np.ndarray, parsed: np.ndarray) -> None:
        """At whom only the parsing finds, in cells bool [rows, columns], before they count as nobody."""
        self._frames += 1
        for turn in self._turns():
            nobody = unseen(parsed, self._sightings.cells)
            if nobody.any():
                self._looked = self._frames
                self._sightings.look(self._context.look_at(rgb, nobody, turn), nobody)

    def _turns(self) -> list[int]:
        """The ways to look this time: at the first such frame all of them, later one now and then."""
        if self._looked == 0:
            return list(range(LOOKS))
        since = self._frames - self._looked
        return [self._frames // LOOK_AGAIN % LOOKS] if since >= LOOK_AGAIN else []

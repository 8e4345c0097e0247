# SPDX-License-Identifier: Apache-2.0
"""encode: source picture + person mask → the source's latent, and where the edit may show.

Sends the frame's numbers ahead. Writes buffers source_latent, edit_mask, matte#now and the numbers. Called by the
pipeline's thread.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.v1.frame.context import V1Context
from mirage_lsd.worker.v1.graphs.shapes import PERSON_MASK_PX

_EVERYWHERE = np.ones(PERSON_MASK_PX[::-1], np.float32)


class Encode(Stage[V1Context]):
    """Runs the encoder; the person segmenter only where the edit is limited to a region."""

    name = "encode"

    def __call__(self, job: Job) -> Job:
        context, program = self._context, self._context.program
        program.numbers.fill(program.turn, context.numbers())
        turn = program.turn
        program.do("diffusion", self.name, lambda: program.numbers.upload(turn), writes=program.numbers.views)
        everywhere = context.prompt.look.control.region == "everything"
        mask = _EVERYWHERE if everywhere else context.masks.latest(job.working.rgb)
        program.stage_in("diffusion", self.name, "person_mask", np.ascontiguousarray(mask, np.float32))
        program.run("encode")
        return job

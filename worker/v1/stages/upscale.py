# SPDX-License-Identifier: Apache-2.0
"""upscale: picture at the working size + full-size source → the finished frame, on a lane of its own.

Writes buffers strength#now, output#now and job.output (that buffer). Called by the pipeline's thread. Invariant: at
strength 0 the output is the source, bit by bit.
"""

from __future__ import annotations

from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.v1.frame.context import V1Context


class Upscale(Stage[V1Context]):
    """Runs the super-resolution graph; the next frame's flow may run beside it."""

    name = "upscale"

    def __call__(self, job: Job) -> Job:
        program = self._context.program
        program.stage_in("copy_in", "upload", "strength#now", self._context.prompt.look.control.strength_input())
        program.run("upscale")
        job.output = program["output#now"]
        return job

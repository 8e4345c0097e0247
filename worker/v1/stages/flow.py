# SPDX-License-Identifier: Apache-2.0
"""flow: how the source moved since the last frame.

Writes buffers moved#now and hidden#now, on the flow lane: this may run while the last frame is still being upscaled.
Called by the pipeline's thread. Invariant: after a cut, a resize or a reset no flow is estimated.
"""

from __future__ import annotations

from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.v1.frame.context import V1Context


class Flow(Stage[V1Context]):
    """Runs the flow net; the last frame's picture lies in the program's buffers."""

    name = "flow"

    def __call__(self, job: Job) -> Job:
        if self._context.memory.latent:
            self._context.program.run("flow")
        return job

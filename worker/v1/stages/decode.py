# SPDX-License-Identifier: Apache-2.0
"""decode: clean latent → picture at the working size, on the diffusion lane.

Writes buffer picture#now. Called by the pipeline's thread. Stateless.
"""

from __future__ import annotations

from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.v1.frame.context import V1Context


class Decode(Stage[V1Context]):
    """Runs the tiny autoencoder's decoder."""

    name = "decode"

    def __call__(self, job: Job) -> Job:
        self._context.program.run("decode")
        return job

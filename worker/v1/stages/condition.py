# SPDX-License-Identifier: Apache-2.0
"""condition: the prompt's tokens.

Writes buffer tokens. Called by the pipeline's thread. Invariant: a prompt still being read leaves the last one's
tokens.
"""

from __future__ import annotations

from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.v1.frame.context import V1Context


class Condition(Stage[V1Context]):
    """Copies tokens only when they are others."""

    name = "condition"

    def __call__(self, job: Job) -> Job:
        program, tokens = self._context.program, self._context.prompt.take_tokens()
        if tokens is not None:
            target = program["tokens"]
            program.do("diffusion", self.name, lambda: target.copy_(tokens, non_blocking=True), writes=["tokens"])
        return job

# SPDX-License-Identifier: Apache-2.0
"""warp: the stream's hidden state and noise, moved to where this frame needs them.

Writes buffers flow, occlusion, fresh, noise, warped_latent, warped_noise and the caches c8.., kv8... Called by the
pipeline's thread. Invariant: with the first frame of another prompt the caches of the old look are not used.
"""

from __future__ import annotations

from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.v1.frame.context import V1Context
from mirage_lsd.worker.v1.frame.wiring import inputs_of, is_cache


class Warp(Stage[V1Context]):
    """Runs the warp; the past itself lies in the program's buffers."""

    name = "warp"

    def __call__(self, job: Job) -> Job:
        context, program = self._context, self._context.program
        program.stage_in("diffusion", self.name, "fresh", context.noise.fresh())
        if context.memory.latent:
            program.copy(self.name, [("moved#now", "flow"), ("hidden#now", "occlusion")])
            program.run("warp")
            program.copy(self.name, [("warped_noise", "noise")])
        else:
            self._start_afresh()
        return job

    def _start_afresh(self) -> None:
        program = self._context.program
        caches = [name for name in inputs_of(program.graphs.specs["denoise"]).values() if is_cache(name)]
        zeroed = [*caches, "warped_latent", "flow"]

        def work() -> None:
            for name in zeroed:
                program[name].zero_()
            program["occlusion"].fill_(1.0)
            program["noise"].copy_(program["fresh"])

        program.do("diffusion", self.name, work, ["fresh"], [*zeroed, "occlusion", "noise"])

# SPDX-License-Identifier: Apache-2.0
"""denoise: the source's latent and the moved last picture, noised → clean latent, in 1 to 5 steps.

Writes buffers latent, kept_latent, the caches' NAME_out and the anchors. Called by the pipeline's thread. Invariant:
every step reads the same warped caches; what the last step leaves is the next frame's past.
"""

from __future__ import annotations

from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.v1.frame.context import ANCHOR_EVERY_FRAMES, V1Context
from mirage_lsd.worker.v1.graphs.graphs import anchor_names


class Denoise(Stage[V1Context]):
    """Runs one captured graph for every step; its numbers are copied in between."""

    name = "denoise"

    def __call__(self, job: Job) -> Job:
        program, steps = self._context.program, len(self._context.plan.timesteps)
        program.run("start")
        for number in range(steps):
            self._choose_step(number)
            program.run("denoise")
            if number + 1 < steps:
                program.copy(self.name, [("kept_latent", "latent")])
        program.watch(self.name, "kept_latent")
        self._remember()
        return job

    def _choose_step(self, number: int) -> None:
        program = self._context.program

        def work() -> None:
            for name in ("step", "timestep"):
                program[name].copy_(program[f"{name}_table"][number])

        program.do("diffusion", self.name, work, ["step_table", "timestep_table"], ["step", "timestep"])

    def _remember(self) -> None:
        memory, program = self._context.memory, self._context.program
        anchors = anchor_names(self._context.host.config)
        if memory.frames % ANCHOR_EVERY_FRAMES == 0 or not memory.anchor:
            program.copy(self.name, [(f"{cache}_out", anchor) for anchor, cache in anchors.items()])
        memory.latent = memory.caches = memory.anchor = True
        memory.frames += 1

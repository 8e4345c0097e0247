# SPDX-License-Identifier: Apache-2.0
"""fade: a new look comes up over the last picture of the old one, in the time its settings give.

Changes buffer output#now, on the upscale lane; keeps buffer old_picture. Called by the pipeline's thread. Invariants as
of stages/fade.py: each frame is rendered once, in the new look; the old picture moves along with the source.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from mirage_lsd.worker.models.nets.blocks import warp_by_flow
from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.timing import NS_PER_MS
from mirage_lsd.worker.v1.frame.context import V1Context

OLD = "old_picture"


class Fade(Stage[V1Context]):
    """Remembers which look was shown; the pictures stay on the device."""

    name = "fade"

    def __init__(self, context: V1Context) -> None:
        super().__init__(context)
        self._look: object = None
        self._shown: object = None
        self._last_ns = self._began_ns = 0
        self._fading = False

    def __call__(self, job: Job) -> Job:
        program, look = self._context.program, (job.settings.layers, job.settings.prompt)
        if job.cut:
            self.reset()
        if look != self._look and job.settings.fade_ms and self._shown is program:
            self._begin()
        if self._fading:
            self._blend(job)
        self._look, self._shown, self._last_ns = look, program, job.header.timestamp_ns
        return job

    def reset(self) -> None:
        """A new size, another scene or a stream that starts afresh: there is nothing to fade from."""
        self._fading, self._shown = False, None

    flush = reset  # the picture belongs to the program

    def _begin(self) -> None:
        program = self._context.program
        if OLD not in program.buffers:
            program.buffers[OLD] = torch.zeros(program["output#before"].shape, device=program.graphs.device)
            program.lanes.settle()
        program.copy(self.name, [("output#before", OLD)], lane="upscale")
        self._fading = True
        self._began_ns = self._last_ns  # so that the first frame already wears some of it

    def _blend(self, job: Job) -> None:
        program = self._context.program
        share = (job.header.timestamp_ns - self._began_ns) / (job.settings.fade_ms * NS_PER_MS or 1)
        if share >= 1.0 or self._shown is not program:
            self._fading = False
            return
        old, output, flow = program[OLD], program["output#now"], program["moved#now"]
        moves = self._context.memory.frames > 1

        def work() -> None:
            if moves:
                old.copy_(moved(old, flow))
            output.copy_(torch.lerp(old, output.float(), share).round_())

        touched = [OLD, "output#now"]
        program.do("upscale", self.name, work, reads=[*touched, "moved#now"], writes=touched)


def moved(picture: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """picture float [H,W,4], flow [1,2,rows,columns] in cells → the picture moved along with it."""
    height, width = picture.shape[:2]
    full = F.interpolate(flow, size=(height, width), mode="bilinear", align_corners=False)
    full = torch.cat([full[:, :1] * (width / flow.shape[3]), full[:, 1:] * (height / flow.shape[2])], dim=1)
    return warp_by_flow(picture.permute(2, 0, 1)[None], full)[0].permute(1, 2, 0)

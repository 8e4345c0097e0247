# SPDX-License-Identifier: Apache-2.0
"""Stage 6: the time-steps alone, through the unrolled sampler, with every net as it will be live.

While the nets learn, which get used to the steps that they are given, the steps hardly move; afterwards they still can.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn

from mirage_lsd.worker.models.nets.tiny import MirageTiny
from mirage_lsd.worker.train.runs import Stage, StageRun
from mirage_lsd.worker.train.stages.stream import STEPS, stream_losses, stream_nets, stream_sheet


def train_schedule(model: MirageTiny, stage: Stage) -> None:
    """Train `model.gaps` on the losses of streams; all else is held."""
    nets = stream_nets(model.eval())
    nets.requires_grad_(False)
    model.gaps.requires_grad_(True)
    run = StageRun(stage, "schedule", nn.ModuleList([model.gaps]))
    generator = run.generator()

    def losses(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        steps = STEPS[int(torch.randint(0, len(STEPS), (), generator=generator))]
        return stream_losses(model, batch, steps, generator)

    run.learn(6, losses, lambda batch: stream_sheet(model, batch))
    nets.requires_grad_(True)

# SPDX-License-Identifier: Apache-2.0
"""Stage 2: FlowNet-lite, on true motion of people and cameras.

It starts from first flows as live (tracking/motion.py), and from its own match.
"""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mirage_lsd.worker.models.nets.blocks import warp_by_flow
from mirage_lsd.worker.models.nets.tiny import MirageTiny
from mirage_lsd.worker.tracking.motion import Motion
from mirage_lsd.worker.train.learning.losses import flow_losses, motion_loss
from mirage_lsd.worker.train.runs import Stage, StageRun, tile

# How much of the learned correction is kept: rendered training pictures are softer than a camera's, on which the search
# needs less correction (held-out clips at full size, error .015 cells as searched, .021 as corrected in full).
TRUST = 0.5


def train_flow(model: MirageTiny, stage: Stage) -> None:
    """Train model.flow and freeze it."""
    run = StageRun(stage, "flow", model.flow)
    motion = Motion()

    def losses(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        model.flow.train()
        return both_losses(model, batch, motion)

    run.learn(2, losses, lambda batch: flow_sheet(model, batch))
    model.flow.eval()
    with torch.no_grad():
        model.flow.refine[-1].weight[:2] *= TRUST
        model.flow.refine[-1].bias[:2] *= TRUST
    for parameter in model.flow.parameters():
        parameter.requires_grad_(False)


def both_losses(model: MirageTiny, batch: dict[str, Tensor], motion: Motion) -> dict[str, Tensor]:
    """Losses from a first flow by search and from the net's own match, which itself is taught too."""
    source, wanted = batch["source"], (batch["flow"][:, 1], batch["occlusion"][:, 1])
    before, now = model.flow.seen(source[:, 0], source[:, 1])
    searched = flow_losses(*model.flow.refined(before, now, search(motion, source)), *wanted)
    match = model.flow.match(before, now)
    matched = flow_losses(*model.flow.refined(before, now, match), *wanted)
    total = {name: value + 0.5 * matched[name] for name, value in searched.items()}
    return {**total, "match": 0.5 * motion_loss(match, *wanted)}


def search(motion: Motion, source: Tensor) -> Tensor:
    """First flows [B,2,H/8,W/8] between the first two of source [B,T,3,H,W], searched for as live."""
    cells = source.shape[3] // 8, source.shape[4] // 8
    grey = (source[:, :2] * source.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=2)
    pictures = (grey * 255.0 + 0.5).clamp(0, 255).byte().numpy()
    return torch.from_numpy(np.concatenate([motion(before, now, cells) for before, now in pictures]))


def flow_sheet(model: MirageTiny, batch: dict[str, Tensor]) -> np.ndarray:
    """Now, difference to before, difference to warped before, true and estimated flow."""
    before, now = batch["source"][:5, 0], batch["source"][:5, 1]
    model.flow.eval()
    with torch.no_grad():
        flow, occlusion = model.flow(before, now, search(Motion(), batch["source"][:5]))
    size = now.shape[2:]
    full = F.interpolate(flow, size=size, mode="bilinear", align_corners=False) * 8.0
    moved = warp_by_flow(before, full)
    shown = [F.interpolate(torch.cat([item, gone], 1), size=size, mode="nearest")
             for item, gone in ((batch["flow"][:5, 1] * 0.5 + 0.5, batch["occlusion"][:5, 1]),
                                (flow * 0.5 + 0.5, occlusion))]
    return tile([now, (now - before).abs() * 3, (now - moved).abs() * 3, *shown])

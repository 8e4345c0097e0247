# SPDX-License-Identifier: Apache-2.0
"""How bodies move, learned: the flow on the person corrected by what both pictures say and where on the body it is.

Plain cloth shows no motion inside, and its shading stays with the light while the cloth moves; outlines, face, hands
and folds do show it. The net has seen which motion of the whole goes with them. Live it is the graph "motion", between
FlowNet-lite (flow.py) and everything that is moved along (latent, caches, surface, layer).
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirage_lsd.worker.models.config import REGIONS, SURFACE, TinyConfig
from mirage_lsd.worker.models.nets.blocks import PlainBlock, conv_norm
from mirage_lsd.worker.tracking.motion_evidence import SUB, TENTHS, TERMS


class BodyMotion(nn.Module):
    """flow [B,2,h,w] in cells, evidence [B,28,h,w] of it (motion_evidence.py), regions [B,8,h,w] and surface
    [B,3,2h,2w] as the source encoder gives them -> flow [B,2,h,w] in cells."""

    def __init__(self, config: TinyConfig):
        super().__init__()
        one, two, four = config.motion
        self.enter = conv_norm(2 + TERMS * SUB * SUB + len(REGIONS) + len(SURFACE), one)
        self.at1 = PlainBlock(one)
        self.down2 = conv_norm(one, two, 2)
        self.at2 = PlainBlock(two)
        self.down4 = conv_norm(two, four, 2)
        self.at4 = nn.Sequential(PlainBlock(four), PlainBlock(four))
        self.whole = nn.Linear(four, four)
        self.up2 = nn.Conv2d(four, two, 1)
        self.fuse2 = PlainBlock(two)
        self.up1 = nn.Conv2d(two, one, 1)
        self.fuse1 = PlainBlock(one)
        self.leave = nn.Conv2d(one, 2, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, flow: Tensor, evidence: Tensor, regions: Tensor, surface: Tensor) -> Tensor:
        given = torch.cat([flow * TENTHS, evidence, regions, F.avg_pool2d(surface, 2)], dim=1)
        x1 = self.at1(self.enter(given))
        x2 = self.at2(self.down2(x1))
        x4 = self.at4(self.down4(x2))
        x4 = x4 + self.whole(x4.flatten(2).mean(dim=2))[:, :, None, None]
        x2 = self.fuse2(x2 + F.interpolate(self.up2(x4), scale_factor=2.0, mode="nearest"))
        x1 = self.fuse1(x1 + F.interpolate(self.up1(x2), scale_factor=2.0, mode="nearest"))
        return flow + self.leave(x1) / TENTHS

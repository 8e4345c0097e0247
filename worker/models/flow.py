# SPDX-License-Identifier: Apache-2.0
"""FlowNet-lite: where was each cell of this source frame in the frame before, and was it visible.

Matching by softmax over all cells with a learned preference for small motion gives a first flow even
for textures never seen in training; a small net then refines it to parts of a cell.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirage_lsd.worker.models.blocks import as_tokens, conv_norm, warp_by_flow
from mirage_lsd.worker.models.config import TinyConfig


class FlowNet(nn.Module):
    """previous, source [B,3,H,W] 0..1 -> flow [B,2,H/8,W/8] in cells (now -> before), occlusion [B,1,..] 0..1."""

    def __init__(self, config: TinyConfig):
        super().__init__()
        width = config.flow
        self.features = nn.Sequential(conv_norm(3, 16), conv_norm(16, width, 2), conv_norm(width, width),
                                      nn.Conv2d(width, width, 1))
        self.log_sharpness = nn.Parameter(torch.tensor([3.0]))
        self.log_reach = nn.Parameter(torch.tensor([0.7]))
        self.refine = nn.Sequential(conv_norm(2 * width + 4, 32), conv_norm(32, 24),
                                    nn.Conv2d(24, 3, 3, padding=1))

    def forward(self, previous: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        flow, logit = self.raw(previous, source)
        return flow, torch.sigmoid(logit)

    def raw(self, previous: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """Flow and the occlusion LOGIT."""
        before, now = (self.features((F.avg_pool2d(x, 4) - 0.5) * 3) for x in (previous, source))
        coarse, confidence, difference = self.match(now, before)
        moved = warp_by_flow(before, coarse)
        out = self.refine(torch.cat([now, now - moved, coarse, confidence, difference], dim=1))
        return coarse + out[:, :2], out[:, 2:]

    def match(self, now: Tensor, before: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Soft-argmax flow [B,2,h,w], the sharpness of the match [B,1,h,w], and how unlike stillness it is."""
        batch, _, height, width = now.shape
        a, b = (F.normalize(as_tokens(x), dim=2) for x in (now, before))
        places = cell_places(height, width, now)
        distance = (places[:, None] - places[None]).square().sum(dim=2)
        similarity = a @ b.transpose(1, 2)
        scores = similarity * self.log_sharpness.exp() - distance * torch.exp(-2 * self.log_reach)
        weights = scores.softmax(dim=2)
        flow = (weights @ places - places).transpose(1, 2).reshape(batch, 2, height, width)
        confidence = weights.square().sum(dim=2).reshape(batch, 1, height, width)
        still = (a * b).sum(dim=2).reshape(batch, 1, height, width)
        return flow, confidence, still


def cell_places(height: int, width: int, like: Tensor) -> Tensor:
    """(x, y) of every cell, [height*width, 2], in cells."""
    rows = torch.arange(height, dtype=like.dtype, device=like.device)
    columns = torch.arange(width, dtype=like.dtype, device=like.device)
    return torch.stack([columns[None].expand(height, width), rows[:, None].expand(height, width)], 2).reshape(-1, 2)

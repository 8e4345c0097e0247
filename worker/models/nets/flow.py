# SPDX-License-Identifier: Apache-2.0
"""FlowNet-lite: where was each cell of this source frame in the frame before, and was it visible.

It starts from a first flow and refines it: what the frame before, moved by it, still lacks says where it is wrong and
what was hidden. Live, the first flow is that of OpenCV's inverse search (tracking/motion.py), which finds the parts of
a pixel that cells of 8 px do not show. Where everything runs on a graphics card (mirage-lsd-v1), it is the net's own
`match`: softmax over all cells with a learned preference for small motion, which works for textures never seen before.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirage_lsd.worker.models.config import TinyConfig
from mirage_lsd.worker.models.nets.blocks import as_tokens, conv_norm, warp_by_flow


class FlowNet(nn.Module):
    """previous, source [B,3,H,W] 0..1, guess [B,2,H/8,W/8]: a first flow in cells (now -> before) -> flow [B,2,H/8,W/8]
    in cells, occlusion [B,1,..] 0..1."""

    def __init__(self, config: TinyConfig):
        super().__init__()
        width = config.flow
        self.features = nn.Sequential(conv_norm(3, 16), conv_norm(16, width, 2), conv_norm(width, width),
                                      nn.Conv2d(width, width, 1))
        self.log_sharpness = nn.Parameter(torch.tensor([3.0]))
        self.log_reach = nn.Parameter(torch.tensor([0.7]))
        self.refine = nn.Sequential(conv_norm(2 * width + 2, 32), conv_norm(32, 24),
                                    nn.Conv2d(24, 3, 3, padding=1))

    def forward(self, previous: Tensor, source: Tensor, guess: Tensor) -> tuple[Tensor, Tensor]:
        flow, logit = self.refined(*self.seen(previous, source), guess)
        return flow, torch.sigmoid(logit)

    def seen(self, previous: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """Features [B,C,H/8,W/8] of both pictures."""
        return tuple(self.features((F.avg_pool2d(x, 4) - 0.5) * 3) for x in (previous, source))

    def refined(self, before: Tensor, now: Tensor, guess: Tensor) -> tuple[Tensor, Tensor]:
        """Flow and the occlusion LOGIT from features of both pictures."""
        moved = warp_by_flow(before, guess)
        out = self.refine(torch.cat([now, now - moved, guess], dim=1))
        return guess + out[:, :2], out[:, 2:]

    def match(self, before: Tensor, now: Tensor) -> Tensor:
        """Soft-argmax flow [B,2,h,w] of features."""
        batch, _, height, width = now.shape
        a, b = (F.normalize(as_tokens(x), dim=2) for x in (now, before))
        places = cell_places(height, width, now)
        distance = (places[:, None] - places[None]).square().sum(dim=2)
        similarity = a @ b.transpose(1, 2)
        scores = similarity * self.log_sharpness.exp() - distance * torch.exp(-2 * self.log_reach)
        return (scores.softmax(dim=2) @ places - places).transpose(1, 2).reshape(batch, 2, height, width)


def cell_places(height: int, width: int, like: Tensor) -> Tensor:
    """(x, y) of every cell, [height*width, 2], in cells."""
    rows = torch.arange(height, dtype=like.dtype, device=like.device)
    columns = torch.arange(width, dtype=like.dtype, device=like.device)
    return torch.stack([columns[None].expand(height, width), rows[:, None].expand(height, width)], 2).reshape(-1, 2)

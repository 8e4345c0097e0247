# SPDX-License-Identifier: Apache-2.0
"""The upscaler: the decoded layer, sharpened along the source's edges, on the full-size frame.

A small net works at half the working size and gives smooth coefficient maps; at full size only
  alpha = clamp(offset + slope * luma),  color = rgb + detail * luma,
  picture = frame + strength * alpha * (layer - frame)
is left, where layer is color with dye and scene (apply_layer.py): elementwise work, so cost at 1080p stays small and
kept pixels stay the source's own (a learned guided filter; He et al. 2013).
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirage_lsd.worker.models.config import BUFFERS, DECISION, PAINTED_FROM, SCENE_FROM, TinyConfig
from mirage_lsd.worker.models.nets.autoencoder import ALPHA, SCENE, painted
from mirage_lsd.worker.models.nets.blocks import PlainBlock, conv_norm

_LUMA = (0.299, 0.587, 0.114)


def luma(picture: Tensor) -> Tensor:
    """[B,3,H,W] RGB -> [B,1,H,W]."""
    red, green, blue = (picture[:, i : i + 1] for i in range(3))
    return red * _LUMA[0] + green * _LUMA[1] + blue * _LUMA[2]


class Upscaler(nn.Module):
    """Coefficient maps from the working-size source and layer, and their use at full size."""

    def __init__(self, config: TinyConfig):
        super().__init__()
        width = config.upscaler
        self.enter = conv_norm(5 + len(BUFFERS), width)
        self.body = PlainBlock(width)
        self.leave = nn.Conv2d(width, 4 * 6, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def coefficients(self, source: Tensor, buffers: Tensor) -> Tensor:
        """[B,6,h,w] at working size: rgb (3), detail, alpha's offset and slope."""
        light, alpha = luma(source), buffers[:, ALPHA : ALPHA + 1]
        smooth = F.avg_pool2d(light, 4)
        smooth = F.interpolate(smooth, scale_factor=4.0, mode="bilinear", align_corners=False)
        rough = light - smooth
        half = F.avg_pool2d(torch.cat([source - 0.5, buffers - 0.5, rough, alpha * rough], 1), 2)
        maps = F.pixel_shuffle(self.leave(self.body(self.enter(half))), 2)
        detail = torch.sigmoid(maps[:, 3:4] - 1.5)
        slope = maps[:, 4:5]
        rgb = buffers[:, :3] + 0.25 * maps[:, :3] - detail * smooth
        offset = alpha + 0.25 * maps[:, 5:6] - slope * smooth
        return torch.cat([rgb, detail, offset, slope], dim=1)

    def picture(self, frame: Tensor, buffers: Tensor, dye: Tensor, tints: Tensor, place: Tensor) -> Tensor:
        """Training form at the working size: frame [B,3,H,W] 0..1 -> picture [B,3,H,W]; see autoencoder.painted."""
        maps, light = self.coefficients(frame, buffers), luma(frame)
        alpha = (maps[:, 4:5] + maps[:, 5:6] * light).clamp(0.0, 1.0)
        layer = painted((maps[:, :3] + maps[:, 3:4] * light).clamp(min=0.0), buffers, dye, tints, place)
        return frame + alpha * (layer - frame)

    def forward(self, source: Tensor, buffers: Tensor) -> tuple[Tensor, Tensor]:
        """Live form: layer [B,3,h,w] BGR 0..510 and mask [B,3,h,w] (detail, offset, slope), coverage decided."""
        maps = self.coefficients(source, buffers)
        layer = torch.cat([maps[:, 2:3], maps[:, 1:2], maps[:, 0:1]], dim=1) * 255.0
        detail, offset, slope = maps[:, 3:].split(1, dim=1)
        decided = (offset - PAINTED_FROM - (SCENE_FROM - PAINTED_FROM) * buffers[:, SCENE:]) * DECISION + 0.5
        return layer, torch.cat([detail, decided, slope * DECISION], dim=1)

# SPDX-License-Identifier: Apache-2.0
"""The upscaler: the decoded layer, sharpened along the source's edges, on the full-size frame.

A small net works at half the working size and gives smooth coefficient maps; at full size only
  alpha = clamp(b + a * luma),  layer = rgb + detail * luma,  picture = frame + strength * alpha * (layer - frame)
is left (apply_layer.py), which is elementwise, so cost at 1080p stays small and kept pixels stay the
source's own.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirage_lsd.worker.models.blocks import PlainBlock, conv_norm
from mirage_lsd.worker.models.config import TinyConfig

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
        self.enter = conv_norm(9, width)
        self.body = PlainBlock(width)
        self.leave = nn.Conv2d(width, 4 * 6, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def coefficients(self, source: Tensor, rgba: Tensor) -> Tensor:
        """[B,6,h,w] at working size: rgb (3), detail, alpha's b and a."""
        light = luma(source)
        smooth = F.avg_pool2d(light, 4)
        smooth = F.interpolate(smooth, scale_factor=4.0, mode="bilinear", align_corners=False)
        half = F.avg_pool2d(torch.cat([source - 0.5, rgba - 0.5, light - smooth, rgba[:, 3:] * (light - smooth)], 1), 2)
        maps = F.pixel_shuffle(self.leave(self.body(self.enter(half))), 2)
        detail = torch.sigmoid(maps[:, 3:4] - 1.5)
        slope = maps[:, 4:5]
        rgb = rgba[:, :3] + 0.25 * maps[:, :3] - detail * smooth
        offset = rgba[:, 3:] + 0.25 * maps[:, 5:6] - slope * smooth
        return torch.cat([rgb, detail, offset, slope], dim=1)

    def picture(self, frame: Tensor, source: Tensor, rgba: Tensor, strength: float = 1.0) -> Tensor:
        """Training form: frame [B,3,H,W] 0..1 -> picture [B,3,H,W]."""
        maps = F.interpolate(self.coefficients(source, rgba), size=frame.shape[2:], mode="bilinear",
                             align_corners=False)
        alpha = (maps[:, 4:5] + maps[:, 5:6] * luma(frame)).clamp(0.0, 1.0)
        layer = (maps[:, :3] + maps[:, 3:4] * luma(frame)).clamp(0.0, 1.0)
        return frame + strength * alpha * (layer - frame)

    def forward(self, source: Tensor, rgba: Tensor) -> tuple[Tensor, Tensor]:
        """Live form: layer [B,h,w,3] BGR 0..255 and mask [B,h,w,3] (detail, offset, slope) for apply_layer."""
        maps = self.coefficients(source, rgba)
        layer = torch.cat([maps[:, 2:3], maps[:, 1:2], maps[:, 0:1]], dim=1) * 255.0
        return layer.permute(0, 2, 3, 1).contiguous(), maps[:, 3:].permute(0, 2, 3, 1).contiguous()

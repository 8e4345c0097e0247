# SPDX-License-Identifier: Apache-2.0
"""The edit-layer autoencoder: an RGBA layer (what the look paints, and where) <-> a 1/8-size latent.

The final picture is source + strength * alpha * (rgb - source), so what the look keeps is the source
itself, and everything the look shows comes out of the latent. Only `LayerDecoder` runs live;
`LayerEncoder` makes training targets and fills the scene canvases.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirage_lsd.worker.models.blocks import PlainBlock, conv_norm
from mirage_lsd.worker.models.config import TinyConfig


class LayerEncoder(nn.Module):
    """RGBA layer [B,4,H,W] 0..1 -> latent [B,C,H/8,W/8], unit variance a channel (batch-norm statistics).

    The first four channels are the cell's mean premultiplied colour and alpha, so that a colour that is asked for
    is a plain direction in latent space; the others are learned (edges, shading, patterns).
    """

    def __init__(self, config: TinyConfig):
        super().__init__()
        self.body = nn.Sequential(nn.PixelUnshuffle(4), conv_norm(64, 48), PlainBlock(48),
                                  conv_norm(48, 96, 2), PlainBlock(96))
        self.head = nn.Conv2d(96, config.latent - 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(config.latent, affine=False)

    def forward(self, layer: Tensor) -> Tensor:
        alpha = layer[:, 3:]
        premultiplied = torch.cat([(layer[:, :3] - 0.5) * alpha, alpha - 0.5], dim=1)
        means = F.avg_pool2d(premultiplied, 8)
        normed = self.norm(torch.cat([means, self.head(self.body(premultiplied * 2))], dim=1))
        return 4.0 * torch.tanh(normed / 4.0)  # bounded, so that no outlier rules the diffusion loss


class LayerDecoder(nn.Module):
    """Latent [B,C,H/8,W/8] -> RGBA layer [B,4,H,W]; rgb may leave 0..1 before `finish`."""

    def __init__(self, config: TinyConfig):
        super().__init__()
        wide, middle, narrow = config.decoder
        self.at8 = nn.Sequential(conv_norm(config.latent, wide), PlainBlock(wide),
                                 nn.Conv2d(wide, 4 * middle, 1), nn.PixelShuffle(2))
        self.at4 = nn.Sequential(conv_norm(middle, middle), nn.Conv2d(middle, 4 * narrow, 1), nn.PixelShuffle(2))
        self.at2 = nn.Sequential(conv_norm(narrow, narrow), nn.Conv2d(narrow, 16, 3, padding=1), nn.PixelShuffle(2))
        self.base = nn.Conv2d(config.latent, 4, 1)

    def raw(self, latent: Tensor) -> Tensor:
        """rgb around 0..1 (unclamped) and the alpha LOGIT, [B,4,H,W]."""
        base = F.interpolate(self.base(latent), scale_factor=8.0, mode="bilinear", align_corners=False)
        out = self.at2(self.at4(self.at8(latent))) + base
        return torch.cat([out[:, :3] + 0.5, out[:, 3:]], dim=1)

    def forward(self, latent: Tensor) -> Tensor:
        return finish(self.raw(latent))


def finish(raw: Tensor) -> Tensor:
    """Raw decoder output -> RGBA in 0..1."""
    return torch.cat([raw[:, :3].clamp(0.0, 1.0), torch.sigmoid(raw[:, 3:])], dim=1)


def composite(source: Tensor, layer: Tensor, strength: float | Tensor = 1.0) -> Tensor:
    """source [B,3,H,W], layer [B,4,H,W] -> picture [B,3,H,W]."""
    return source + strength * layer[:, 3:] * (layer[:, :3] - source)


def downscale(picture: Tensor, factor: int) -> Tensor:
    """Area average by an integer factor."""
    return F.avg_pool2d(picture, factor)

# SPDX-License-Identifier: Apache-2.0
"""The edit-layer autoencoder: an edit layer's buffers (what the look paints, where, and what is dyed) <-> a 1/8 latent.

Used by training (both halves) and, as the graph "decode", live (`LayerDecoder` only). A layer is eight planes at the
working size, in config.BUFFERS order:

    red, green, blue   the layer's colour with every dyed cloth at albedo cloth.NEUTRAL ("undyed"), 0..2
    alpha              how much of the source the layer covers, 0..1
    upper, lower, hair how much of the layer is dyed with that colour (upper: with the cloth's pattern too), 0..1
    scene              how much of the layer is the scene picture, 0..1

Dye, pattern and scene picture are put on at full size (apply_layer.py), so the latent holds shape, folds and light and
not what the words say exactly. What the look keeps is the source itself: alpha is 0 there.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirage_lsd.worker.models.config import BUFFERS, DYES, TinyConfig
from mirage_lsd.worker.models.nets.blocks import PlainBlock, RefineBlock, conv_norm

ALPHA, SCENE = 3, 7


def centred(layer: Tensor) -> Tensor:
    """Buffers [B,8,H,W] as the encoder sees them: colour and dye shares count only where the layer shows."""
    alpha = layer[:, ALPHA : ALPHA + 1]
    shown = alpha * (1.0 - layer[:, SCENE:])
    return torch.cat([(layer[:, :3] - 0.5) * shown, alpha - 0.5, layer[:, DYES] * shown, layer[:, SCENE:] * alpha], 1)


class LayerEncoder(nn.Module):
    """Buffers [B,8,H,W] -> latent [B,C,H/8,W/8], unit variance a channel (batch-norm statistics).

    The first eight channels are the cell's mean of each (centred) buffer, so that coverage and shares are plain
    directions in latent space; the others are learned (edges, folds).
    """

    def __init__(self, config: TinyConfig):
        super().__init__()
        count = len(BUFFERS)
        self.body = nn.Sequential(nn.PixelUnshuffle(8), conv_norm(64 * count, 96, kernel=1), PlainBlock(96))
        self.head = nn.Conv2d(96, config.latent - count, 3, padding=1)
        self.norm = nn.BatchNorm2d(config.latent, affine=False)

    def forward(self, layer: Tensor) -> Tensor:
        seen = centred(layer)
        normed = self.norm(torch.cat([F.avg_pool2d(seen, 8), self.head(self.body(seen * 2))], dim=1))
        return 4.0 * torch.tanh(normed / 4.0)  # bounded, so that no outlier rules the diffusion loss


class LayerDecoder(nn.Module):
    """Latent [B,C,H/8,W/8], the encoder's guide x4 [B,stem+parsed,H/4,W/4] and source [B,3,H,W] -> buffers [B,8,H,W].

    The source guides where edges lie; what is painted, and whether anything is, only the latent can say.
    """

    def __init__(self, config: TinyConfig):
        super().__init__()
        wide, middle, narrow = config.decoder
        count = len(BUFFERS)
        self.at8 = nn.Sequential(conv_norm(config.latent, wide), PlainBlock(wide),
                                 nn.Conv2d(wide, 4 * middle, 1), nn.PixelShuffle(2))
        self.at4 = nn.Sequential(conv_norm(middle + config.stem + config.parsed, middle), PlainBlock(middle),
                                 RefineBlock(middle), nn.Conv2d(middle, 4 * narrow, 1), nn.PixelShuffle(2))
        self.at2 = nn.Sequential(conv_norm(narrow + 12, narrow + 8), RefineBlock(narrow + 8),
                                 nn.Conv2d(narrow + 8, 4 * count, 3, padding=1), nn.PixelShuffle(2))
        self.base = nn.Conv2d(config.latent, count, 1)

    def raw(self, latent: Tensor, x4: Tensor, source: Tensor) -> Tensor:
        """Colour around 0..1 (unclamped) and LOGITS of alpha and shares, [B,8,H,W]."""
        base = F.interpolate(self.base(latent), scale_factor=8.0, mode="bilinear", align_corners=False)
        half = self.at4(torch.cat([self.at8(latent), x4], dim=1))
        out = self.at2(torch.cat([half, F.pixel_unshuffle(source - 0.5, 2)], dim=1)) + base
        return torch.cat([out[:, :3] + 0.5, out[:, 3:]], dim=1)

    def forward(self, latent: Tensor, x4: Tensor, source: Tensor) -> Tensor:
        return finish(self.raw(latent, x4, source))


def finish(raw: Tensor) -> Tensor:
    """Raw decoder output -> buffers in range."""
    return torch.cat([raw[:, :3].clamp(0.0, 2.0), torch.sigmoid(raw[:, 3:])], dim=1)


def painted(color: Tensor, layer: Tensor, dye: Tensor, tints: Tensor, place: Tensor) -> Tensor:
    """The layer's colours with dye and scene, [B,3,H,W].

    color [B,3,H,W]: the layer's undyed colours; layer [B,8,H,W]: for its shares; dye [B,3,H,W]: upper cloth's albedo /
    NEUTRAL; tints [B,2,3]: the same for lower and hair; place [B,3,H,W]: the scene picture.
    """
    upper, lower, hair = (layer[:, index : index + 1] for index in range(4, 7))
    factor = 1.0 + upper * (dye - 1.0)
    factor = factor + lower * (tints[:, 0, :, None, None] - 1.0) + hair * (tints[:, 1, :, None, None] - 1.0)
    dyed = (color * factor).clamp(0.0, 1.0)
    return dyed + layer[:, SCENE:] * (place - dyed)


def composite(source: Tensor, layer: Tensor, dye: Tensor, tints: Tensor, place: Tensor) -> Tensor:
    """source [B,3,H,W] under a layer -> picture [B,3,H,W]; see `painted`."""
    return source + layer[:, ALPHA : ALPHA + 1] * (painted(layer[:, :3], layer, dye, tints, place) - source)

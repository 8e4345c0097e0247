# SPDX-License-Identifier: Apache-2.0
"""The source encoder: what is where in the source picture. Runs once a frame; no condition, no history.

Besides features it gives region probabilities (skin, upper garment, background, ...), which route what each
condition says to the cells that it is about, and the body surface: which point of the unposed body (canonical x and z
in metres, and how far down the arm) each place shows, which cloth patterns are anchored to. Both are supervised in
training at 1/4 size. The mean colour of each region (the person's skin, the light) is added to every cell.
"""
from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirage_lsd.worker.models.config import FARTHEST, REGIONS, SURFACE, WAVES, TinyConfig
from mirage_lsd.worker.models.nets.blocks import PlainBlock, as_tokens, conv_norm


class GlobalMix(nn.Module):
    """Plain self-attention over the few cells at 1/32: body layout needs the whole picture."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(self.norm(as_tokens(x))).chunk(3, dim=2)
        mixed = (query @ key.transpose(1, 2) * query.shape[2] ** -0.5).softmax(dim=2) @ value
        return x + self.out(mixed).transpose(1, 2).reshape(x.shape)


class CellMlp(nn.Module):
    """What each cell makes of what it was told: the other half of a transformer layer."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.enter = nn.Linear(channels, 2 * channels)
        self.out = nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        told = self.out(F.silu(self.enter(self.norm(as_tokens(x)))))
        return x + told.transpose(1, 2).reshape(x.shape)


class Locator(nn.Module):
    """The body surface [B,3,H/4,W/4] from trunk features at 1/16 [B,80,..] and 1/8 [B,w8,..]. A branch of its own: a
    place on the cloth takes more looking around than a region's name does, and it can be trained on a finished trunk.
    """

    def __init__(self, inputs16: int, inputs8: int, width: int = 64):
        super().__init__()
        self.at16 = nn.Sequential(*(PlainBlock(inputs16) for _ in range(3)))
        self.up = nn.Conv2d(inputs16, width, 1)
        self.skip = nn.Conv2d(inputs8, width, 1)
        self.at8 = PlainBlock(width)
        self.out = nn.Conv2d(width, 4 * len(SURFACE), 1)  # 2 x 2 sub-cells a cell

    def forward(self, y16: Tensor, y8: Tensor) -> Tensor:
        x16 = self.up(self.at16(y16))
        x8 = self.at8(self.skip(y8) + F.interpolate(x16, scale_factor=2.0, mode="nearest"))
        return F.pixel_shuffle(self.out(x8), 2)


class SourceEncoder(nn.Module):
    """source [B,3,H,W] 0..1, person_mask [B,1,H,W] 0..1 -> features at 1/8, 1/16, 1/32, regions at 1/8, the
    decoder's guide x4 and surface at 1/4."""

    def __init__(self, config: TinyConfig):
        super().__init__()
        w8, w16, w32 = config.widths
        self.stem = nn.Sequential(conv_norm(4, 16, 2), conv_norm(16, 32, 2), conv_norm(32, 32))
        self.down8 = nn.Sequential(conv_norm(32, w8, 2), PlainBlock(w8))
        self.down16 = nn.Sequential(conv_norm(w8 + 2, 80, 2), PlainBlock(80), PlainBlock(80))
        self.down32 = nn.Sequential(conv_norm(80, 128, 2), PlainBlock(128), PlainBlock(128))
        self.mix = nn.Sequential(GlobalMix(128), CellMlp(128), GlobalMix(128), CellMlp(128))
        self.out32 = nn.Conv2d(128, w32, 1)
        self.up16 = nn.Conv2d(128, 80, 1)
        self.fuse16 = PlainBlock(80)
        self.out16 = nn.Conv2d(80, w16, 1)
        self.up8 = nn.Conv2d(80, w8, 1)
        self.fuse8 = PlainBlock(w8)
        self.out8 = nn.Conv2d(w8, w8, 1)
        self.parse = nn.Conv2d(w8, 4 * len(REGIONS), 1)  # 2 x 2 sub-cells a cell
        self.palette = nn.Linear(3 * len(REGIONS), w8)
        self.locate = Locator(80, w8)
        self.placed = nn.Conv2d(2 * len(WAVES), w8, 1, bias=False)
        nn.init.zeros_(self.placed.weight)
        self.parsed = conv_norm(len(REGIONS) + len(SURFACE) + 2 * len(WAVES), config.parsed, kernel=1)

    def stem_features(self, source: Tensor, person_mask: Tensor) -> Tensor:
        """[B,32,H/4,W/4]: edges and colours."""
        return self.stem(torch.cat([source - 0.5, person_mask - 0.5], dim=1) * 2)

    def features(self, source: Tensor, person_mask: Tensor) -> tuple[Tensor, ...]:
        """s8, s16, s32, region LOGITS [B,8,H/4,W/4] (for the training loss), x4 [B,48,H/4,W/4], surface [B,3,..]."""
        stem = self.stem_features(source, person_mask)
        x8 = self.down8(stem)
        x16 = self.down16(torch.cat([x8, coordinates(x8)], dim=1))
        x32 = self.mix(self.down32(x16))
        y16 = self.fuse16(x16 + F.interpolate(self.up16(x32), scale_factor=2.0, mode="nearest"))
        y8 = self.fuse8(x8 + F.interpolate(self.up8(y16), scale_factor=2.0, mode="nearest"))
        logits = F.pixel_shuffle(self.parse(y8), 2)
        means = mean_colors(F.avg_pool2d(source, 8), regions_from_logits(logits))
        surface = self.locate(y16, y8)
        s8 = self.out8(y8) + self.palette(means.flatten(1) - 0.5)[:, :, None, None]
        s8 = s8 + self.placed(F.avg_pool2d(surface_waves(surface.detach()), 2))
        return s8, self.out16(y16), self.out32(x32), logits, self.guide(stem, logits, surface), surface

    def guide(self, stem: Tensor, logits: Tensor, surface: Tensor) -> Tensor:
        """x4 [B,56,H/4,W/4], which guides the layer decoder: edges and colours, and which part of the body is where, so
        that a sleeve can end where an arm does. Regions and surface learn from their own losses alone."""
        found = torch.cat([logits.softmax(dim=1), surface, surface_waves(surface)], dim=1).detach()
        return torch.cat([stem, self.parsed(found)], dim=1)

    def unparsed(self, source: Tensor, person_mask: Tensor) -> Tensor:
        """`guide` of an encoder that knows no parts yet: the decoder's first lessons."""
        stem = self.stem_features(source, person_mask)
        return torch.cat([stem, stem.new_zeros(len(stem), self.parsed[0].out_channels, *stem.shape[2:])], dim=1)

    def forward(self, source: Tensor, person_mask: Tensor) -> tuple[Tensor, ...]:
        s8, s16, s32, logits, x4, surface = self.features(source, person_mask)
        return s8, s16, s32, regions_from_logits(logits), x4, surface


def mean_colors(color: Tensor, regions: Tensor) -> Tensor:
    """Mean colour [B,8,3] of each region; color [B,3,h,w], regions [B,8,h,w]. Grey where a region is not there."""
    weight = regions.flatten(2)
    total = weight.sum(dim=2, keepdim=True)
    return (weight @ color.flatten(2).transpose(1, 2) + 0.5) / (total + 1.0)


def surface_waves(surface: Tensor) -> Tensor:
    """Sines and cosines [B,2 len(WAVES),h,w] of the body surface [B,3,h,w]."""
    surface = surface.clamp(-FARTHEST, FARTHEST)
    angles = torch.stack([surface[:, channel] * (2.0 * math.pi / length) for channel, length in WAVES], dim=1)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def regions_from_logits(logits: Tensor) -> Tensor:
    """Region logits [B,8,H/4,W/4] -> probabilities [B,8,H/8,W/8]."""
    return F.avg_pool2d(logits.softmax(dim=1), 2)


def coordinates(x: Tensor) -> Tensor:
    """Column and row in -1..1 as two channels [B,2,H,W] (the background and legs have a usual place)."""
    rows, columns = (_from_minus_one_to_one(count, x) for count in x.shape[2:])
    shape = (x.shape[0], 1, x.shape[2], x.shape[3])
    return torch.cat([columns[None, None, None, :].expand(shape), rows[None, None, :, None].expand(shape)], dim=1)


def _from_minus_one_to_one(count: int, like: Tensor) -> Tensor:
    """As torch.linspace(-1, 1, count), which the ONNX exporter types as double where the count is fixed."""
    return torch.arange(count, dtype=like.dtype, device=like.device) * (2.0 / (count - 1)) - 1.0

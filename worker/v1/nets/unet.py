# SPDX-License-Identifier: Apache-2.0
"""The U-Net of mirage-lsd-v1: Stable Diffusion's, with explicit caches in and out like LSD-tiny's.

One call is one denoising step of one frame. Causal: it sees this frame and, through the caches, only frames before.
Tensor names are those of diffusers' unet folder; the temporal parts add `temporal.*` and `*.gate.*`, and without
them (config.temporal off, or past None) the arithmetic is that of diffusers' UNet2DConditionModel.
"""
from __future__ import annotations

import torch
from diffusers.models.embeddings import TimestepEmbedding
from torch import Tensor, nn
from torch.nn import functional as F

from mirage_lsd.worker.v1.graphs.config import LATENT_CHANNELS, SdConfig
from mirage_lsd.worker.v1.nets.blocks import Downsample, ResnetBlock, SpatialTransformer, Upsample, time_features
from mirage_lsd.worker.v1.nets.temporal import Past, temporal_convs


class DownBlock(nn.Module):
    """One level on the way down. Gives what it leaves for the way up, in order."""

    def __init__(self, config: SdConfig, level: int):
        super().__init__()
        width, before = config.widths[level], config.widths[max(level - 1, 0)]
        time, name = 4 * config.widths[0], config.levels[level]
        self.resnets = nn.ModuleList(ResnetBlock(width if i else before, width, time, config)
                                     for i in range(config.layers))
        if config.attends[level]:
            self.attentions = nn.ModuleList(SpatialTransformer(width, config.heads[level], config, name)
                                            for _ in range(config.layers))
        if level < len(config.widths) - 1:
            self.downsamplers = nn.ModuleList([Downsample(width)])

    def forward(self, x: Tensor, time: Tensor, tokens: Tensor, past: Past | None) -> list[Tensor]:
        left = []
        for i, resnet in enumerate(self.resnets):
            x = resnet(x, time)
            if hasattr(self, "attentions"):
                x = self.attentions[i](x, tokens, past)
            left.append(x)
        return left


class MiddleBlock(nn.Module):
    """The coarsest level's own blocks."""

    def __init__(self, config: SdConfig):
        super().__init__()
        width, time = config.widths[-1], 4 * config.widths[0]
        self.resnets = nn.ModuleList(ResnetBlock(width, width, time, config) for _ in range(2))
        self.attentions = nn.ModuleList([SpatialTransformer(width, config.heads[-1], config, config.levels[-1])])

    def forward(self, x: Tensor, time: Tensor, tokens: Tensor, past: Past | None) -> Tensor:
        x = self.attentions[0](self.resnets[0](x, time), tokens, past)
        return self.resnets[1](x, time)


class UpBlock(nn.Module):
    """One level on the way up; takes back what the way down left, last first."""

    def __init__(self, config: SdConfig, level: int):
        super().__init__()
        widths, last = config.widths, len(config.widths) - 1
        width, below, above = widths[level], widths[min(level + 1, last)], widths[max(level - 1, 0)]
        count, time = config.layers + 1, 4 * widths[0]
        inputs = [(width if i else below) + (above if i == count - 1 else width) for i in range(count)]
        self.resnets = nn.ModuleList(ResnetBlock(channels, width, time, config) for channels in inputs)
        if config.attends[level]:
            self.attentions = nn.ModuleList(SpatialTransformer(width, config.heads[level], config, config.levels[level])
                                            for _ in range(count))
        if level > 0:
            self.upsamplers = nn.ModuleList([Upsample(width)])

    def forward(self, x: Tensor, time: Tensor, tokens: Tensor, past: Past | None, left: list[Tensor]) -> Tensor:
        for i, resnet in enumerate(self.resnets):
            x = resnet(torch.cat([x, left.pop()], dim=1), time)
            if hasattr(self, "attentions"):
                x = self.attentions[i](x, tokens, past)
        return self.upsamplers[0](x, left[-1].shape[2:]) if hasattr(self, "upsamplers") else x


class SdUNet(nn.Module):
    """What the checkpoint was trained to predict (noise or velocity) [B,4,h/8,w/8] of a noisy latent at a time."""

    def __init__(self, config: SdConfig):
        super().__init__()
        self.config = config
        levels = range(len(config.widths))
        self.conv_in = nn.Conv2d(LATENT_CHANNELS, config.widths[0], 3, padding=1)
        self.time_embedding = TimestepEmbedding(config.widths[0], 4 * config.widths[0],
                                                cond_proj_dim=config.guidance or None)
        self.down_blocks = nn.ModuleList(DownBlock(config, level) for level in levels)
        self.mid_block = MiddleBlock(config)
        self.up_blocks = nn.ModuleList(UpBlock(config, level) for level in reversed(levels))
        self.conv_norm_out = nn.GroupNorm(config.groups, config.widths[0], config.norm_eps)
        self.conv_out = nn.Conv2d(config.widths[0], LATENT_CHANNELS, 3, padding=1)
        self.temporal = temporal_convs(config)

    def forward(self, latent: Tensor, timestep: Tensor, tokens: Tensor, guidance: Tensor | None = None,
                past: Past | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """latent [B,4,rows,columns], timestep [B] 0..999, tokens [B,77,D], guidance [B,G] -> prediction, and the
        features per level before its temporal convolution (level name -> [B,C,..]); kv's are collected by `past`."""
        dtype = self.conv_in.weight.dtype
        guidance = None if guidance is None else guidance.to(dtype)
        time = self.time_embedding(time_features(timestep, self.config.widths[0]).to(dtype), guidance)
        x = self.conv_in(latent.to(dtype))
        left, kept = [x], {}
        for name, block in zip(self.config.levels, self.down_blocks, strict=True):
            found = block(x, time, tokens, past)
            kept[name] = x = found[-1]
            if past is not None and name in self.temporal:
                found[-1] = x = self.temporal[name](x, past.conv[name], past.history[:, 0].to(dtype))
            left += found
            if hasattr(block, "downsamplers"):
                x = block.downsamplers[0](x)
                left.append(x)
        x = self.mid_block(x, time, tokens, past)
        for block in self.up_blocks:
            x = block(x, time, tokens, past, left)
        return self.conv_out(F.silu(self.conv_norm_out(x))), kept

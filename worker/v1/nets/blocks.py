# SPDX-License-Identifier: Apache-2.0
"""The pretrained blocks of a Stable Diffusion U-Net, with the tensor names of diffusers-format checkpoints.

Run by `unet.py`. Invariant: with no `Past` the arithmetic is that of diffusers' UNet2DConditionModel.
"""
from __future__ import annotations

import torch
from diffusers.models.attention import FeedForward
from torch import Tensor, nn
from torch.nn import functional as F

from mirage_lsd.worker.models.nets.blocks import as_tokens
from mirage_lsd.worker.v1.graphs.config import SdConfig
from mirage_lsd.worker.v1.nets.temporal import CrossFrameGate, Past

_TRANSFORMER_EPS = 1e-6


class ResnetBlock(nn.Module):
    """Residual block told the time: x [B,C,h,w], time [B,T] -> [B,C',h,w]."""

    def __init__(self, inputs: int, outputs: int, time: int, config: SdConfig):
        super().__init__()
        self.norm1 = nn.GroupNorm(config.groups, inputs, config.norm_eps)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time_emb_proj = nn.Linear(time, outputs)
        self.norm2 = nn.GroupNorm(config.groups, outputs, config.norm_eps)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.conv_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        hidden = self.conv1(F.silu(self.norm1(x))) + self.time_emb_proj(F.silu(time))[:, :, None, None]
        hidden = self.conv2(F.silu(self.norm2(hidden)))
        return hidden + (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x)


class SelfAttention(nn.Module):
    """Attention of a frame to itself and, given a `Past`, to the previous and the anchor frame."""

    def __init__(self, channels: int, heads: int, config: SdConfig, level: str):
        super().__init__()
        self.heads, self._level = heads, level
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(channels, channels, bias=False)
        self.to_v = nn.Linear(channels, channels, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])
        if config.temporal.attention or config.temporal.anchor:
            self.gate = CrossFrameGate(heads, config.temporal)

    def forward(self, x: Tensor, past: Past | None) -> Tensor:
        query, key, value = (split_heads(project(x), self.heads) for project in (self.to_q, self.to_k, self.to_v))
        if past is None or not hasattr(self, "gate"):
            answer = F.scaled_dot_product_attention(query, key, value)
        else:
            answer = past.attend(self._level, query, key, value, self.gate)
        return self.to_out[0](answer.transpose(1, 2).flatten(2))


class TokenAttention(nn.Module):
    """Attention to the prompt's tokens [B,77,D]."""

    def __init__(self, channels: int, token: int, heads: int):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(token, channels, bias=False)
        self.to_v = nn.Linear(token, channels, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        query, key, value = (split_heads(item, self.heads)
                             for item in (self.to_q(x), self.to_k(tokens), self.to_v(tokens)))
        return self.to_out[0](F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))


class TransformerLayer(nn.Module):
    """Self-attention, attention to the prompt, feed-forward; x [B,N,C]."""

    def __init__(self, channels: int, heads: int, config: SdConfig, level: str):
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn1 = SelfAttention(channels, heads, config, level)
        self.norm2 = nn.LayerNorm(channels)
        self.attn2 = TokenAttention(channels, config.token, heads)
        self.norm3 = nn.LayerNorm(channels)
        self.ff = FeedForward(channels, activation_fn="geglu")

    def forward(self, x: Tensor, tokens: Tensor, past: Past | None) -> Tensor:
        x = x + self.attn1(self.norm1(x), past)
        x = x + self.attn2(self.norm2(x), tokens)
        return x + self.ff(self.norm3(x))


class SpatialTransformer(nn.Module):
    """One transformer layer over the cells of a map [B,C,h,w]."""

    def __init__(self, channels: int, heads: int, config: SdConfig, level: str):
        super().__init__()
        self.norm = nn.GroupNorm(config.groups, channels, _TRANSFORMER_EPS)
        self._linear = config.linear_projection
        make = nn.Linear if self._linear else lambda a, b: nn.Conv2d(a, b, 1)
        self.proj_in = make(channels, channels)
        self.transformer_blocks = nn.ModuleList([TransformerLayer(channels, heads, config, level)])
        self.proj_out = make(channels, channels)

    def forward(self, x: Tensor, tokens: Tensor, past: Past | None) -> Tensor:
        hidden = self.norm(x)
        hidden = self.proj_in(as_tokens(hidden)) if self._linear else as_tokens(self.proj_in(hidden))
        hidden = self.transformer_blocks[0](hidden, tokens, past)
        if self._linear:
            return x + as_map(self.proj_out(hidden), x)
        return x + self.proj_out(as_map(hidden, x))


class Downsample(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Upsample(nn.Module):
    """Nearest to the size of the level above (twice, less one where that is odd), then a convolution."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        doubled = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return self.conv(doubled[:, :, : size[0], : size[1]])


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[B,N,C] -> [B,heads,N,C/heads]."""
    return x.unflatten(2, (heads, -1)).transpose(1, 2)


def as_map(x: Tensor, like: Tensor) -> Tensor:
    """[B,N,C] -> [B,C,h,w] with the cells of `like`."""
    return x.transpose(1, 2).unflatten(2, like.shape[2:])


def time_features(timestep: Tensor, width: int) -> Tensor:
    """Sine features [B,width], float32, of times [B] in 0..999: cosines first."""
    half = width // 2
    places = torch.arange(half, dtype=torch.float32, device=timestep.device)
    angles = timestep.float()[:, None] * torch.exp(places * (-9.210340371976184 / half))[None]
    return torch.cat([angles.cos(), angles.sin()], dim=1)

# SPDX-License-Identifier: Apache-2.0
"""Building blocks of the spatio-temporal U-Net, shared by every model size.

Axis letters: B batch, C channels, H rows, W columns, N tokens. Everything is fully convolutional or
attention over however many tokens there are, so any working size runs on the same weights.
"""
from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv_norm(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution + batch norm (folded into the convolution by the engines) + SiLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
                         nn.BatchNorm2d(outputs), nn.SiLU())


class PlainBlock(nn.Module):
    """Residual block without conditioning: x + conv(conv(x)); used by the nets that run once a frame."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = conv_norm(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        nn.init.constant_(self.second[1].weight, 0.3)

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(x + self.second(self.first(x)))


class RefineBlock(nn.Module):
    """x + conv(conv(x)), hardly anything at first: grows a trained net without changing what it says."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = conv_norm(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        nn.init.constant_(self.second[1].weight, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


def timestep_features(timestep: Tensor, width: int = 32) -> Tensor:
    """Sine features [B, width] of times [B] in 0..1."""
    frequencies = torch.exp(torch.linspace(0.0, math.log(64.0), width // 2)).to(timestep)
    angles = timestep.float()[:, None] * frequencies[None] * math.pi / 2
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class FilmBlock(nn.Module):
    """Residual block whose normalised features are scaled and shifted by a condition vector [B, D] (FiLM, Perez et al.
    2018)."""

    def __init__(self, channels: int, condition: int, groups: int = 8):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = nn.Linear(condition, 2 * channels)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        with torch.no_grad():
            self.conv2.weight.mul_(0.2)
            self.conv2.bias.zero_()

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.film(condition)[:, :, None, None].chunk(2, dim=1)
        hidden = self.conv1(F.silu(self.norm1(x)))
        hidden = self.norm2(hidden) * (1 + scale) + shift
        return x + self.conv2(F.silu(hidden))


class FilmBlocks(nn.ModuleList):
    """FiLM blocks in a row."""

    def __init__(self, count: int, channels: int, condition: int):
        super().__init__(FilmBlock(channels, condition) for _ in range(count))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        for block in self:
            x = block(x, condition)
        return x


class TemporalConv(nn.Module):
    """Causal temporal convolution, kernel 2 in time: this frame plus a learned, zero-started look at the
    cached features of the frame before (already warped to now). The cache is what came IN, so that
    frame t sees only frames <= t and memory is one frame deep."""

    def __init__(self, channels: int):
        super().__init__()
        self.past = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.mix = nn.Conv2d(2 * channels, channels, 1)
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)

    def forward(self, x: Tensor, cache: Tensor | None, has_cache: Tensor) -> Tensor:
        """x, cache: [B,C,H,W]; has_cache: [B] 0 or 1."""
        if cache is None:
            return x
        return self.with_recalled(x, self.recalled(cache, has_cache), has_cache)

    def recalled(self, cache: Tensor, has_cache: Tensor) -> Tensor:
        """What the cache adds whatever x is, [B,C,H,W]: the mix of (past, past - x) taken apart, so that a frame does
        it once and not at each step."""
        seen, changed = self.mix.weight.chunk(2, dim=1)
        return has_cache[:, None, None, None] * F.conv2d(self.past(cache), seen + changed, self.mix.bias)

    def with_recalled(self, x: Tensor, recalled: Tensor, has_cache: Tensor) -> Tensor:
        """As `forward`, given `recalled(cache)`."""
        return x + recalled - has_cache[:, None, None, None] * F.conv2d(x, self.mix.weight.chunk(2, dim=1)[1])


class FrameAttention(nn.Module):
    """Self-attention, cross-frame attention (kv_cache: previous frame and anchor) and cross-attention to
    condition tokens in one softmax over [now | previous | anchor | tokens].

    One softmax lets a cell choose its evidence; absent history is masked out by `history`.
    """

    def __init__(self, channels: int, token: int, heads: int = 4):
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(8, channels)
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.token_key_value = nn.Linear(token, 2 * channels)
        self.source_bias = nn.Parameter(torch.zeros(heads, 4))  # now, previous, anchor, tokens
        self.out = nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, cache: Tensor | None, anchor: Tensor | None, tokens: Tensor, history: Tensor
                ) -> Tensor:
        """x, cache, anchor: [B,C,H,W]; tokens: [B,N,D]; history: [B,2]. cache None: no history at all (training)."""
        return self.attend(x, self.recalled(cache, anchor, tokens), history, cache is not None)

    def recalled(self, cache: Tensor | None, anchor: Tensor | None, tokens: Tensor) -> Tensor:
        """Keys and values of all but this frame, [B,N,2C] (N: cells before, the anchor's, tokens): once a frame."""
        cells = [self.key_value(self._tokens(item)) for item in (cache, anchor) if item is not None]
        return torch.cat([*cells, self.token_key_value(tokens)], dim=1)

    def attend(self, x: Tensor, recalled: Tensor, history: Tensor, past: bool = True) -> Tensor:
        """As `forward`, given `recalled(...)`; past: whether cells of other frames are in it."""
        batch, channels, height, width = x.shape
        cells, own = height * width, self._tokens(x)
        key, value = torch.cat([self.key_value(own), recalled], dim=1).chunk(2, dim=2)
        query, key, value = (self._split(item) for item in (self.query(own), key, value))
        bias = self._bias(history, cells, recalled.shape[1] - (2 * cells if past else 0), past)
        scores = (query * math.sqrt(self.heads / channels)) @ key.transpose(2, 3) + bias
        mixed = (scores.softmax(dim=3) @ value).transpose(1, 2).reshape(batch, cells, channels)
        return x + self.out(mixed).transpose(1, 2).reshape(batch, channels, height, width)

    def _tokens(self, x: Tensor) -> Tensor:
        # Contiguous: torch 2.13's GroupNorm backward crashes on channels-last input that needs no gradient.
        return as_tokens(self.norm(x.contiguous()))

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def _bias(self, history: Tensor, cells: int, tokens: int, past: bool) -> Tensor:
        """Additive logits [B,heads,1,3*cells+tokens]: learned preference, and -30 for absent history."""
        absent = (history - 1.0) * 30.0
        zero = torch.zeros_like(absent[:, :1])
        logits = self.source_bias[None] + torch.cat([zero, absent, zero], dim=1)[:, None, :]
        parts = [logits[:, :, i : i + 1].expand(-1, -1, cells) for i in range(3 if past else 1)]
        return torch.cat([*parts, logits[:, :, 3:].expand(-1, -1, tokens)], dim=2)[:, :, None, :]


def as_tokens(x: Tensor) -> Tensor:
    """[B,C,H,W] -> [B,H*W,C]."""
    return x.flatten(2).transpose(1, 2)


def warp_by_flow(x: Tensor, flow: Tensor) -> Tensor:
    """Sample x [B,C,H,W] at position + flow [B,2,H,W] (dx, dy in cells), bilinear, edges repeated."""
    _, _, height, width = x.shape
    columns = torch.arange(width, dtype=flow.dtype, device=flow.device)[None, None, :]
    rows = torch.arange(height, dtype=flow.dtype, device=flow.device)[None, :, None]
    grid = torch.stack([(columns + flow[:, 0]) * (2.0 / (width - 1)) - 1.0,
                        (rows + flow[:, 1]) * (2.0 / (height - 1)) - 1.0], dim=3)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=True)

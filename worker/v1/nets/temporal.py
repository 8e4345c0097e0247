# SPDX-License-Identifier: Apache-2.0
"""The temporal parts put around the pretrained blocks: what one denoising step knows of the past.

Cross-frame attention asks three times with the same query: this frame, the previous frame (warped to now), the
anchor frame; and mixes the answers by gates:  now + g_previous * (previous - now) + g_anchor * (anchor - now).
Separate answers instead of one long softmax keep each attention mask-free, which is what the fused kernels of every
engine take, and leave the pretrained attention to now untouched: a closed gate is the image model exactly.

`Past` belongs to one step. Invariant: layers ask in the order in which they run, so that the n-th self-attention of
a level always finds its own part of the level's kv_cache.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirage_lsd.worker.models.nets.blocks import TemporalConv, as_tokens
from mirage_lsd.worker.v1.graphs.config import SdConfig, TemporalConfig


class CrossFrameGate(nn.Module):
    """Two shares per head, 0..1: how much of the previous and of the anchor frame's answer is taken."""

    def __init__(self, heads: int, temporal: TemporalConfig):
        super().__init__()
        shares = torch.tensor([temporal.gate, temporal.anchor_gate]).clamp(1e-4, 1 - 1e-4)
        self.logit = nn.Parameter(shares.logit()[:, None].repeat(1, heads))

    def forward(self, which: int) -> Tensor:
        """[1,heads,1,1]; which: 0 previous, 1 anchor."""
        return torch.sigmoid(self.logit[which])[None, :, None, None]


class Past:
    """Caches and anchor of one step, given out per level, and the kv written by this step, collected per level.

    kv, anchor: level name -> [B,K,rows,columns]; conv: level name -> [B,C,rows,columns]; visible: [B,1,l8] 0..1,
    where the previous frame is to be believed; history: [B,2], has cache, has anchor.
    """

    def __init__(self, kv: dict[str, Tensor], anchor: dict[str, Tensor], conv: dict[str, Tensor], visible: Tensor,
                 history: Tensor):
        self._kv, self._anchor, self.conv, self.history = kv, anchor, conv, history
        self._visible = visible
        self._seen: dict[str, list[Tensor]] = {}

    def attend(self, level: str, query: Tensor, key: Tensor, value: Tensor, gate: CrossFrameGate) -> Tensor:
        """query, key, value [B,heads,N,D] of now -> answer [B,heads,N,D]; remembers key and value for the cache."""
        number = len(self._seen.setdefault(level, []))
        self._seen[level].append(torch.cat([_as_channels(key), _as_channels(value)], dim=1))
        now = F.scaled_dot_product_attention(query, key, value)
        answer = now
        if level in self._kv:
            visible = as_tokens(self._at(self._kv[level]))[:, None].to(now.dtype)
            share = gate(0).to(now.dtype) * self.history[:, :1, None, None].to(now.dtype) * visible
            answer = answer + share * (_answer(query, self._kv[level], number) - now)
        if level in self._anchor:
            share = gate(1).to(now.dtype) * self.history[:, 1:, None, None].to(now.dtype)
            answer = answer + share * (_answer(query, self._anchor[level], number) - now)
        return answer

    def written(self, level: str, rows: int, columns: int) -> Tensor:
        """The level's kv_cache [B,K,rows,columns] of this step."""
        return torch.cat(self._seen[level], dim=1).unflatten(2, (rows, columns))

    def _at(self, like: Tensor) -> Tensor:
        """How visible the past is, at a cache's size."""
        if self._visible.shape[2:] == like.shape[2:]:
            return self._visible
        return F.interpolate(self._visible, size=like.shape[2:], mode="bilinear", align_corners=False)


def temporal_convs(config: SdConfig) -> nn.ModuleDict:
    """One zero-initialised temporal convolution a level: identity until trained."""
    if not config.temporal.convs:
        return nn.ModuleDict()
    convs = nn.ModuleDict({name: TemporalConv(width) for name, width in zip(config.levels, config.widths, strict=True)})
    for conv in convs.values():  # starts at the past itself rather than at random, so that a load is repeatable
        nn.init.dirac_(conv.past.weight, groups=conv.past.groups)
        nn.init.zeros_(conv.past.bias)
    return convs


def is_temporal(name: str) -> bool:
    """Whether a tensor of the U-Net's state belongs to the temporal parts, not to the checkpoint."""
    return name.startswith("temporal.") or ".gate." in name


def _answer(query: Tensor, cache: Tensor, number: int) -> Tensor:
    """What the cached keys and values of the level's n-th attention answer."""
    channels = query.shape[1] * query.shape[3]
    own = cache[:, 2 * number * channels : 2 * (number + 1) * channels].to(query.dtype)
    # contiguous: the fused kernels refuse keys whose channels are not neighbours, and the unfused one needs the whole
    # N x N matrix in memory.
    key, value = (part.flatten(2).unflatten(1, (query.shape[1], query.shape[3])).transpose(2, 3).contiguous()
                  for part in own.chunk(2, dim=1))
    return F.scaled_dot_product_attention(query, key, value)


def _as_channels(x: Tensor) -> Tensor:
    """[B,heads,N,D] -> [B,heads*D,N]."""
    return x.transpose(2, 3).flatten(1, 2)

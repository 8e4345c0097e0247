# SPDX-License-Identifier: Apache-2.0
"""The spatio-temporal U-Net (Ronneberger et al. 2015): one denoising step of one frame, explicit caches in and out.

Causal: it sees this frame's source features and, through the caches, only frames before. All steps of
a frame read the caches of the frame before; the caches written by a frame's last step are kept.
"""
from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirage_lsd.worker.models.config import REGIONS, TinyConfig
from mirage_lsd.worker.models.nets.blocks import FilmBlock, FilmBlocks, FrameAttention, TemporalConv, timestep_features


class SourceFeatures(NamedTuple):
    """Output of the source encoder."""

    s8: Tensor
    s16: Tensor
    s32: Tensor
    regions: Tensor


class ConditionFeatures(NamedTuple):
    """Output of the conditioner."""

    tokens: Tensor
    pooled: Tensor
    region_tokens: Tensor


class Caches(NamedTuple):
    """Features of the frame before, already warped to now (kv_cache and temporal convolutions)."""

    c8: Tensor
    c16: Tensor
    c32: Tensor


class Anchor(NamedTuple):
    """Features of the anchor frame, not warped: what the look looked like."""

    a16: Tensor
    a32: Tensor


class Recalled(NamedTuple):
    """What all steps of a frame share: made once a frame from source, condition and history.

    x8: source features and what each cell is told; t8, t16, t32: what the temporal convolutions add (None without
    history); kv16, kv32 [B,N,2C]: keys and values of the frame before, of the anchor and of the words.
    """

    x8: Tensor
    t8: Tensor | None
    t16: Tensor | None
    t32: Tensor | None
    kv16: Tensor
    kv32: Tensor


class SpatioTemporalUNet(nn.Module):
    """Gives the velocity [B,latent,H/8,W/8] of a noisy latent at a time."""

    def __init__(self, config: TinyConfig):
        super().__init__()
        w8, w16, w32 = config.widths
        condition = 96
        self.embed = nn.Sequential(nn.Linear(32 + config.token, condition), nn.SiLU(), nn.Linear(condition, condition),
                                   nn.SiLU())
        self.enter = nn.Conv2d(config.latent, w8, 3, padding=1)
        self.told = nn.Conv2d(config.region_token + len(REGIONS), w8, 1)
        self.block8 = FilmBlock(w8, condition)
        self.time8 = TemporalConv(w8)
        self.down16 = nn.Conv2d(w8, w16, 3, 2, 1)
        self.block16 = FilmBlock(w16, condition)
        self.time16 = TemporalConv(w16)
        self.attend16 = FrameAttention(w16, config.token)
        self.down32 = nn.Conv2d(w16, w32, 3, 2, 1)
        self.block32 = FilmBlock(w32, condition)
        self.time32 = TemporalConv(w32)
        self.attend32 = FrameAttention(w32, config.token)
        self.last32 = FilmBlocks(2, w32, condition)
        self.up16 = nn.Conv2d(w32, w16, 1)
        self.last16 = FilmBlocks(2, w16, condition)
        self.up8 = nn.Conv2d(w16, w8, 1)
        self.last8 = FilmBlocks(2, w8, condition)
        self.leave = nn.Sequential(nn.GroupNorm(8, w8), nn.SiLU(), nn.Conv2d(w8, config.latent, 3, padding=1))

    def forward(self, latent: Tensor, timestep: Tensor, source: SourceFeatures, condition: ConditionFeatures,
                caches: Caches | None, anchor: Anchor | None, history: Tensor) -> tuple[Tensor, Caches]:
        """latent [B,latent,H/8,W/8], timestep [B], history [B,2] -> velocity and the caches to keep.

        caches and anchor None: a single frame without history, cheaper than zeros with history 0 (training)."""
        recalled = self.recall(source, condition, caches, anchor, history)
        return self.step(latent, timestep, condition.pooled, source.s16, source.s32, recalled, history)

    def recall(self, source: SourceFeatures, condition: ConditionFeatures, caches: Caches | None,
               anchor: Anchor | None, history: Tensor) -> Recalled:
        """What does not depend on the noisy latent or the time."""
        past, fixed, has_cache = caches or Caches(None, None, None), anchor or Anchor(None, None), history[:, 0]
        times = [None if cache is None else time.recalled(cache, has_cache) for time, cache in
                 ((self.time8, past.c8), (self.time16, past.c16), (self.time32, past.c32))]
        return Recalled(source.s8 + self.told(routed(source.regions, condition)), *times,
                        self.attend16.recalled(past.c16, fixed.a16, condition.tokens),
                        self.attend32.recalled(past.c32, fixed.a32, condition.tokens))

    def step(self, latent: Tensor, timestep: Tensor, pooled: Tensor, s16: Tensor, s32: Tensor, recalled: Recalled,
             history: Tensor) -> tuple[Tensor, Caches]:
        """As `forward`, given `recall(...)`."""
        film = self.embed(torch.cat([timestep_features(timestep), pooled], dim=1))
        past, has_cache = recalled.t8 is not None, history[:, 0]

        def seen(time: TemporalConv, x: Tensor, added: Tensor | None) -> Tensor:
            return time.with_recalled(x, added, has_cache) if past else x

        keep8 = self.block8(self.enter(latent) + recalled.x8, film)
        x8 = seen(self.time8, keep8, recalled.t8)
        keep16 = self.block16(self.down16(x8) + s16, film)
        x16 = self.attend16.attend(seen(self.time16, keep16, recalled.t16), recalled.kv16, history, past)
        keep32 = self.block32(self.down32(x16) + s32, film)
        x32 = self.attend32.attend(seen(self.time32, keep32, recalled.t32), recalled.kv32, history, past)
        x32 = self.last32(x32, film)
        x16 = self.last16(x16 + F.interpolate(self.up16(x32), scale_factor=2.0, mode="nearest"), film)
        x8 = self.last8(x8 + F.interpolate(self.up8(x16), scale_factor=2.0, mode="nearest"), film)
        return velocity_of(latent, self.leave(x8), timestep), Caches(keep8, keep16, keep32)


def velocity_of(latent: Tensor, clean: Tensor, timestep: Tensor) -> Tensor:
    """The velocity that leads from a noisy latent to a clean estimate. The net predicts the clean latent, so that the
    noise it is given does not reach its output by itself, which a few steps could not remove."""
    angle = timestep[:, None, None, None] * (math.pi / 2)
    return (angle.cos() * latent - clean) / angle.sin().clamp(min=0.05)


def routed(regions: Tensor, condition: ConditionFeatures) -> Tensor:
    """What each cell is told: its regions' tokens, and the regions themselves."""
    batch, count, height, width = regions.shape
    told = condition.region_tokens.transpose(1, 2) @ regions.flatten(2)
    return torch.cat([told.reshape(batch, -1, height, width), regions], dim=1)

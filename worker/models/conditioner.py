# SPDX-License-Identifier: Apache-2.0
"""Conditions as numbers: ids and colours -> tokens, a pooled vector, what each region is told, scene canvas.

Runs once when the settings change (graph "condition"), not every frame.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn

from mirage_lsd.worker.models.conditions import CATEGORIES, SCENES
from mirage_lsd.worker.models.config import REGIONS, TinyConfig

_UPPER, _PATTERN, _LOWER, _HAIR, _EXPRESSION, _SCENE, _LIGHT = range(7)
_DIRECT = 8  # direct channels: upper colour + changes, then the region's own colour + changes


class Conditioner(nn.Module):
    """ids i64 [B,7], colors [B,3,4] (r, g, b, given) -> tokens, pooled, region_tokens, scene_map."""

    def __init__(self, config: TinyConfig):
        super().__init__()
        width = config.token
        self.tables = nn.ModuleList(nn.Embedding(len(words), width) for words in CATEGORIES.values())
        self.color_token = nn.Linear(4, width)
        self.slots = nn.Parameter(torch.randn(8, width) * 0.5)  # 7 categories + scene/light summary
        self.token_mix = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        flat = 8 * width
        self.pool = nn.Sequential(nn.Linear(flat, 128), nn.SiLU(), nn.Linear(128, width))
        learned = config.region_token - _DIRECT
        self.region = nn.Sequential(nn.Linear(flat, 192), nn.SiLU(), nn.Linear(192, len(REGIONS) * learned))
        canvases = len(SCENES) * config.canvases_per_scene
        self.scene_canvas = nn.Parameter(torch.randn(canvases, config.latent, *config.canvas) * 0.1)
        self.canvases_per_scene = config.canvases_per_scene

    def forward(self, ids: Tensor, colors: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        words = torch.stack([table(ids[:, i]) for i, table in enumerate(self.tables)], dim=1)
        tints = self.color_token(colors)  # upper, lower, hair
        blank = torch.zeros_like(words[:, :1])
        summary = (words[:, _SCENE] + words[:, _LIGHT])[:, None]
        tinted = torch.cat([words[:, :1] + tints[:, :1], words[:, 1:2], words[:, 2:3] + tints[:, 1:2],
                            words[:, 3:4] + tints[:, 2:3], words[:, 4:], summary], dim=1)
        raw = tinted + self.slots[None]
        tokens = raw + self.token_mix(raw)
        flat = tokens.flatten(1)
        told = self.region(flat).reshape(ids.shape[0], len(REGIONS), -1)
        region_tokens = torch.cat([told, self._direct(ids, colors, blank)], dim=2)
        return tokens, self.pool(flat), region_tokens, self._canvas(ids)

    def _direct(self, ids: Tensor, colors: Tensor, blank: Tensor) -> Tensor:
        """[B,8,8]: colours passed straight to the regions they are about, so that any colour works."""
        empty = torch.zeros_like(colors[:, 0])
        upper, lower, hair = ((colors[:, i] - colors.new_tensor([0.5, 0.5, 0.5, 0.0])) * colors[:, i, 3:] * 2
                              for i in range(3))
        own = torch.stack([empty, empty, empty, hair, upper, lower, empty, hair], dim=1)
        return torch.cat([upper[:, None].expand_as(own), own], dim=2)

    def _canvas(self, ids: Tensor) -> Tensor:
        """The scene's learned canvas, zeros for "keep"; the U-Net fits it to the latent's size."""
        scene = ids[:, _SCENE]
        index = (scene - 1).clamp(min=0) * self.canvases_per_scene
        return self.scene_canvas[index] * (scene > 0).to(self.scene_canvas.dtype)[:, None, None, None]

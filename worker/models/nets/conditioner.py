# SPDX-License-Identifier: Apache-2.0
"""Conditions as numbers: ids and colours -> tokens, a pooled vector and what each region is told.

Runs once when the settings change (graph "condition"), not every frame. Colours only say here whether a part is to be
repainted: their values, patterns, scene pictures and lights are put on outside the nets (see Conditions.to_tokens).
"""
from __future__ import annotations

import torch
from torch import Tensor, nn

from mirage_lsd.worker.models.conditions import TABLE_ROWS
from mirage_lsd.worker.models.config import REGIONS, TinyConfig


class Conditioner(nn.Module):
    """ids i64 [B,7], colors [B,3,4] (0, 0, 0, given) -> tokens [B,8,64], pooled [B,64], region_tokens [B,8,32]."""

    def __init__(self, config: TinyConfig):
        super().__init__()
        width = config.token
        self.tables = nn.ModuleList(nn.Embedding(rows, width) for rows in TABLE_ROWS.values())
        self.color_token = nn.Linear(4, width)
        self.slots = nn.Parameter(torch.randn(8, width) * 0.5)  # 7 categories + the garments' summary
        self.token_mix = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        flat = 8 * width
        self.pool = nn.Sequential(nn.Linear(flat, 128), nn.SiLU(), nn.Linear(128, width))
        self.region = nn.Sequential(nn.Linear(flat, 192), nn.SiLU(),
                                    nn.Linear(192, len(REGIONS) * config.region_token))

    def forward(self, ids: Tensor, colors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        words = torch.stack([table(ids[:, i]) for i, table in enumerate(self.tables)], dim=1)
        tints = self.color_token(colors)  # upper, lower, hair
        summary = words[:, :1] + words[:, 2:3]
        tinted = torch.cat([words[:, :1] + tints[:, :1], words[:, 1:2], words[:, 2:3] + tints[:, 1:2],
                            words[:, 3:4] + tints[:, 2:3], words[:, 4:], summary], dim=1)
        raw = tinted + self.slots[None]
        tokens = raw + self.token_mix(raw)
        flat = tokens.flatten(1)
        return tokens, self.pool(flat), self.region(flat).reshape(ids.shape[0], len(REGIONS), -1)

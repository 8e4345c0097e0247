# SPDX-License-Identifier: Apache-2.0
"""The hidden state moved to now: latent, noise, temporal features and kv_cache follow the source's motion.

Graph "warp". Invariants: the noise keeps unit variance exactly (each cell takes ONE earlier cell, mixed with fresh
noise at weights whose squares sum to one), is unmoved where nothing moves, and what is unknown is fresh.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

REFRESH = 0.04  # variance of fresh noise each frame: cells that motion has merged part again


def moved(x: Tensor, flow: Tensor) -> Tensor:
    """x [B,C,h,w] sampled at position + flow [B,2,h,w] (dx, dy in cells), edges repeated. Places are worked out in
    float32 whatever x is, since half precision could not tell neighbouring cells apart."""
    columns, rows = _places(flow)
    height, width = x.shape[2:]
    grid = torch.stack([(columns * (2.0 / max(width - 1, 1)) - 1.0), (rows * (2.0 / max(height - 1, 1)) - 1.0)], dim=3)
    return F.grid_sample(x, grid.to(x.dtype), mode="bilinear", padding_mode="border", align_corners=True)


def at_level(flow: Tensor, occlusion: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """Flow in cells of a coarser map, and how visible its cells were [B,1,h,w]."""
    height, width = like.shape[2:]
    if (height, width) == flow.shape[2:]:
        return flow, 1.0 - occlusion
    size = {"size": (height, width), "mode": "bilinear", "align_corners": False}
    resized = F.interpolate(flow, **size)
    scaled = [resized[:, :1] * (width / flow.shape[3]), resized[:, 1:] * (height / flow.shape[2])]
    return torch.cat(scaled, dim=1), 1.0 - F.interpolate(occlusion, **size)


def moved_noise(noise: Tensor, fresh: Tensor, flow: Tensor, occlusion: Tensor, dither: Tensor) -> Tensor:
    """noise, fresh [B,C,h,w] of unit variance, dither [B,2] in -0.5..0.5 -> noise of unit variance."""
    columns, rows = _places(flow)
    height, width = noise.shape[2:]
    columns, rows = (torch.round(place + dither[:, i, None, None]) for i, place in enumerate((columns, rows)))
    inside = (columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1)
    grid = torch.stack([columns * (2.0 / (width - 1)) - 1.0, rows * (2.0 / (height - 1)) - 1.0], dim=3)
    kept = F.grid_sample(noise, grid, mode="nearest", padding_mode="border", align_corners=True)
    known = (1.0 - occlusion) * inside[:, None].to(noise.dtype) * (1.0 - REFRESH)
    return known.sqrt() * kept + (1.0 - known).sqrt() * fresh


class WarpGraph(nn.Module):
    """See graphs.py. Takes and gives the caches in the order of graphs.cache_names."""

    def forward(self, flow: Tensor, occlusion: Tensor, latent: Tensor, noise: Tensor, fresh: Tensor, dither: Tensor,
                *caches: Tensor) -> tuple[Tensor, ...]:
        out = [moved(latent, flow), moved_noise(noise, fresh, flow, occlusion, dither)]
        for cache in caches:
            level_flow, visible = at_level(flow, occlusion, cache)
            out.append(moved(cache, level_flow) * visible.to(cache.dtype))
        return tuple(out)


def _places(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Columns and rows [B,h,w], float32, that each cell looks at."""
    flow = flow.float()
    columns = torch.arange(flow.shape[3], dtype=flow.dtype, device=flow.device)[None, None, :] + flow[:, 0]
    rows = torch.arange(flow.shape[2], dtype=flow.dtype, device=flow.device)[None, :, None] + flow[:, 1]
    return columns, rows

# SPDX-License-Identifier: Apache-2.0
"""Frames in and out: "ingest" (BGRA bytes to the working picture) and "upscale" (the edit at full size).

The upscale has no weights: the diffused picture is enlarged, and the fine detail that only the full-size source has
is added to it in proportion to how closely the edit follows the source's brightness there (the slope of a guided
filter): kept places come back sharp, repainted ones get no foreign texture. The edit is then laid on the frame by
the matte, whose edge is drawn along the frame's own edges in the same way.
Invariant: strength 0 or matte 0 gives the frame, bit for bit; alpha is copied.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirage_lsd.worker.models.nets.upscaler import luma
from mirage_lsd.worker.v1.graphs.pictures import resized, slope

_RADIUS_PX = 2
_EPSILON = 1e-3  # brightness changes below some 3 % are noise, not detail


class IngestGraph(nn.Module):
    """frame u8 [H,W,4] BGRA -> source [1,3,h,w] RGB 0..1."""

    def __init__(self, size: tuple[int, int], dtype: torch.dtype):
        super().__init__()
        self._size, self._dtype = size, dtype

    def forward(self, frame: Tensor) -> Tensor:
        return resized(as_rgb(frame, torch.float32), self._size).to(self._dtype)


class UpscaleGraph(nn.Module):
    """frame u8 [H,W,4], source, picture [1,3,h,w], matte [1,1,h,w], strength [1] -> output u8 [H,W,4]."""

    def forward(self, frame: Tensor, source: Tensor, picture: Tensor, matte: Tensor, strength: Tensor) -> Tensor:
        full = as_rgb(frame, picture.dtype)
        size, brightness = full.shape[2:], luma(full)
        drawn = with_detail(picture, luma(source), brightness).clamp(0.0, 1.0)
        cover = F.interpolate(matte, size=size, mode="bilinear", align_corners=False)
        share = cover * strength.to(cover.dtype)[:, None, None, None]
        mixed = (full + share * (drawn - full)) * 255.0
        rgb = mixed[0].round().clamp(0.0, 255.0).to(torch.uint8)
        return torch.cat([rgb[2:3], rgb[1:2], rgb[0:1], frame[None, :, :, 3]], dim=0).permute(1, 2, 0).contiguous()


def with_detail(picture: Tensor, small_luma: Tensor, full_luma: Tensor) -> Tensor:
    """picture [1,3,h,w] enlarged to full_luma's size, with that one's fine detail where the two agree.

    enlarge(p - s*l) + enlarge(s)*L  is  enlarge(p)  plus  s * (full luma - its own enlarged working luma)."""
    share = slope(small_luma.float(), picture.float(), _RADIUS_PX, _EPSILON).clamp(0.0, 1.0)
    base = torch.cat([picture.float() - share * small_luma.float(), share], dim=1).to(picture.dtype)
    base = F.interpolate(base, size=full_luma.shape[2:], mode="bilinear", align_corners=False)
    return base[:, :3] + base[:, 3:] * full_luma


def as_rgb(frame: Tensor, dtype: torch.dtype) -> Tensor:
    """u8 [H,W,4] BGRA -> [1,3,H,W] RGB 0..1."""
    planes = frame.permute(2, 0, 1)[None].to(dtype) * (1.0 / 255.0)
    return torch.cat([planes[:, 2:3], planes[:, 1:2], planes[:, 0:1]], dim=1)

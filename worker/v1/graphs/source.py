# SPDX-License-Identifier: Apache-2.0
"""What the source picture says: its motion ("flow") and its latent and edit mask ("encode").

Motion and garment regions come from LSD-tiny's shipped nets, which look at the picture at the size that they were
trained at; always in float32, as they are small. Runs once a frame.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirage_lsd.worker.models.nets.upscaler import luma
from mirage_lsd.worker.v1.graphs.config import LATENT_FACTOR
from mirage_lsd.worker.v1.graphs.graphs import EDIT_REGIONS
from mirage_lsd.worker.v1.graphs.pictures import resized, slope
from mirage_lsd.worker.v1.graphs.shapes import SdShapes
from mirage_lsd.worker.v1.nets.taesd import Taesd

_RADIUS_PX = 4  # at the small size: how far a mask's edge may move to the picture's own
_EPSILON = 1e-3


class FlowGraph(nn.Module):
    """previous, source [1,3,h,w] -> flow [1,2,l8] in latent cells, occlusion [1,1,l8]."""

    def __init__(self, net: nn.Module, shapes: SdShapes):
        super().__init__()
        self.net = net
        self._small, self._cells = shapes.small_px[::-1], shapes.cells()

    def forward(self, previous: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        pictures = (resized(picture.float(), self._small) for picture in (previous, source))
        before, now = self.net.seen(*pictures)
        flow, occlusion = self.net.refined(before, now, self.net.match(before, now))
        rows, columns = flow.shape[2:]
        scaled = [flow[:, :1] * (self._cells[1] / columns), flow[:, 1:] * (self._cells[0] / rows)]
        both = F.interpolate(torch.cat([*scaled, occlusion.sigmoid()], dim=1), size=self._cells, mode="bilinear",
                             align_corners=False)
        return both[:, :2], both[:, 2:]


class EncodeGraph(nn.Module):
    """source, person_mask, edit_regions -> source_latent, edit_mask, matte; see graphs.py."""

    def __init__(self, autoencoder: Taesd, encoder: nn.Module, shapes: SdShapes, dtype: torch.dtype):
        super().__init__()
        self.autoencoder, self.encoder = autoencoder, encoder
        self._size, self._small, self._dtype = shapes.working_px[::-1], shapes.small_px[::-1], dtype

    def forward(self, source: Tensor, person_mask: Tensor, edit_regions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        small = resized(source.float(), self._small)
        person = resized(person_mask, self._small)
        parts = self.encoder(small, person)[3]
        layers = torch.cat([torch.ones_like(person), person, 1.0 - person,
                            F.interpolate(parts, size=self._small, mode="bilinear", align_corners=False)], dim=1)
        assert layers.shape[1] == EDIT_REGIONS, f"{layers.shape[1]} regions, the graph promises {EDIT_REGIONS}"
        cover = (layers * edit_regions[:, :, None, None]).sum(dim=1, keepdim=True).clamp(0.0, 1.0)
        matte = edge_aligned(cover, luma(small), luma(source.float()))
        cells = F.max_pool2d(F.avg_pool2d(matte, LATENT_FACTOR), 3, 1, 1)  # a cell more, for the edges
        return self.autoencoder.encode(source.to(self._dtype)).float(), cells, matte.to(self._dtype)


def edge_aligned(cover: Tensor, small_luma: Tensor, full_luma: Tensor) -> Tensor:
    """cover [1,1,s,s] enlarged to full_luma's size, its edges pulled onto the picture's (guided upsampling)."""
    share = slope(small_luma, cover, _RADIUS_PX, _EPSILON)
    both = F.interpolate(torch.cat([cover - share * small_luma, share], dim=1), size=full_luma.shape[2:],
                         mode="bilinear", align_corners=False)
    return (both[:, :1] + both[:, 1:] * full_luma).clamp(0.0, 1.0)

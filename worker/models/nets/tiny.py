# SPDX-License-Identifier: Apache-2.0
"""mirage-lsd-tiny as one torch module, and its graphs (models/graphs.py) as modules with flat tensors.

Used by training, by the eager engine and by the export; the live CPU worker never imports it.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn

from mirage_lsd.worker.models.config import MAX_STEPS, TINY, TinyConfig
from mirage_lsd.worker.models.nets.autoencoder import LayerDecoder, LayerEncoder
from mirage_lsd.worker.models.nets.blocks import warp_by_flow
from mirage_lsd.worker.models.nets.body_motion import BodyMotion
from mirage_lsd.worker.models.nets.conditioner import Conditioner
from mirage_lsd.worker.models.nets.encoder import SourceEncoder
from mirage_lsd.worker.models.nets.flow import FlowNet
from mirage_lsd.worker.models.nets.unet import (
    Anchor,
    Caches,
    ConditionFeatures,
    Recalled,
    SourceFeatures,
    SpatioTemporalUNet,
)
from mirage_lsd.worker.models.nets.upscaler import Upscaler
from mirage_lsd.worker.models.sampler import gaps_from_timesteps, uniform_timesteps


class MirageTiny(nn.Module):
    """All nets of the tiny model and its learned time-steps."""

    def __init__(self, config: TinyConfig = TINY):
        super().__init__()
        self.config = config
        self.layer_encoder = LayerEncoder(config)
        self.decoder = LayerDecoder(config)
        self.flow = FlowNet(config)
        self.encoder = SourceEncoder(config)
        self.body_motion = BodyMotion(config)
        self.conditioner = Conditioner(config)
        self.unet = SpatioTemporalUNet(config)
        self.upscaler = Upscaler(config)
        self.gaps = nn.ParameterDict({str(n): nn.Parameter(initial_gaps(n)) for n in range(1, MAX_STEPS + 1)})

    def timesteps(self, steps: int) -> Tensor:
        """Learned time-steps [steps], descending; see sampler.timesteps_from_gaps."""
        return 1.0 - self.gaps[str(steps)].softmax(dim=0).cumsum(dim=0)[:-1]


def initial_gaps(steps: int) -> Tensor:
    """Gap parameters to start learning from: uniform steps, squared, so that late steps refine what early ones found
    instead of burying it under noise again."""
    times = uniform_timesteps(steps)
    return torch.from_numpy(gaps_from_timesteps(0.9 * times**2 if steps > 1 else 0.9 * times))


class WarpGraph(nn.Module):
    def forward(self, motion: Tensor, occlusion: Tensor, latent: Tensor, c8: Tensor, c16: Tensor, c32: Tensor,
                last_surface: Tensor, last_buffers: Tensor) -> tuple[Tensor, ...]:
        return (*warp_state(motion, occlusion, latent, Caches(c8, c16, c32)),
                warp_by_flow(last_surface, finer(motion, 4)), warp_by_flow(last_buffers, finer(motion, 8)))


def finer(flow: Tensor, factor: int) -> Tensor:
    """A flow in cells [B,2,h,w] as one in cells a `factor` smaller."""
    return factor * nn.functional.interpolate(flow, scale_factor=float(factor), mode="bilinear", align_corners=False)


def warp_state(flow: Tensor, occlusion: Tensor, latent: Tensor, caches: Caches) -> tuple[Tensor, ...]:
    """Latent and caches of the frame before, moved to now; caches fade where there was nothing to see."""
    visible = 1.0 - occlusion
    moved = warp_by_flow(torch.cat([latent, caches.c8], dim=1), flow)
    out = [moved[:, : latent.shape[1]], moved[:, latent.shape[1] :] * visible]
    for cache in (caches.c16, caches.c32):
        flow = nn.functional.avg_pool2d(flow, 2) * 0.5
        visible = nn.functional.avg_pool2d(visible, 2)
        out.append(warp_by_flow(cache, flow) * visible)
    return tuple(out)


class RecallGraph(nn.Module):
    def __init__(self, model: MirageTiny):
        super().__init__()
        self.unet = model.unet

    def forward(self, s8, regions, tokens, region_tokens, c8, c16, c32, a16, a32, history) -> tuple[Tensor, ...]:
        return tuple(self.unet.recall(SourceFeatures(s8, None, None, regions),
                                      ConditionFeatures(tokens, None, region_tokens),
                                      Caches(c8, c16, c32), Anchor(a16, a32), history))


class DenoiseGraph(nn.Module):
    def __init__(self, model: MirageTiny):
        super().__init__()
        self.unet = model.unet

    def forward(self, latent, timestep, pooled, s16, s32, x8, t8, t16, t32, kv16, kv32, history) -> tuple[Tensor, ...]:
        velocity, caches = self.unet.step(latent, timestep, pooled, s16, s32,
                                          Recalled(x8, t8, t16, t32, kv16, kv32), history)
        return velocity, *caches


def graph_modules(model: MirageTiny) -> dict[str, nn.Module]:
    """The module of every graph in models/graphs.py."""
    return {"condition": model.conditioner, "flow": model.flow, "encode": model.encoder,
            "motion": model.body_motion, "warp": WarpGraph(), "recall": RecallGraph(model),
            "denoise": DenoiseGraph(model), "decode": model.decoder, "upscale": model.upscaler}

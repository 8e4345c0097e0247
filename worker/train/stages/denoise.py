# SPDX-License-Identifier: Apache-2.0
"""Stage 3: source encoder, conditioner, U-Net and decoder on single frames: the clean latent and what it decodes to,
region parsing and the body surface."""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from mirage_lsd.worker.models.nets.autoencoder import finish
from mirage_lsd.worker.models.nets.encoder import regions_from_logits
from mirage_lsd.worker.models.nets.tiny import MirageTiny
from mirage_lsd.worker.models.nets.unet import ConditionFeatures, SourceFeatures
from mirage_lsd.worker.train.learning import schedule
from mirage_lsd.worker.train.learning.losses import (
    asks_scene,
    dyes_of,
    layer_losses,
    region_loss,
    shape_loss,
    surface_losses,
    weighed,
)
from mirage_lsd.worker.train.runs import Stage, StageRun, fast_math, frame_of
from mirage_lsd.worker.train.stages.layers import layers_shown


def look_nets(model: MirageTiny) -> nn.ModuleList:
    """The nets that decide what is painted where."""
    return nn.ModuleList([model.encoder, model.conditioner, model.unet, model.decoder])


def train_denoiser(model: MirageTiny, stage: Stage) -> None:
    """Train with the layer encoder frozen."""
    model.layer_encoder.eval()  # its statistics are part of the latent space; a batch's own are noise on the targets
    nets = look_nets(model)
    run = StageRun(stage, "denoiser", nets)
    generator = run.generator()

    def losses(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        nets.train()
        return denoise_losses(model, batch, generator)

    run.learn(3, losses, lambda batch: denoise_sheet(model, batch))


def encode_source(model: MirageTiny, source: Tensor, mask: Tensor) -> tuple[SourceFeatures, Tensor, Tensor, Tensor]:
    """Source features, region logits, stem features x4 and surface."""
    s8, s16, s32, logits, x4, surface = model.encoder.features(source, mask)
    return SourceFeatures(s8, s16, s32, regions_from_logits(logits)), logits, x4, surface


def clean_weight(layer: Tensor, latent: Tensor) -> Tensor:
    """[B,1,h,w]: cells that the layer paints, or whose neighbours it paints, count more than empty ones."""
    painted = nn.functional.max_pool2d(layer[:, 3:4], 8)
    near = nn.functional.max_pool2d(painted, 3, 1, 1)
    return (0.5 + 0.5 * painted + 0.5 * near).to(latent.dtype)


def denoise_losses(model: MirageTiny, batch: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """Latent and picture error of one random denoising step, region and surface losses."""
    now = frame_of(batch, 0)
    with torch.no_grad(), fast_math():
        target = model.layer_encoder(now["layer"]).float()
    size = target.shape[0]
    noise = torch.randn(target.shape, generator=generator)
    with fast_math():
        source, logits, x4, surface = encode_source(model, now["source"], now["mask"])
        condition = ConditionFeatures(*model.conditioner(now["ids"], now["colors"]))
        noisy, times = schedule.visited(model, target, noise, source, condition, generator)
        velocity, _ = model.unet(noisy, times, source, condition, None, None, torch.zeros(size, 2))
        clean = schedule.clean_estimate(noisy, velocity, times)
        raw = model.decoder.raw(clean, x4, now["source"])
    gap = clean.float() - target
    loss = (gap.square() / (gap.square().detach() + 0.1).sqrt()) * clean_weight(now["layer"], target)
    dyes = dyes_of(batch, 0)
    pixels = {name: 0.5 * value
              for name, value in layer_losses(raw.float(), now["layer"], now["source"], dyes).items()}
    pixels["shape"] = shape_loss(raw.float(), now["layer"], now["source"], now["labels"], dyes,
                                 asks_scene(now["ids"]))
    return weighed({"latent": loss.mean(), "regions": 0.25 * region_loss(logits, now["labels"]),
                    **surface_losses(surface.float(), now["surface"], now["labels"]), **pixels})


def denoise_sheet(model: MirageTiny, batch: dict[str, Tensor], count: int = 6) -> np.ndarray:
    """Source, target, result of a 3-step run from pure noise, surface, then true and found buffers."""
    nets = look_nets(model)
    nets.eval()
    batch = {name: value[:count] for name, value in batch.items()}
    now = frame_of(batch, 0)
    with torch.no_grad():
        features, _, x4, surface = encode_source(model, now["source"], now["mask"])
        condition = ConditionFeatures(*model.conditioner(now["ids"], now["colors"]))
        size, (rows, columns) = len(features.s8), features.s8.shape[2:]
        noise = torch.randn(size, model.config.latent, rows, columns, generator=torch.Generator().manual_seed(0))
        _, sigma = schedule.alpha_sigma(model.timesteps(3)[:1])
        latent, _ = schedule.run_sampler(model, noise * sigma, 3, features, condition,
                                         *schedule.empty_history(model, size, rows, columns))
        found = finish(model.decoder.raw(latent, x4, now["source"]))
    return layers_shown(now["source"], now["layer"], found, dyes_of(batch, 0),
                        (surface_shown(now["surface"], now["source"]), surface_shown(surface, now["source"])))


def surface_shown(surface: Tensor, like: Tensor) -> Tensor:
    """A surface map as colours, with 5 cm bands of z."""
    full = nn.functional.interpolate(surface, size=like.shape[2:], mode="bilinear", align_corners=False)
    bands = ((full[:, 1:2] / 0.1) % 1.0 < 0.5).float() * 0.25
    colors = torch.cat([full[:, :1] + 0.5, full[:, 1:2] * 0.6 + 0.5, (full[:, 2:] + 1.0) / 3.4], 1)
    return colors.clamp(0, 1) * 0.75 + bands

# SPDX-License-Identifier: Apache-2.0
"""Stage 3: source encoder, conditioner and U-Net on single frames: clean-latent error and region parsing."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mirage_lsd.worker.models.autoencoder import composite, finish
from mirage_lsd.worker.models.encoder import regions_from_logits
from mirage_lsd.worker.models.tiny import MirageTiny
from mirage_lsd.worker.models.unet import ConditionFeatures, SourceFeatures
from mirage_lsd.worker.train import schedule
from mirage_lsd.worker.train.dataset import World, Worlds
from mirage_lsd.worker.train.losses import region_loss
from mirage_lsd.worker.train.runs import Loader, StageConfig, StageRun, tile


def look_nets(model: MirageTiny) -> nn.ModuleList:
    """The nets that decide what is painted where."""
    return nn.ModuleList([model.encoder, model.conditioner, model.unet])


def train_denoiser(model: MirageTiny, world: World | Worlds, folder: Path, config: StageConfig,
                   size_px: tuple[int, int], seed: int, report: Callable[[str], None]) -> None:
    """Train with the autoencoder frozen."""
    nets = look_nets(model)
    run = StageRun(folder, "denoiser", config, nets, list(nets.parameters()), report)
    loader = Loader(world, config.batch, 1, size_px, seed + 3, run.step)
    generator = torch.Generator().manual_seed(seed + run.step)
    latest: dict[str, Tensor] = {}

    def losses(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        nets.train()
        latest.update(batch)
        return denoise_losses(model, {name: value[:, 0] if value.ndim > 3 or name == "labels" else value
                                      for name, value in batch.items()}, generator)

    run.run(iter(loader), losses, lambda: denoise_sheet(model, latest))
    loader.close()


def encode_source(model: MirageTiny, source: Tensor, mask: Tensor) -> tuple[SourceFeatures, Tensor]:
    """Source features and region logits."""
    s8, s16, s32, logits = model.encoder.features(source, mask)
    return SourceFeatures(s8, s16, s32, regions_from_logits(logits)), logits


def clean_weight(layer: Tensor, latent: Tensor) -> Tensor:
    """[B,1,h,w]: cells that the layer paints, or whose neighbours it paints, count more than empty ones."""
    painted = nn.functional.max_pool2d(layer[:, 3:], 8)
    near = nn.functional.max_pool2d(painted, 3, 1, 1)
    return (0.5 + 0.5 * painted + 0.5 * near).to(latent.dtype)


def denoise_losses(model: MirageTiny, batch: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """Latent error of one random denoising step, and the region loss. Batch values without the time axis."""
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        target = model.layer_encoder(batch["layer"]).float()
    size = target.shape[0]
    times = schedule.sample_times(size, generator)
    noise = torch.randn(target.shape, generator=generator)
    with torch.autocast("cpu", torch.bfloat16):
        source, logits = encode_source(model, batch["source"], batch["mask"])
        condition = ConditionFeatures(*model.conditioner(batch["ids"], batch["colors"]))
        velocity, _ = model.unet(schedule.add_noise(target, noise, times), times, source, condition, None, None,
                                 torch.zeros(size, 2))
    alpha, sigma = schedule.alpha_sigma(times)
    # Error of the velocity is error of the clean latent / sigma; both small and large times stay bounded.
    gap = (velocity.float() - (alpha * noise - sigma * target)) * sigma
    loss = (gap.square() / (gap.square().detach() + 0.1).sqrt()) * clean_weight(batch["layer"], target)
    return {"latent": loss.mean(), "regions": 0.25 * region_loss(logits, batch["labels"])}


def denoise_sheet(model: MirageTiny, batch: dict[str, Tensor]) -> np.ndarray:
    """Source, target, result of a 3-step run from pure noise, true and found layer coverage."""
    nets = look_nets(model)
    nets.eval()
    count = min(6, len(batch["source"]))
    source, mask, layer = (batch[name][:count, 0] for name in ("source", "mask", "layer"))
    with torch.no_grad():
        features, _ = encode_source(model, source, mask)
        condition = ConditionFeatures(*model.conditioner(batch["ids"][:count], batch["colors"][:count]))
        rows, columns = features.s8.shape[2:]
        noise = torch.randn(count, model.config.latent, rows, columns, generator=torch.Generator().manual_seed(0))
        _, sigma = schedule.alpha_sigma(model.timesteps(3)[:1])
        latent, _ = schedule.run_sampler(model, noise * sigma, 3, features, condition,
                                         *schedule.empty_history(model, count, rows, columns))
        found = finish(model.decoder.raw(latent))
    return tile([source, composite(source, layer), composite(source, found), layer[:, 3:], found[:, 3:]])

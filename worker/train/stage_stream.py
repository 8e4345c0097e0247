# SPDX-License-Identifier: Apache-2.0
"""Stage 4: streaming. Two frames, the second through the unrolled few-step sampler with history from the first;
losses on decoded and upscaled pixels train the nets, the time-steps, the decoder and the upscaler together, and
the flow net learns on from the same pairs.

History is corrupted on purpose (noise, blur, another look, none), so that errors die out instead of building up
and a new prompt takes over at once.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirage_lsd.worker.models.autoencoder import composite, finish
from mirage_lsd.worker.models.tiny import MirageTiny, warp_state
from mirage_lsd.worker.models.unet import Anchor, ConditionFeatures
from mirage_lsd.worker.train import schedule
from mirage_lsd.worker.train.dataset import World, Worlds
from mirage_lsd.worker.train.losses import flow_losses, gradient_loss, layer_losses, region_loss
from mirage_lsd.worker.train.runs import Loader, StageConfig, StageRun, tile
from mirage_lsd.worker.train.stage_denoise import clean_weight, encode_source, look_nets

_STEPS = (3, 3, 3, 3, 3, 3, 2, 4, 1, 5)  # how often each step count is trained


def stream_nets(model: MirageTiny) -> nn.ModuleList:
    return nn.ModuleList([*look_nets(model), model.upscaler, model.gaps, model.decoder, model.flow])


def train_stream(model: MirageTiny, world: World | Worlds, folder: Path, config: StageConfig,
                 size_px: tuple[int, int], seed: int, report: Callable[[str], None]) -> None:
    """Train everything but the layer encoder, which defines the latent space and stays frozen."""
    nets = stream_nets(model)
    for parameter in nets.parameters():
        parameter.requires_grad_(True)
    late = [*model.upscaler.parameters(), *model.flow.parameters(), *model.gaps.parameters()]
    run = StageRun(folder, "stream", config, nets, list(nets.parameters()), report, late)
    loader = Loader(world, config.batch, 2, size_px, seed + 4, run.step)
    generator = torch.Generator().manual_seed(seed + run.step)
    latest: dict[str, Tensor] = {}

    def losses(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        nets.train()
        latest.update(batch)
        steps = _STEPS[int(torch.randint(0, len(_STEPS), (), generator=generator))]
        return stream_losses(model, batch, steps, generator)

    run.run(iter(loader), losses, lambda: stream_sheet(model, latest))
    loader.close()
    nets.eval()


def corrupt_history(latent: Tensor, generator: torch.Generator) -> Tensor:
    """A previous output latent as a drifting stream might have it: noisy, blurred, or another look's."""
    draw = torch.rand(latent.shape[0], 3, generator=generator)
    noisy = latent + torch.randn(latent.shape, generator=generator) * (draw[:, 1] * 0.5)[:, None, None, None]
    blurred = F.avg_pool2d(noisy, 3, 1, 1, count_include_pad=False)
    choice = draw[:, 0][:, None, None, None]
    other = noisy.roll(1, dims=0)
    return torch.where(choice < 0.45, noisy, torch.where(choice < 0.7, blurred, other))


def first_frame(model: MirageTiny, batch: dict[str, Tensor], condition: ConditionFeatures, noise: Tensor,
                flow: Tensor, occlusion: Tensor, generator: torch.Generator) -> tuple[Tensor, object, Tensor]:
    """Warped latent and caches of frame 0 and its anchor, without gradients; history flags [B,2]."""
    with torch.no_grad():
        latent = corrupt_history(model.layer_encoder(batch["layer"][:, 0]), generator)
        source, _ = encode_source(model, batch["source"][:, 0], batch["mask"][:, 0])
        caches, anchor, history = schedule.empty_history(model, latent.shape[0], *latent.shape[2:])
        last = model.timesteps(3)[-1:].expand(latent.shape[0])
        noisy = schedule.add_noise(latent, noise, last)
        _, caches = model.unet(noisy, last, source, condition, caches, anchor, history)
        moved, *warped = warp_state(flow, occlusion, latent, caches)
        flags = (torch.rand(latent.shape[0], 2, generator=generator) < torch.tensor([0.85, 0.75])).float()
        flags[:, 1] *= flags[:, 0]
        start = moved * (1 - occlusion) * flags[:, :1, None, None]
    return start, (type(caches)(*warped), Anchor(caches.c16, caches.c32)), flags


def stream_losses(model: MirageTiny, batch: dict[str, Tensor], steps: int, generator: torch.Generator
                  ) -> dict[str, Tensor]:
    """Losses of frame 1 of a two-frame run."""
    layer, frame = batch["layer"][:, 1], batch["source"][:, 1]
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        target = model.layer_encoder(layer).float()
    noise = torch.randn(target.shape, generator=generator)
    flow, hidden = model.flow.raw(batch["source"][:, 0], frame)
    motion = flow_losses(flow, hidden, batch["flow"][:, 1], batch["occlusion"][:, 1])
    with torch.autocast("cpu", torch.bfloat16):
        condition = ConditionFeatures(*model.conditioner(batch["ids"], batch["colors"]))
        start, (caches, anchor), history = first_frame(model, batch, condition, noise, flow.detach(),
                                                         hidden.detach().sigmoid(), generator)
        source, logits = encode_source(model, frame, batch["mask"][:, 1])
        times = model.timesteps(steps)
        latent, _ = schedule.run_sampler(model, schedule.add_noise(start, noise, times[:1].expand(len(noise))), steps,
                                         source, condition, caches, anchor, history)
        raw = model.decoder.raw(latent)
        picture = model.upscaler.picture(frame, frame, finish(raw.detach()).float())
    gap = (latent.float() - target).abs() * clean_weight(layer, target)
    wanted = composite(frame, layer)
    pixels = {name: 0.5 * value for name, value in layer_losses(raw.float(), layer).items()}
    regions = 0.15 * region_loss(logits, batch["labels"][:, 1])
    return {"latent": 0.5 * gap.mean(), "regions": regions, **pixels, **motion,
            "picture": 2.0 * (picture.float() - wanted).abs().mean() + gradient_loss(picture.float(), wanted)}


def stream_sheet(model: MirageTiny, batch: dict[str, Tensor]) -> np.ndarray:
    """Source, target, a 3-step result at frame 1 with history (decoded, then upscaled), true and found coverage."""
    stream_nets(model).eval()
    batch = {name: value[:6] for name, value in batch.items()}
    generator = torch.Generator().manual_seed(0)
    frame, layer = batch["source"][:, 1], batch["layer"][:, 1]
    with torch.no_grad():
        condition = ConditionFeatures(*model.conditioner(batch["ids"], batch["colors"]))
        noise = torch.randn(len(frame), model.config.latent, *condition.scene_map.shape[2:], generator=generator)
        noise = F.interpolate(noise, size=(frame.shape[2] // 8, frame.shape[3] // 8))
        start, (caches, anchor), history = first_frame(model, batch, condition, noise,
                                                         *model.flow(batch["source"][:, 0], frame), generator)
        source, _ = encode_source(model, frame, batch["mask"][:, 1])
        first = model.timesteps(3)[:1].expand(len(noise))
        latent, _ = schedule.run_sampler(model, schedule.add_noise(start, noise, first), 3, source, condition, caches,
                                         anchor, history)
        found = model.decoder(latent)
        sharp = model.upscaler.picture(frame, frame, found)
    return tile([frame, composite(frame, layer), composite(frame, found), sharp, layer[:, 3:], found[:, 3:]])

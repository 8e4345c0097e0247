# SPDX-License-Identifier: Apache-2.0
"""Stage 5: streaming. Two or three frames, the last through the unrolled few-step sampler with history from those
before; losses on decoded and upscaled pixels train nets, time-steps, decoder and upscaler together.

History is either corrupted truth (noise, blur, another look, none), so that errors die out instead of building up
and a new prompt takes over at once, or the model's own up to six frames before, so that what it adds to its own past
does not grow, and then its error must move along with the picture: what does not change does not flicker.
"""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mirage_lsd.worker.models.nets.autoencoder import composite, finish
from mirage_lsd.worker.models.nets.blocks import warp_by_flow
from mirage_lsd.worker.models.nets.tiny import MirageTiny, warp_state
from mirage_lsd.worker.models.nets.unet import Anchor, Caches, ConditionFeatures
from mirage_lsd.worker.tracking.motion import Motion
from mirage_lsd.worker.tracking.steady import LATENT_INERTIA
from mirage_lsd.worker.train.learning import schedule
from mirage_lsd.worker.train.learning.losses import (
    asks_scene,
    dyes_of,
    gradient_loss,
    layer_losses,
    region_loss,
    shape_loss,
    surface_losses,
    swimming_loss,
    weighed,
)
from mirage_lsd.worker.train.runs import Stage, StageRun, fast_math, frame_of
from mirage_lsd.worker.train.stages.denoise import clean_weight, encode_source, look_nets, surface_shown
from mirage_lsd.worker.train.stages.flow import search
from mirage_lsd.worker.train.stages.layers import layers_shown

STEPS = (3, 3, 3, 3, 3, 3, 2, 4, 1, 5)  # how often each step count is trained
_ALONE = 0.5  # share of batches whose frame begins a stream: so many more frames are seen in the same time
_OWN = 0.5  # share of the others whose history is the model's own frames
_LONGEST = 6  # own frames before the one that is learned from


class Past(NamedTuple):
    """What a frame starts from. start: warped latent, as little of it as live; flags [B,2]: has cache, has anchor;
    error: warped error of the model's own frame before and where it counts, or None with corrupted truth;
    surface_error [B,3,H/4,W/4]: of that frame's surface, not warped; None without a frame before."""

    start: Tensor
    caches: Caches
    anchor: Anchor
    flags: Tensor
    error: tuple[Tensor, Tensor] | None
    surface_error: Tensor | None


def stream_nets(model: MirageTiny) -> nn.ModuleList:
    return nn.ModuleList([*look_nets(model), model.upscaler, model.gaps])


def train_stream(model: MirageTiny, stage: Stage) -> None:
    """Train everything but the layer encoder, which defines the latent space, and the flow, which has been."""
    nets = stream_nets(model)
    model.flow.eval()
    model.layer_encoder.eval()
    nets.requires_grad_(True)
    model.gaps.requires_grad_(not stage.config.hold_times)
    late = [*model.upscaler.parameters(), *model.gaps.parameters()]
    run = StageRun(stage, "stream", nets, fast=late)
    generator = run.generator()

    def losses(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        nets.train()
        steps = STEPS[int(torch.randint(0, len(STEPS), (), generator=generator))]
        return stream_losses(model, batch, steps, generator)

    run.learn(4, losses, lambda batch: stream_sheet(model, batch))
    nets.eval().requires_grad_(True)


def way_to(t: int, pasts: int) -> list[int]:
    """The last `pasts` frames of a stream before frame t, oldest first, then t itself: to and fro over the few frames
    there are, since what a stream adds to its own past, frame after frame, shows only in a long one."""
    there_and_back = [*range(t, -1, -1), *range(1, t)]
    return [there_and_back[step % len(there_and_back)] for step in range(pasts, -1, -1)]


@torch.no_grad()
def motion_between(model: MirageTiny, batch: dict[str, Tensor], before: int, t: int) -> tuple[Tensor, Tensor]:
    """Flow and occlusion between two frames, as live."""
    pair = batch["source"][:, [before, t]]
    return model.flow(pair[:, 0], pair[:, 1], search(Motion(), pair))


@torch.no_grad()
def past_of(model: MirageTiny, batch: dict[str, Tensor], way: list[int], condition: ConditionFeatures, noise: Tensor,
            generator: torch.Generator, own: bool) -> Past:
    """The last frame but one of a way, without gradients, moved to the last: corrupted truth or the model's `own`,
    which has the way before it for its past."""
    *earlier, before, t = way
    last = frame_of(batch, before)
    truth = model.layer_encoder(last["layer"])
    source, _, _, surface = encode_source(model, last["source"], last["mask"])
    caches, anchor, flags = schedule.empty_history(model, len(truth), *truth.shape[2:])
    times = model.timesteps(3)
    if own:
        start = torch.zeros_like(truth)
        if earlier:
            start, caches, anchor, flags, *_ = past_of(model, batch, [*earlier, before], condition, noise, generator,
                                                       True)
        noisy = schedule.add_noise(start, noise, times[:1].expand(len(truth)))
        latent, caches = schedule.run_sampler(model, noisy, 3, source, condition, caches, anchor, flags)
    else:
        latent = schedule.corrupt_history(truth, generator)
        noisy = schedule.add_noise(latent, noise, times[-1:].expand(len(latent)))
        _, caches = model.unet(noisy, times[-1:].expand(len(latent)), source, condition, caches, anchor, flags)
    has_anchor = flags[:, 1:, None, None]
    anchor = Anchor(*(old * has_anchor + new * (1.0 - has_anchor)
                      for old, new in ((anchor.a16, caches.c16), (anchor.a32, caches.c32))))
    motion = motion_between(model, batch, before, t)
    return _moved(motion, latent, truth, caches, anchor, surface - last["surface"], own, generator)


def any_past(model: MirageTiny, batch: dict[str, Tensor], t: int, condition: ConditionFeatures, noise: Tensor,
             generator: torch.Generator) -> Past:
    """A random past of frame t, or none."""
    alone, own, pasts = torch.rand(3, generator=generator).tolist()
    if alone < _ALONE:
        return Past(torch.zeros_like(noise), *schedule.empty_history(model, len(noise), *noise.shape[2:]), None, None)
    return past_of(model, batch, way_to(t, 1 + int(pasts * _LONGEST)), condition, noise, generator, own < _OWN)


def _moved(motion: tuple[Tensor, Tensor], latent: Tensor, truth: Tensor, caches: Caches, anchor: Anchor,
           surface_error: Tensor, own: bool, generator: torch.Generator) -> Past:
    """What a frame leaves to the next; some streams forget cache or anchor."""
    moved, *warped = warp_state(*motion, latent, caches)
    flags = (torch.rand(len(latent), 2, generator=generator) < torch.tensor([0.85, 0.75])).float()
    flags[:, 1] *= flags[:, 0]
    seen = (1 - motion[1]) * flags[:, :1, None, None]
    error = (warp_by_flow(latent - truth, motion[0]), seen) if own else None
    return Past(LATENT_INERTIA * moved * seen, Caches(*warped), anchor, flags, error, surface_error)


def stream_losses(model: MirageTiny, batch: dict[str, Tensor], steps: int, generator: torch.Generator
                  ) -> dict[str, Tensor]:
    """Losses of a run's last frame."""
    t = batch["source"].shape[1] - 1
    now = frame_of(batch, t)
    layer, frame, dyes = now["layer"], now["source"], dyes_of(batch, t)
    with torch.no_grad(), fast_math():
        target = model.layer_encoder(layer).float()
    noise = torch.randn(target.shape, generator=generator)
    with fast_math():
        condition = ConditionFeatures(*model.conditioner(batch["ids"], batch["colors"]))
        past = any_past(model, batch, t, condition, noise, generator)
        source, logits, x4, surface = encode_source(model, frame, now["mask"])
        first = model.timesteps(steps)[:1].expand(len(noise))
        latent, _ = schedule.run_sampler(model, schedule.add_noise(past.start, noise, first), steps, source, condition,
                                         past.caches, past.anchor, past.flags)
        raw = model.decoder.raw(latent, x4, frame)
        picture = model.upscaler.picture(frame, finish(raw.detach()).float(), *dyes)
    gap = latent.float() - target
    steady = swimming = latent.new_zeros(())
    if past.error is not None:
        steady = ((gap - past.error[0]).abs() * past.error[1]).mean()
    if past.surface_error is not None:
        swimming = swimming_loss(surface - now["surface"], past.surface_error, now)
    wanted = composite(frame, layer, *dyes)
    pixels = {name: 0.5 * value for name, value in layer_losses(raw.float(), layer, frame, dyes).items()}
    pixels["shape"] = shape_loss(raw.float(), layer, frame, now["labels"], dyes, asks_scene(now["ids"]))
    return weighed({
        "latent": 0.5 * (gap.abs() * clean_weight(layer, target)).mean(), "steady": 0.4 * steady,
        "regions": 0.15 * region_loss(logits, now["labels"]),
        **surface_losses(surface.float(), now["surface"], now["labels"]),
        "swimming": 12.0 * swimming, **pixels,
        "picture": 2.0 * (picture.float() - wanted).abs().mean() + gradient_loss(picture.float(), wanted)})


def stream_sheet(model: MirageTiny, batch: dict[str, Tensor], count: int = 6) -> np.ndarray:
    """Source, target, a 3-step result at the last frame, upscaled, surface, then true and found buffers."""
    stream_nets(model).eval()
    batch = {name: value[:count] for name, value in batch.items()}
    t = batch["source"].shape[1] - 1
    now, dyes = frame_of(batch, t), dyes_of(batch, t)
    generator = torch.Generator().manual_seed(0)
    frame = now["source"]
    with torch.no_grad():
        condition = ConditionFeatures(*model.conditioner(batch["ids"], batch["colors"]))
        rows, columns = frame.shape[2] // 8, frame.shape[3] // 8
        noise = torch.randn(len(frame), model.config.latent, rows, columns, generator=generator)
        past = any_past(model, batch, t, condition, noise, generator)
        source, _, x4, surface = encode_source(model, frame, now["mask"])
        first = model.timesteps(3)[:1].expand(len(noise))
        latent, _ = schedule.run_sampler(model, schedule.add_noise(past.start, noise, first), 3, source, condition,
                                         past.caches, past.anchor, past.flags)
        found = model.decoder(latent, x4, frame)
        sharp = model.upscaler.picture(frame, found, *dyes)
    return layers_shown(frame, now["layer"], found, dyes, (sharp, surface_shown(surface, frame)))

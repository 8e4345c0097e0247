# SPDX-License-Identifier: Apache-2.0
"""Stage 7: the decoder alone, on the latents that the other nets end with at the learned time-steps, as they will be.

While everything learns, the decoder runs after latents that change; and after weights were averaged, it has never seen
theirs. Held latents cost a forward pass, and are met several times: three times as many steps in the same time.
"""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mirage_lsd.worker.models.nets.autoencoder import finish
from mirage_lsd.worker.models.nets.tiny import MirageTiny
from mirage_lsd.worker.models.nets.unet import ConditionFeatures
from mirage_lsd.worker.tracking.steady import LATENT_INERTIA
from mirage_lsd.worker.train.learning import schedule
from mirage_lsd.worker.train.learning.echo import met_again
from mirage_lsd.worker.train.learning.losses import asks_scene, dyes_of, layer_losses, shape_loss, weighed
from mirage_lsd.worker.train.runs import Batches, Stage, StageRun, fast_math, frame_of
from mirage_lsd.worker.train.stages.denoise import encode_source
from mirage_lsd.worker.train.stages.layers import layers_shown
from mirage_lsd.worker.train.stages.stream import STEPS

MET, KEPT = 5, 64  # how often a batch of latents is met on average, from among how many
_KNOWN = 0.5  # share of batches that start with something of a past


def train_decoder(model: MirageTiny, stage: Stage) -> None:
    """Train `model.decoder`; all else is held."""
    model.eval()
    run = StageRun(stage, "decoder", model.decoder)

    def losses(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        model.decoder.train()
        return decoder_losses(model, batch)

    generator = run.generator()

    def prepared(batches: Batches) -> Batches:
        latents = (with_latents(model, batch, generator) for batch in batches)
        return met_again(latents, KEPT, MET, stage.seed + run.step)

    run.learn(7, losses, lambda batch: decoder_sheet(model, batch), prepare=prepared)
    model.eval()


@torch.no_grad()
def with_latents(model: MirageTiny, batch: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """A batch with "latent" [B,24,H/8,W/8], from a whole run as a frame has it live, and "x4", the decoder's guide."""
    now = frame_of(batch, 0)
    known = float(torch.rand((), generator=generator) < _KNOWN)
    steps = STEPS[int(torch.randint(0, len(STEPS), (), generator=generator))]
    with fast_math():
        truth = model.layer_encoder(now["layer"]).float()
        source, _, x4, _ = encode_source(model, now["source"], now["mask"])
        condition = ConditionFeatures(*model.conditioner(now["ids"], now["colors"]))
        start = LATENT_INERTIA * known * schedule.corrupt_history(truth, generator)
        noise = torch.randn(truth.shape, generator=generator)
        start = schedule.add_noise(start, noise, model.timesteps(steps)[:1].expand(len(truth)))
        latent, _ = schedule.run_sampler(model, start, steps, source, condition,
                                         *schedule.empty_history(model, len(truth), *truth.shape[2:]))
    return {**batch, "latent": latent.float()[:, None], "x4": x4[:, None]}


def decoder_losses(model: MirageTiny, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Errors of what is decoded."""
    now, dyes = frame_of(batch, 0), dyes_of(batch, 0)
    with fast_math():
        raw = model.decoder.raw(now["latent"], now["x4"], now["source"])
    found = {name: 0.5 * value for name, value in layer_losses(raw.float(), now["layer"], now["source"], dyes).items()}
    found["shape"] = shape_loss(raw.float(), now["layer"], now["source"], now["labels"], dyes, asks_scene(now["ids"]))
    return weighed(found)


def decoder_sheet(model: MirageTiny, batch: dict[str, Tensor], count: int = 6) -> np.ndarray:
    """Source, target, result, then true and found buffers."""
    model.decoder.eval()
    batch = {name: value[:count] for name, value in batch.items()}
    now = frame_of(batch, 0)
    with torch.no_grad():
        found = finish(model.decoder.raw(now["latent"], now["x4"].float(), now["source"]))
    return layers_shown(now["source"], now["layer"], found, dyes_of(batch, 0))

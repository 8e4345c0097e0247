# SPDX-License-Identifier: Apache-2.0
"""Stage 1: the edit-layer autoencoder, with the source encoder's stem as all of the decoder's guide."""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from mirage_lsd.worker.models.nets.autoencoder import composite, finish
from mirage_lsd.worker.models.nets.tiny import MirageTiny
from mirage_lsd.worker.train.learning.losses import dyes_of, layer_losses
from mirage_lsd.worker.train.runs import Stage, StageRun, fast_math, tile

_NOISE = 0.12  # latent noise the decoder must bear, in latent standard deviations


def train_autoencoder(model: MirageTiny, stage: Stage) -> None:
    """Train layer_encoder and decoder; the encoder then stays frozen, because it defines the latent space."""
    both = nn.ModuleList([model.layer_encoder, model.decoder, model.encoder.stem])
    run = StageRun(stage, "autoencoder", both)
    generator = run.generator()

    def losses(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        both.train()
        layer, source = batch["layer"][:, 0], batch["source"][:, 0]
        with fast_math():
            latent = model.layer_encoder(layer)
            noisy = latent + _NOISE * torch.randn(latent.shape, generator=generator)
            raw = model.decoder.raw(noisy, model.encoder.unparsed(source, batch["mask"][:, 0]), source)
        return layer_losses(raw.float(), layer, source, dyes_of(batch, 0))

    run.learn(1, losses, lambda batch: layer_sheet(model, batch))
    both.eval()
    for parameter in model.layer_encoder.parameters():
        parameter.requires_grad_(False)


def layer_sheet(model: MirageTiny, batch: dict[str, Tensor], count: int = 6) -> np.ndarray:
    """Source, target, decoded; undyed colour, coverage and dye shares, true and decoded."""
    both = nn.ModuleList([model.layer_encoder, model.decoder, model.encoder.stem])
    both.eval()
    source, layer = batch["source"][:count, 0], batch["layer"][:count, 0]
    dyes = tuple(value[:count] for value in dyes_of(batch, 0))
    with torch.no_grad():
        x4 = model.encoder.unparsed(source, batch["mask"][:count, 0])
        found = finish(model.decoder.raw(model.layer_encoder(layer), x4, source))
    return layers_shown(source, layer, found, dyes)


def layers_shown(source: Tensor, layer: Tensor, found: Tensor, dyes: tuple[Tensor, ...],
                 more: tuple[Tensor, ...] = ()) -> np.ndarray:
    """The columns of every stage's sheet: source, target, found, then the buffers of both."""
    columns = [source, composite(source, layer, *dyes), composite(source, found, *dyes), *more]
    for item in (layer, found):
        columns += [item[:, :3] * item[:, 3:4] * (1 - item[:, 7:]), item[:, 3:4], item[:, 4:7]]
    return tile(columns)

# SPDX-License-Identifier: Apache-2.0
"""Stage 4: the body surface, on source pictures alone, which are many times cheaper than whole samples.

The encoder's trunk learns with its surface branch, but what it tells the other nets (features at 1/8, 1/16, 1/32) is
held to what it told them before, so that they need not learn anew.
"""
from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from mirage_lsd.worker.models.nets.encoder import SourceEncoder
from mirage_lsd.worker.models.nets.tiny import MirageTiny
from mirage_lsd.worker.train.learning.losses import region_loss, surface_losses
from mirage_lsd.worker.train.runs import Stage, StageRun, fast_math, frame_of, tile
from mirage_lsd.worker.train.samples.compose import compose_source
from mirage_lsd.worker.train.stages.denoise import surface_shown

HELD = 3  # of the encoder's outputs: features at 1/8, 1/16, 1/32


def train_surface(model: MirageTiny, stage: Stage) -> None:
    """Train the encoder with its stem frozen, which guides the decoder too."""
    encoder, before = model.encoder, copy.deepcopy(model.encoder).eval()
    encoder.stem.requires_grad_(False)
    learning = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    run = StageRun(stage, "surface", encoder, learning)

    def losses(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        encoder.train()
        encoder.stem.eval()
        return source_losses(encoder, before, frame_of(batch, 0))

    run.learn(5, losses, lambda batch: surface_sheet(encoder, batch), make=compose_source)
    encoder.eval().stem.requires_grad_(True)


def source_losses(encoder: SourceEncoder, before: SourceEncoder, now: dict[str, Tensor]) -> dict[str, Tensor]:
    """Losses of the surface, of the regions, and of what the encoder tells the other nets against `before`."""
    with fast_math():
        *told, logits, _, surface = encoder.features(now["source"], now["mask"])
        with torch.no_grad():
            wanted = before.features(now["source"], now["mask"])[:HELD]
    changed = sum((one.float() - other.float()).square().mean() / other.float().square().mean().clamp(min=1e-6)
                  for one, other in zip(told, wanted, strict=True))
    return {**surface_losses(surface.float(), now["surface"], now["labels"]),
            "regions": 0.3 * region_loss(logits, now["labels"]), "held": 1.5 * changed}


@torch.no_grad()
def surface_sheet(encoder: SourceEncoder, batch: dict[str, Tensor], count: int = 6) -> np.ndarray:
    """Source, true and found surface."""
    encoder.eval()
    now = {name: value[:count] for name, value in frame_of(batch, 0).items()}
    found = encoder.features(now["source"], now["mask"])[-1]
    return tile([now["source"], *(surface_shown(surface, now["source"]) for surface in (now["surface"], found))])

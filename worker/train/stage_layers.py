# SPDX-License-Identifier: Apache-2.0
"""Stage 1: the edit-layer autoencoder, on crops; then the scene canvases are filled from it."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from mirage_lsd.worker.models.autoencoder import composite, finish
from mirage_lsd.worker.models.tiny import MirageTiny
from mirage_lsd.worker.train.compose import scene_pictures
from mirage_lsd.worker.train.dataset import World, Worlds
from mirage_lsd.worker.train.losses import layer_losses
from mirage_lsd.worker.train.runs import Loader, StageConfig, StageRun, tile

_NOISE = 0.12  # latent noise the decoder must bear, in latent standard deviations


def train_autoencoder(model: MirageTiny, world: World | Worlds, folder: Path, config: StageConfig,
                      size_px: tuple[int, int], seed: int, report: Callable[[str], None]) -> None:
    """Train layer_encoder and decoder, then freeze them and fill the canvases."""
    both = nn.ModuleList([model.layer_encoder, model.decoder])
    run = StageRun(folder, "autoencoder", config, both, list(both.parameters()), report)
    loader = Loader(world, config.batch, 1, size_px, seed + 1, run.step)
    generator = torch.Generator().manual_seed(seed + run.step)
    latest: dict[str, Tensor] = {}

    def losses(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        both.train()
        layer = crop_layers(batch["layer"][:, 0], generator)
        latest["layer"] = layer
        with torch.autocast("cpu", torch.bfloat16):
            latent = model.layer_encoder(layer)
            raw = model.decoder.raw(latent + _NOISE * torch.randn(latent.shape, generator=generator))
        return layer_losses(raw.float(), layer)

    def sheet() -> np.ndarray:
        return layer_sheet(model, latest["layer"][:6])

    run.run(iter(loader), losses, sheet)
    loader.close()
    both.eval()
    for parameter in both.parameters():
        parameter.requires_grad_(False)
    fill_canvases(model, world)


def crop_layers(layer: Tensor, generator: torch.Generator, side: int = 192) -> Tensor:
    """The same random crop [B,4,side,side] of a batch of layers (pictures smaller than that stay whole)."""
    rows, columns = layer.shape[2:]
    height, width = min(side, rows), min(side, columns)
    top = int(torch.randint(0, rows - height + 1, (), generator=generator))
    left = int(torch.randint(0, columns - width + 1, (), generator=generator))
    return layer[:, :, top : top + height, left : left + width]


def layer_sheet(model: MirageTiny, layer: Tensor) -> np.ndarray:
    """Target on grey, decoded on grey, target alpha, decoded alpha."""
    model.layer_encoder.eval()
    model.decoder.eval()
    with torch.no_grad():
        decoded = finish(model.decoder.raw(model.layer_encoder(layer)))
    grey = torch.full_like(layer[:, :3], 0.5)
    return tile([composite(grey, layer), composite(grey, decoded), layer[:, 3:], decoded[:, 3:]])


def fill_canvases(model: MirageTiny, world: World | Worlds) -> None:
    """Start each scene's canvas as the latent of its picture, at full coverage."""
    width, height = model.config.canvas[1] * 8, model.config.canvas[0] * 8
    pictures = [cv2.resize(scene, (width, height), interpolation=cv2.INTER_AREA) for scene in scene_pictures(world)]
    rgb = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255.0
    layer = torch.cat([rgb, torch.ones_like(rgb[:, :1])], dim=1)
    with torch.no_grad():
        model.conditioner.scene_canvas.copy_(model.layer_encoder(layer))

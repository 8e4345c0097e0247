# SPDX-License-Identifier: Apache-2.0
"""A quick look at a weights file on composed samples of a split: a few figures in about a minute.

    python -m mirage_lsd.worker.train.check --weights FILE --world DIR/val [--samples 96] [--steps 3]

Single frames without history, composed with a fixed seed. The full evaluation is `mirage-lsd eval`.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from mirage_lsd.worker.engines.device.eager import load_model
from mirage_lsd.worker.models.nets.autoencoder import composite
from mirage_lsd.worker.models.nets.tiny import MirageTiny
from mirage_lsd.worker.models.nets.unet import ConditionFeatures
from mirage_lsd.worker.models.sampler import uniform_timesteps
from mirage_lsd.worker.models.weights import DEFAULT_WEIGHTS
from mirage_lsd.worker.train.learning import schedule
from mirage_lsd.worker.train.runs import stack
from mirage_lsd.worker.train.samples.compose import compose
from mirage_lsd.worker.train.samples.dataset import open_world
from mirage_lsd.worker.train.stages.denoise import encode_source


def painted(model: MirageTiny, batch: dict[str, Tensor], steps: int, timesteps: Tensor | None) -> tuple[Tensor, Tensor]:
    """The found layer and the upscaled picture of first frames."""
    frame = batch["source"][:, 0]
    source, _ = encode_source(model, frame, batch["mask"][:, 0])
    condition = ConditionFeatures(*model.conditioner(batch["ids"], batch["colors"]))
    count, _, rows, columns = source.s8.shape
    noise = torch.randn(count, model.config.latent, rows, columns, generator=torch.Generator().manual_seed(1))
    times = model.timesteps(steps) if timesteps is None else timesteps
    _, sigma = schedule.alpha_sigma(times[:1])
    latent, _ = schedule.run_sampler(model, noise * sigma, steps, source, condition,
                                     *schedule.empty_history(model, count, rows, columns), times)
    layer = model.decoder(latent)
    return layer, model.upscaler.picture(frame, frame, layer)


def psnr_db(error: Tensor) -> float:
    return float(-10 * torch.log10(error.square().mean().clamp(min=1e-7)))


def figures(model: MirageTiny, world_dir: Path, samples: int, steps: int, uniform: bool) -> dict[str, float]:
    """Means over samples; see the keys."""
    world, rows = open_world(world_dir), []
    times = torch.from_numpy(uniform_timesteps(steps)) if uniform else None
    for first in range(0, samples, 8):
        rngs = [np.random.default_rng((77, first + i)) for i in range(8)]
        batch = stack([compose(world, rng, 1, (320, 192)) for rng in rngs])
        with torch.inference_mode():
            layer, picture = painted(model, batch, steps, times)
        for i in range(8):
            wanted, found = batch["layer"][i, 0], layer[i]
            target = composite(batch["source"][i, :1], wanted[None])[0]
            inside, outside = wanted[3] > 0.5, wanted[3] < 0.02
            row = {"full_psnr_db": psnr_db(picture[i] - target)}
            if outside.sum() > 500:
                row["kept_psnr_db"] = psnr_db((picture[i] - target)[:, outside])
            if inside.sum() > 500 and not inside.all():
                union = (inside | (found[3] > 0.5)).sum()
                row["coverage_iou"] = float((inside & (found[3] > 0.5)).sum() / union)
                row["painted_psnr_db"] = psnr_db((picture[i] - target)[:, inside])
            rows.append(row)
    keys = ("full_psnr_db", "kept_psnr_db", "painted_psnr_db", "coverage_iou")
    return {key: round(float(np.mean([row[key] for row in rows if key in row])), 3) for key in keys}


def main() -> None:
    parser = argparse.ArgumentParser(description="Figures of a weights file on composed samples.")
    parser.add_argument("--weights", type=Path, default=DEFAULT_WEIGHTS)
    parser.add_argument("--world", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=96)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--uniform", action="store_true", help="plain DDIM time-steps instead of the learned ones")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    result = figures(load_model(given.weights), given.world, given.samples, given.steps, given.uniform)
    print(json.dumps(result))


if __name__ == "__main__":
    main()

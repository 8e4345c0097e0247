# SPDX-License-Identifier: Apache-2.0
"""Stage 8: how bodies move (models/nets/body_motion.py), on pairs of source pictures, with all other nets finished.

Everything that the net is given is made as live: searched at the usual size, corrected by FlowNet-lite at the working
size, looked at again for evidence; and as often corrected by the net itself and looked at once more.
"""
from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mirage_lsd.worker.models.config import LATENT_FACTOR
from mirage_lsd.worker.models.nets.tiny import MirageTiny
from mirage_lsd.worker.tracking.motion import Motion
from mirage_lsd.worker.tracking.motion_evidence import CORRECTIONS, evidence_of
from mirage_lsd.worker.train.runs import Stage, StageRun, fast_math, tile
from mirage_lsd.worker.train.samples.compose import compose_source
from mirage_lsd.worker.train.samples.coverage import LOWER, UPPER
from mirage_lsd.worker.train.samples.loader import SIDE_PX
from mirage_lsd.worker.train.stages.denoise import encode_source

CLOSEST = 0.75  # of the rendered picture: closer, it would be softer than a camera's
WORKING_SHARES = (1.0, 1.0, 0.7, 0.5)  # of the composed size: what the nets work at
SMALLEST = 1e-2  # cells; errors below count by their square


def train_motion(model: MirageTiny, stage: Stage) -> None:
    """Train model.body_motion."""
    net = model.body_motion
    model.flow.eval()
    model.encoder.eval()
    run = StageRun(stage, "motion", net)
    generator = run.generator()
    search = Motion()

    def losses(batch: dict[str, Tensor]) -> dict[str, Tensor]:
        net.train()
        share = WORKING_SHARES[int(torch.randint(0, len(WORKING_SHARES), (), generator=generator))]
        corrected = int(torch.randint(0, CORRECTIONS, (), generator=generator))
        return body_losses(model, shrunk(batch, share), search, corrected)

    run.learn(6, losses, lambda batch: motion_sheet(model, batch),
              make=partial(compose_source, closest=CLOSEST))
    net.eval()


def shrunk(batch: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """The last two frames: "grey" u8 [B,2,H,W] as composed; at the working size "source" [B,2,3,h,w], "mask"
    [B,1,h,w], "flow" [B,2,h/8,w/8] and "weight" [B,1,h/8,w/8]: cloth counts most, then the person."""
    source, labels = batch["source"][:, -2:], batch["labels"][:, -1:]
    size = [max(1, round(side * share / SIDE_PX)) * SIDE_PX for side in source.shape[3:]]
    cells = [side // LATENT_FACTOR for side in size]
    grey = (source * source.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=2)
    flow = batch["flow"][:, -1]
    scale = flow.new_tensor([cells[1] / flow.shape[3], cells[0] / flow.shape[2]])[:, None, None]
    person, cloth = (labels > 0).float(), ((labels == UPPER) | (labels == LOWER)).float()
    return {"grey": (grey * 255.0 + 0.5).clamp(0, 255).byte(),
            "source": F.interpolate(source.flatten(0, 1), size, mode="area").unflatten(0, source.shape[:2]),
            "mask": F.interpolate(batch["mask"][:, -1], size, mode="area"),
            "flow": F.interpolate(flow, cells, mode="area") * scale,
            "weight": 0.05 + around(F.interpolate(0.5 * person + cloth, cells, mode="area"))}


def around(weight: Tensor) -> Tensor:
    """[B,1,h,w], as much for a cell as for the weightiest beside it: outlines of what is put on lie there."""
    return F.max_pool2d(weight, 3, stride=1, padding=1)


def body_losses(model: MirageTiny, pair: dict[str, Tensor], search: Motion, corrected: int = 0) -> dict[str, Tensor]:
    """Error of the motion, as a share of the picture's width (in cells of the usual size); corrected: how often it has
    been before."""
    with torch.no_grad(), fast_math():
        given = as_live(model, pair, search, corrected)
    with fast_math():
        found = model.body_motion(*given)
    square = (found.float() - pair["flow"]).square().sum(dim=1, keepdim=True)
    error = (square + SMALLEST**2).sqrt() * pair["weight"]
    return {"motion": error.sum() / pair["weight"].sum() * (40.0 / found.shape[3])}


@torch.no_grad()
def as_live(model: MirageTiny, pair: dict[str, Tensor], search: Motion, corrected: int = 0) -> tuple[Tensor, ...]:
    """What BodyMotion is given when it has corrected the flow so often: flow, evidence, regions, surface."""
    before, now = pair["source"].unbind(1)
    cells = (now.shape[2] // LATENT_FACTOR, now.shape[3] // LATENT_FACTOR)
    greys = pair["grey"].numpy()
    guess = torch.from_numpy(np.concatenate([search(*grey, cells) for grey in greys]))
    flow = model.flow(before, now, guess)[0].float()
    source, _, _, surface = encode_source(model, now, pair["mask"])
    told = source.regions.float(), surface.float()
    training = model.body_motion.training
    model.body_motion.eval()
    for _ in range(corrected):
        flow = model.body_motion(flow, _evidence(greys, flow), *told).float()
    model.body_motion.train(training)
    return flow, _evidence(greys, flow), *told


def _evidence(greys: np.ndarray, flow: Tensor) -> Tensor:
    """[B,28,h,w]; greys u8 [B,2,H,W]."""
    pairs = zip(greys, flow.numpy(), strict=True)
    return torch.from_numpy(np.concatenate([evidence_of(*grey, one[None]) for grey, one in pairs]))


def motion_sheet(model: MirageTiny, batch: dict[str, Tensor], count: int = 5) -> np.ndarray:
    """Now, difference to before, true motion, the flow's error and what is left of it."""
    pair = shrunk({name: value[:count] for name, value in batch.items()}, 1.0)
    model.body_motion.eval()
    given = as_live(model, pair, Motion(), CORRECTIONS - 1)
    with torch.no_grad():
        found = model.body_motion(*given)
    before, now = pair["source"].unbind(1)
    shown = [F.interpolate(torch.cat([error, 0 * error[:, :1]], 1) * by + 0.5, size=now.shape[2:], mode="nearest")
             for error, by in ((pair["flow"], 1.0), (given[0] - pair["flow"], 5.0), (found - pair["flow"], 5.0))]
    return tile([now, (now - before).abs() * 3, *shown])

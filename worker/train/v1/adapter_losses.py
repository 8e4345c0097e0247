# SPDX-License-Identifier: Apache-2.0
"""What v1's temporal adapters are trained for: one denoising step of a frame, with the frame before as its past.

The pretrained weights stay as they are; gradients reach the temporal convolutions and the cross-frame gates only.
Two losses: the clean latent that the step implies is the frame's own ("latent"), and where the past was visible it
agrees with what the frame before showed, moved ("steady"). The past is corrupted on purpose (noise, or none at all),
so that a stream's own errors die out.
"""
from __future__ import annotations

import torch
from torch import Tensor

from mirage_lsd.worker.v1.graphs.schedule import ALPHA, SIGMA, StepPlan
from mirage_lsd.worker.v1.graphs.source import FlowGraph
from mirage_lsd.worker.v1.graphs.warping import at_level, moved
from mirage_lsd.worker.v1.nets.model import MirageV1
from mirage_lsd.worker.v1.nets.temporal import Past

_NO_HISTORY, _CORRUPTION = 0.15, 0.1  # share of samples without a past; most noise on it, in parts of its own spread
_STEADY = 0.5


def adapter_losses(model: MirageV1, flow_net: FlowGraph, before: Tensor, now: Tensor, tokens: Tensor,
                   guidance: Tensor | None, plan: StepPlan, generator: torch.Generator) -> dict[str, Tensor]:
    """before, now [B,3,h,w] 0..1; tokens [B,77,D]; guidance [B,G] or None."""
    with torch.no_grad():
        flow, occlusion = flow_net(before, now)
        latents = [model.autoencoder.encode(picture) for picture in (before, now)]
        written, shown = _write_past(model, latents[0], tokens, guidance, plan, generator)
    past = _warped_past(written, flow, occlusion, generator)
    number = int(torch.randint(len(plan.timesteps), (), generator=generator))
    clean = _clean_estimate(model, latents[1], tokens, guidance, plan, number, past, generator)[0]
    visible = (1.0 - occlusion) * past.history[:, :1, None, None]
    return {"latent": (clean - latents[1]).square().mean(),
            "steady": _STEADY * (visible * (clean - moved(shown, flow)).abs()).mean()}


def _clean_estimate(model: MirageV1, latent: Tensor, tokens: Tensor, guidance: Tensor | None, plan: StepPlan,
                    number: int, past: Past, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
    """The clean latent that step `number` of the plan finds in a noised one, and the features per level."""
    alpha, sigma = float(plan.steps[number, ALPHA]), float(plan.steps[number, SIGMA])
    noise = torch.randn(latent.shape, generator=generator).to(latent)
    noisy = alpha * latent + sigma * noise
    time = torch.full((len(latent),), float(plan.timesteps[number]), device=latent.device)
    prediction, kept = model.unet(noisy, time, tokens, guidance, past)
    if model.config.prediction == "v_prediction":
        return alpha * noisy - sigma * prediction, kept
    return (noisy - sigma * prediction) / alpha, kept


def _write_past(model: MirageV1, latent: Tensor, tokens: Tensor, guidance: Tensor | None, plan: StepPlan,
                generator: torch.Generator) -> tuple[dict[str, dict[str, Tensor]], Tensor]:
    """What the last step of the frame before leaves ("kv" and "conv" by level), and the latent that it showed."""
    absent = dict.fromkeys(model.config.levels)
    past = Past({}, {}, absent, latent.new_ones(len(latent), 1, *latent.shape[2:]), latent.new_zeros(len(latent), 2))
    shown, kept = _clean_estimate(model, latent, tokens, guidance, plan, len(plan.timesteps) - 1, past, generator)
    kv = {name: past.written(name, *kept[name].shape[2:]) for i, name in enumerate(model.config.levels)
          if model.config.temporal.attention and model.config.attention_layers(i)}
    return {"kv": kv, "conv": kept}, shown


def _warped_past(written: dict[str, dict[str, Tensor]], flow: Tensor, occlusion: Tensor, generator: torch.Generator
                 ) -> Past:
    """The caches moved to now and corrupted; the anchor is the frame before, unmoved."""
    history = (torch.rand(len(flow), 2, generator=generator) > _NO_HISTORY).to(flow)
    parts = {}
    for kind, caches in written.items():
        parts[kind] = {}
        for name, cache in caches.items():
            level_flow, visible = at_level(flow, occlusion, cache)
            spread = cache.std() * _CORRUPTION * float(torch.rand((), generator=generator))
            noise = torch.randn(cache.shape, generator=generator).to(cache)
            parts[kind][name] = moved(cache, level_flow) * visible + spread * noise
    anchor = {name: cache for name, cache in written["kv"].items() if name != "8"}
    return Past(parts["kv"], anchor, parts["conv"], 1.0 - occlusion, history)

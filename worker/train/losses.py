# SPDX-License-Identifier: Apache-2.0
"""Losses on layers, latents, regions, surface and flow. Pictures [B,C,H,W]; layers are buffers, see autoencoder.py."""
from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from mirage_lsd.worker.models.autoencoder import ALPHA, DYES, SCENE, composite, finish
from mirage_lsd.worker.models.blocks import warp_by_flow


def gradient_loss(one: Tensor, two: Tensor, scales: int = 3) -> Tensor:
    """Mean absolute difference of horizontal and vertical differences over several scales."""
    total = one.new_zeros(())
    for _ in range(scales):
        gap = one - two
        total = total + (gap[..., 1:] - gap[..., :-1]).abs().mean() + (gap[..., 1:, :] - gap[..., :-1, :]).abs().mean()
        one, two = F.avg_pool2d(one, 2), F.avg_pool2d(two, 2)
    return total / scales


def dyes_of(batch: dict[str, Tensor], t: int) -> tuple[Tensor, Tensor, Tensor]:
    """What autoencoder.composite puts on the layer of frame t: dye, tints, place."""
    return batch["dye"][:, t], batch["tints"], batch["place"]


def layer_losses(raw: Tensor, target: Tensor, source: Tensor, dyes: tuple[Tensor, Tensor, Tensor]) -> dict[str, Tensor]:
    """Decoder output before `finish` against target buffers; colours and shares count where they show."""
    alpha, scene = target[:, ALPHA : ALPHA + 1], target[:, SCENE:]
    shown = alpha * (1.0 - scene)
    color = ((raw[:, :3] - target[:, :3]) * shown).abs().mean()
    cover = _hard_cross_entropy(raw[:, ALPHA : ALPHA + 1], alpha)
    dyed = F.binary_cross_entropy_with_logits(raw[:, DYES], target[:, DYES], shown.expand(-1, 3, -1, -1))
    place = F.binary_cross_entropy_with_logits(raw[:, SCENE:], scene, alpha + 0.1)
    found = finish(raw)
    wanted, got = composite(source, target, *dyes), composite(source, found, *dyes)
    edges = gradient_loss(found[:, ALPHA : ALPHA + 1], alpha)
    return {"color": 3.0 * color, "alpha": cover, "shares": dyed + 0.5 * place,
            "edges": 2.0 * edges + 2.0 * gradient_loss(got, wanted), "shown": 3.0 * (got - wanted).abs().mean()}


def _hard_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy in which what is still wrong counts up to five times (sleeves, hair and hems that are to appear
    are few pixels)."""
    wrong = (logits.detach().sigmoid() - target).abs()
    return F.binary_cross_entropy_with_logits(logits, target, 1.0 + 4.0 * wrong)


def region_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of region logits [B,8,H/4,W/4] with labels u8 [B,H,W] at cell centres; small regions count more."""
    weight = logits.new_tensor([0.6, 1.5, 1.2, 1.5, 1.2, 1.2, 1.0, 1.5], dtype=torch.float32)
    return F.cross_entropy(logits.float(), labels[:, 2::4, 2::4].long(), weight)


def surface_loss(found: Tensor, true: Tensor, labels: Tensor) -> Tensor:
    """Error of surface maps [B,3,H/4,W/4] in metres (a tenth for the sleeve coordinate): on the person, and with less
    weight around, where a new garment may come to lie. Neighbouring places must differ as the true ones do."""
    person = (labels[:, None, 2::4, 2::4] > 0).float()
    near = F.max_pool2d(person, 7, 1, 3)
    weight = (0.04 + 0.4 * near + person) / 1.44
    scale = found.new_tensor([1.0, 1.0, 0.1])[None, :, None, None]
    gap = (found - true) * scale
    within = person[..., 1:] * person[..., :-1], person[..., 1:, :] * person[..., :-1, :]
    steps = (gap[..., 1:] - gap[..., :-1]).abs(), (gap[..., 1:, :] - gap[..., :-1, :]).abs()
    smooth = sum((step.clamp(max=0.05) * inside).mean() for step, inside in zip(steps, within, strict=True))
    return (gap.abs() * weight).mean() + 2.0 * smooth


def swimming_loss(error: Tensor, error_before: Tensor, now: dict[str, Tensor]) -> Tensor:
    """What makes cloth swim: the change along the true motion of the surface's error [B,3,H/4,W/4], metres, on the
    person and where it was seen before; now: this frame's "flow", "occlusion" and "labels"."""
    finer = 2.0 * F.interpolate(now["flow"], scale_factor=2.0, mode="bilinear", align_corners=False)
    seen = 1.0 - F.interpolate(now["occlusion"], scale_factor=2.0, mode="nearest")
    seen = seen * (now["labels"][:, None, 2::4, 2::4] > 0)
    change = (error - warp_by_flow(error_before, finer))[:, :2]
    return (change.abs().clamp(max=0.1) * seen).mean()


def flow_losses(flow: Tensor, occlusion_logit: Tensor, true_flow: Tensor, occluded: Tensor) -> dict[str, Tensor]:
    """End-point error in cells where visible, and occlusion cross-entropy."""
    return {"flow": motion_loss(flow, true_flow, occluded),
            "occlusion": 0.2 * F.binary_cross_entropy_with_logits(occlusion_logit, occluded,
                                                                  pos_weight=occluded.new_tensor(4.0))}


def motion_loss(flow: Tensor, true_flow: Tensor, occluded: Tensor) -> Tensor:
    """End-point error in cells where visible; what moves counts up to four times."""
    gap = (flow - true_flow).square().sum(dim=1, keepdim=True).add(1e-4).sqrt()
    weight = 1.0 + 3.0 * true_flow.square().sum(dim=1, keepdim=True).sqrt().clamp(max=1.0)
    return (gap * (1.0 - occluded) * weight).mean()

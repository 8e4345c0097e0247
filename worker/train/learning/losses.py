# SPDX-License-Identifier: Apache-2.0
"""Losses on layers, latents, regions, surface and flow. Pictures [B,C,H,W]; layers are buffers, see autoencoder.py."""
from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from mirage_lsd.worker.models.conditions import CATEGORIES
from mirage_lsd.worker.models.config import DECISION, DYES, PAINTED_FROM, SCENE_FROM
from mirage_lsd.worker.models.nets.autoencoder import ALPHA, SCENE, composite, finish
from mirage_lsd.worker.models.nets.blocks import warp_by_flow
from mirage_lsd.worker.train.samples.coverage import HAIR, LOWER, UPPER


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
    return batch["dye"][:, t], batch["tints"], batch["place"][:, t]


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


COUNTS = {"latent": 0.4, "alpha": 1.5, "shares": 4.0, "color": 1.5, "shown": 2.0, "shape": 1.0}


def weighed(losses: dict[str, Tensor]) -> dict[str, Tensor]:
    """A stage's losses with those of what shows counting more than that of the latent it is decoded from, most of whose
    channels are folds."""
    return {name: COUNTS.get(name, 1.0) * value for name, value in losses.items()}


SEEN_CHANGE = 0.12  # distance of two sRGB colours that is seen as a change
LEAST_CHANGE = 0.003  # of the picture, for its outline to count


def asks_scene(ids: Tensor) -> Tensor:
    """bool [B]: whose words (ids i64 [B,7]) ask for a scene, so that the whole background changes."""
    return ids[:, list(CATEGORIES).index("scene")] > 0


def shape_loss(raw: Tensor, target: Tensor, source: Tensor, labels: Tensor, dyes: tuple[Tensor, Tensor, Tensor],
               new_scene: Tensor) -> Tensor:
    """1 - soft Jaccard index (Rahman and Wang 2016) of the pixels that become or cease to be garment or hair: right
    are those that came half the way to their true colour. Mean over the samples with such pixels, others count 0.

    raw as in layer_losses; labels u8 [B,H,W] of the source; new_scene bool [B]: see `asks_scene`. Few pixels decide
    whether a sleeve, a hem or a strand is there; means over the picture hardly see them.
    """
    found = finish(raw)
    least = PAINTED_FROM + (SCENE_FROM - PAINTED_FROM) * found[:, SCENE:]
    decided = torch.sigmoid(4.0 * DECISION * (found[:, ALPHA : ALPHA + 1] - least))
    found = torch.cat([found[:, :ALPHA], decided, found[:, ALPHA + 1 :]], 1)
    wanted, got = composite(source, target, *dyes), composite(source, found, *dyes)
    elsewhere = (labels > 0) | ~new_scene[:, None, None]
    for label, share in zip((UPPER, LOWER, HAIR), target[:, DYES].unbind(1), strict=True):
        elsewhere = elsewhere & ~((labels == label) & (share > 0.5))
    change = _apart(wanted, source)
    shape = ((change > SEEN_CHANGE) & (target[:, ALPHA] > 0.2) & elsewhere).float()
    right = _less(_apart(got, wanted), 0.5 * change)
    painted = _less(SEEN_CHANGE, _apart(got, source)) * elsewhere * (1.0 - shape)
    union = (shape + painted).sum((1, 2)).clamp(min=1.0)
    counts = (shape.mean((1, 2)) > LEAST_CHANGE).float()
    return ((1.0 - (shape * right).sum((1, 2)) / union) * counts).mean()


def _apart(one: Tensor, two: Tensor) -> Tensor:
    """Distance of the colours of two pictures, [B,H,W]."""
    return ((one - two).square().sum(1) + 1e-5).sqrt()


def _less(one: Tensor | float, two: Tensor) -> Tensor:
    """Softly, whether one distance is less than another: 1 / (1 + (one / two)^4)."""
    return 1.0 / (1.0 + (one / two) ** 4)


def _hard_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy in which what is still wrong counts up to five times (sleeves, hair and hems that are to appear
    are few pixels)."""
    wrong = (logits.detach().sigmoid() - target).abs()
    return F.binary_cross_entropy_with_logits(logits, target, 1.0 + 4.0 * wrong)


def region_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of region logits [B,8,H/4,W/4] with labels u8 [B,H,W] at cell centres; small regions count more."""
    weight = logits.new_tensor([0.6, 1.5, 1.2, 1.5, 1.2, 1.2, 1.0, 1.5], dtype=torch.float32)
    return F.cross_entropy(logits.float(), labels[:, 2::4, 2::4].long(), weight)


def surface_losses(found: Tensor, true: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Error of surface maps [B,3,H/4,W/4] in metres (a tenth for the sleeve coordinate), of places and of the steps
    between neighbours. Upper garments, which patterns lie on, count most, then what is near them, where a new garment
    may come to lie.
    """
    labels = labels[:, None, 2::4, 2::4]
    cloth, person = (labels == UPPER).float(), (labels > 0).float()
    near = F.max_pool2d(cloth, 5, 1, 2)
    weight = (0.03 + 0.3 * person + 0.7 * near + cloth) / 1.5
    gap = (found - true) * found.new_tensor([1.0, 1.0, 0.1])[None, :, None, None]
    return {"surface": 10.0 * (gap.abs() * weight).mean(), "surface_steps": 20.0 * _uneven(gap, cloth)}


def _uneven(gap: Tensor, inside: Tensor) -> Tensor:
    """How much errors [B,3,h,w] differ between neighbours that both lie inside [B,1,h,w]; jumps count up to 5 cm."""
    within = inside[..., 1:] * inside[..., :-1], inside[..., 1:, :] * inside[..., :-1, :]
    steps = (gap[..., 1:] - gap[..., :-1]).abs(), (gap[..., 1:, :] - gap[..., :-1, :]).abs()
    return sum((step.clamp(max=0.05) * both).mean() for step, both in zip(steps, within, strict=True))


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

# SPDX-License-Identifier: Apache-2.0
"""Losses on layers, latents, regions and flow. Pictures [B,C,H,W]; layers are straight RGBA."""
from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def gradient_loss(one: Tensor, two: Tensor, scales: int = 3) -> Tensor:
    """Mean absolute difference of horizontal and vertical differences over several scales."""
    total = one.new_zeros(())
    for _ in range(scales):
        gap = one - two
        total = total + (gap[..., 1:] - gap[..., :-1]).abs().mean() + (gap[..., 1:, :] - gap[..., :-1, :]).abs().mean()
        one, two = F.avg_pool2d(one, 2), F.avg_pool2d(two, 2)
    return total / scales


def layer_losses(raw: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Decoder output before `finish` (rgb, alpha logit) against a target layer; colour counts where it shows."""
    alpha = target[:, 3:]
    shown = (raw[:, :3] - target[:, :3]) * alpha
    painted, wanted = torch.sigmoid(raw[:, 3:]) * raw[:, :3], alpha * target[:, :3]
    return {"color": 4.0 * shown.abs().mean(), "alpha": F.binary_cross_entropy_with_logits(raw[:, 3:], alpha),
            "edges": 3.0 * gradient_loss(painted, wanted) + 2.0 * gradient_loss(torch.sigmoid(raw[:, 3:]), alpha)}


def region_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of region logits [B,8,H/4,W/4] with labels u8 [B,H,W] at cell centres; small regions count more."""
    weight = logits.new_tensor([0.6, 1.5, 1.2, 1.5, 1.2, 1.2, 1.0, 1.5], dtype=torch.float32)
    return F.cross_entropy(logits.float(), labels[:, 2::4, 2::4].long(), weight)


def flow_losses(flow: Tensor, occlusion_logit: Tensor, true_flow: Tensor, occluded: Tensor) -> dict[str, Tensor]:
    """End-point error in cells where visible, and occlusion cross-entropy."""
    gap = (flow - true_flow).square().sum(dim=1, keepdim=True).add(1e-4).sqrt()
    visible = 1.0 - occluded
    weight = 1.0 + 3.0 * true_flow.square().sum(dim=1, keepdim=True).sqrt().clamp(max=1.0)
    return {"flow": (gap * visible * weight).mean(),
            "occlusion": 0.2 * F.binary_cross_entropy_with_logits(occlusion_logit, occluded,
                                                                  pos_weight=occluded.new_tensor(4.0))}

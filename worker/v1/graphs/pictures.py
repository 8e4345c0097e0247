# SPDX-License-Identifier: Apache-2.0
"""Picture arithmetic that several graphs share: shrinking and the guided filter's local slopes.

Only poolings and bilinear resizes, which every engine has. Pictures are [B,C,H,W].
"""
from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """To (rows, columns): whole-number area average first, so that nothing is skipped, then bilinear."""
    factor = tuple(max(have // want, 1) for have, want in zip(x.shape[2:], size, strict=True))
    if factor != (1, 1):
        x = F.avg_pool2d(x, factor)
    if tuple(x.shape[2:]) == tuple(size):
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def box(x: Tensor, radius: int) -> Tensor:
    """Mean over (2 radius + 1)² px, fewer at the edges."""
    return F.avg_pool2d(x, 2 * radius + 1, 1, radius, count_include_pad=False)


def slope(guide: Tensor, target: Tensor, radius: int, epsilon: float) -> Tensor:
    """How much `target` [B,C,h,w] changes with `guide` [B,1,h,w] around each px (guided filter), about 0..1."""
    mean_guide, mean_target = box(guide, radius), box(target, radius)
    variance = box(guide * guide, radius) - mean_guide * mean_guide
    covariance = box(guide * target, radius) - mean_guide * mean_target
    return box(covariance / (variance.clamp(min=0.0) + epsilon), radius)

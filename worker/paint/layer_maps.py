# SPDX-License-Identifier: Apache-2.0
"""The maps from which any pixel of the full size under an edit layer can be worked out.

Made by the upscale stage, made finer by the refine stage, laid on by layer_band.py. Invariant: frozen; what a field
needs beside the others is None where it is not there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

UPPER, LOWER, HAIR, SCENE = range(4)  # channels of the shares


@dataclass(frozen=True)
class ClothLight:
    """Light and folds taken from the source. mean f32 [h,w]: of the logarithm of its luminance over the cloth around;
    trust f32 [h,w] 0..1: how far the difference to it is folds. See detail/folds.py."""

    mean: np.ndarray
    trust: np.ndarray


@dataclass(frozen=True)
class Drawn:
    """A garment's drawing. factor f32 [h,w]: of its seams, collars and folds; decal u8 [h,w,4]: colour BGR times alpha,
    alpha; sheen: levels that dark cloth gives back besides its colour. See garments/worn.py."""

    factor: np.ndarray
    decal: np.ndarray
    sheen: float


@dataclass(frozen=True)
class Rim:
    """What shows under the edge of a layer instead of the source, where that is mixed with the old cloth. share f32
    [h,w] 0..1; behind u8 [h,w,3] BGR."""

    share: np.ndarray
    behind: np.ndarray


@dataclass(frozen=True)
class LayerMaps:
    """What the upscale graph gives, at the working size, or the refine stage, at the fine size, and the body surface
    at any size.

    layer f32 [3,h,w] BGR 0..510; mask f32 [3,h,w] (detail, offset, slope); shares f32 [4,h,w] 0..1 (upper, lower,
    hair, scene); surface f32 [h',w',2] canonical x and z in metres; light: None for the nets' own; guide f32
    [1,5]: weights of B, G, R, A and 1 that give the grey u8 which the mask's slope goes by, None for the luminance;
    drawn: None for no drawing.
    """

    layer: np.ndarray
    mask: np.ndarray
    shares: np.ndarray
    surface: np.ndarray
    light: ClothLight | None = None
    rim: Rim | None = None
    guide: np.ndarray | None = None
    drawn: Drawn | None = None

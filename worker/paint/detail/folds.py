# SPDX-License-Identifier: Apache-2.0
"""Light and folds: how much brighter or darker than around it the source is at every pixel of the cloth, and how far
that is folds rather than an old print.

Called by the refine stage (maps at the fine size) and by the compositor (what is looked up at full size). Light acts as
a factor, so all is reckoned in logarithms, above a floor so that dark cloth does not turn its noise into folds (Land
and McCann's Retinex, 1971, with a local mean). Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

FLOOR = 0.06  # added to luminance 0..1
LOG = np.log(np.arange(256, dtype=np.float32) / 255.0 + FLOOR)
MEAN_OF_FACE, SPREAD_OF_FACE = 0.2, 0.2  # face widths over which the mean, and the spread about it, are taken
SMALLEST_PX, LARGEST_PX = 8.0, 26.0
PRINT_FROM, PRINT = 0.13, 0.22  # spread of the logarithm from which on it may be a print, and is one
HALF_STEPS = 127.5  # from the logarithm's difference to a place in `answer`
REDUCED = 2  # maps are made so much smaller: they are smooth


@dataclass(frozen=True)
class Material:
    """How cloth answers light. depth: exponent of the source's light; limit: where folds level off (logarithm); gloss:
    what is added of highlights; drawn: strength of what is drawn on it."""

    depth: float = 1.4
    limit: float = 0.3
    gloss: float = 0.0
    drawn: float = 1.0


COTTON, KNIT, WOOL = Material(), Material(1.5, 0.3), Material(1.3, 0.26, 0.02)
LEATHER, SATIN = Material(1.6, 0.45, 0.5), Material(1.4, 0.35, 0.3)
MATERIALS = {"t-shirt": COTTON, "shirt": Material(1.25, 0.28), "hoodie": KNIT, "jacket": WOOL, "suit": WOOL,
             "leather jacket": LEATHER, "dress": SATIN}  # fmt: skip


def light_maps(grey: np.ndarray, cloth: np.ndarray, face_px: float | None) -> tuple[np.ndarray, np.ndarray]:
    """grey f32 [h,w] 0..1; cloth f32 [h,w] 0..1: where it is; face_px: width of the face, None where unknown ->
    (mean of the logarithm over the cloth around, how far folds are to be believed 0..1), f32 [h,w]."""
    size_px = grey.shape[::-1]
    small_px = tuple(max(1, side // REDUCED) for side in size_px)
    log = cv2.resize(np.log(grey + np.float32(FLOOR)), small_px, interpolation=cv2.INTER_AREA)
    weight = cv2.resize(cloth, small_px, interpolation=cv2.INTER_AREA) + np.float32(1e-4)
    face_px = face_px or 60.0
    mean_px, spread_px = (float(np.clip(share * face_px, SMALLEST_PX, LARGEST_PX)) / REDUCED
                          for share in (MEAN_OF_FACE, SPREAD_OF_FACE))  # fmt: skip
    mean = _weighted_mean(log, weight, mean_px)
    spread = np.sqrt(np.maximum(_weighted_mean(np.square(log - mean), weight, spread_px), 0.0))
    trust = np.clip((PRINT - spread) * (1.0 / (PRINT - PRINT_FROM)), 0.0, 1.0)
    return tuple(cv2.resize(plane, size_px, interpolation=cv2.INTER_LINEAR) for plane in (mean, trust))


def _weighted_mean(plane: np.ndarray, weight: np.ndarray, sigma_px: float) -> np.ndarray:
    """Two box filters of the same spread as a Gaussian of sigma_px."""
    side_px = round(np.sqrt(6.0 * sigma_px**2 + 1.0)) | 1
    size = (side_px, side_px)
    over, total = cv2.blur(cv2.blur(plane * weight, size), size), cv2.blur(cv2.blur(weight, size), size)
    return over / total


@lru_cache(maxsize=16)
def answer(material: Material) -> np.ndarray:
    """f32 [256]: the factor less 1 with which cloth answers a difference of the logarithm of -1 (0) .. 1 (255)."""
    step = np.linspace(-1.0, 1.0, 256, dtype=np.float32)
    lit = np.exp(material.limit * np.tanh(material.depth * step / material.limit))
    shine = material.gloss * np.maximum(lit - 1.12, 0.0)
    return (lit + shine - 1.0).astype(np.float32)

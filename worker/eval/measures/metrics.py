# SPDX-License-Identifier: Apache-2.0
"""Picture metrics: pure functions of uint8 BGR pictures and bool masks. Colour differences are CIE Lab, D65.

Called by the scorers. Invariant: no state, no I/O; a metric of equal pictures is its best value.
"""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.shared.errors import MirageError

try:
    from skimage.color import deltaE_ciede2000
except ImportError as error:
    raise MirageError("the evaluation needs scikit-image: pip install 'mirage-lsd[train]'", "eval_extra") from error

# A pixel has changed when its CIE76 distance exceeds this: over three times what the eye tells apart, and far
# above 8-bit rounding; the colours the test set swaps are several times further apart.
CHANGED_DELTA_E = 8.0
SAME_DB = 99.0  # PSNR of equal pictures, which has no finite value
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # multi-scale SSIM, Wang et al. 2003
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def lab(picture: np.ndarray) -> np.ndarray:
    """u8 BGR [H,W,3] → CIE Lab f32 [H,W,3] (L 0..100)."""
    return cv2.cvtColor(picture.astype(np.float32) * (1.0 / 255.0), cv2.COLOR_BGR2LAB)


def distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """CIE76 distance f32 [H,W] of two Lab pictures."""
    return np.sqrt(((first - second) ** 2).sum(axis=2))


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two bool masks; 1 when both are empty."""
    union = int(np.count_nonzero(first | second))
    return float(np.count_nonzero(first & second) / union) if union else 1.0


def mean_delta_e(first: np.ndarray, second: np.ndarray, mask: np.ndarray) -> float:
    """Mean CIEDE2000 difference of u8 BGR pictures over a bool mask; nan where the mask is empty."""
    if not mask.any():
        return float("nan")
    return float(np.mean(deltaE_ciede2000(lab(first)[mask], lab(second)[mask])))


def mean_square(first: np.ndarray, second: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Mean squared difference (0..65025) over the picture or a bool mask; nan where the mask is empty."""
    difference = first.astype(np.float32) - second.astype(np.float32)
    if mask is not None:
        difference = difference[mask]
    return float(np.mean(difference * difference)) if difference.size else float("nan")


def decibels(square: float) -> float:
    """Mean squared difference → PSNR in dB for 8 bits, at most SAME_DB; nan stays nan."""
    if square <= 0.0:
        return SAME_DB
    return float(min(SAME_DB, 10.0 * np.log10(255.0**2 / square)))


def ms_ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Multi-scale structural similarity of the luma of two u8 BGR pictures, 0..1; sides at least 176 px.

    Not by a library: torchmetrics (14 times as slow) and pytorch-msssim each give other values, by up to .03 and .04
    on this test set and as far from each other, so that figures could not be compared with those of before.
    """
    if min(first.shape[:2]) < 176:
        raise ValueError(f"multi-scale SSIM needs pictures of at least 176 px a side, got {first.shape[:2]}")
    one, two = (cv2.cvtColor(item, cv2.COLOR_BGR2GRAY).astype(np.float32) for item in (first, second))
    total = 1.0
    for level, weight in enumerate(_SCALE_WEIGHTS):
        brightness, structure = _ssim_parts(one, two)
        last = level == len(_SCALE_WEIGHTS) - 1
        total *= max(0.0, structure * (brightness if last else 1.0)) ** weight
        one, two = (cv2.resize(item, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for item in (one, two))
    return float(total)


def _ssim_parts(one: np.ndarray, two: np.ndarray) -> tuple[float, float]:
    def smooth(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (11, 11), 1.5)

    mean_one, mean_two = smooth(one), smooth(two)
    spread_one = smooth(one * one) - mean_one**2
    spread_two = smooth(two * two) - mean_two**2
    shared = smooth(one * two) - mean_one * mean_two
    brightness = (2 * mean_one * mean_two + _C1) / (mean_one**2 + mean_two**2 + _C1)
    structure = (2 * shared + _C2) / (spread_one + spread_two + _C2)
    return float(brightness.mean()), float(structure.mean())

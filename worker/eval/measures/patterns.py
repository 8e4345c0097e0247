# SPDX-License-Identifier: Apache-2.0
"""Which pattern a garment shows: a check without any classifier, from tone statistics and edge directions.

The garment's colours are laid on the one axis along which they vary most, after a wide blur has been taken away
(shading, folds, the garment's own colour). What is left is judged by five figures; the limits lie between what true
renders give (percentiles over 180 renders of other people than the test set's, 5 %..95 %):

    contrast   spread of the tone, Lab units                 plain 3..11     patterns 14..57
    parallel   how much one edge direction rules nearby      stripes .79..   check, dots ..49
    peak       kurtosis: rare but strong marks (seams, trim) 1..3.7          trim, zips 3.6..
    lopsided   |skewness|: a few spots on much ground        dots .75..1.1   check .03.. .52
    middle     share of tones half way between the extremes  check .43...48  stripes, dots ...24
    round      how well spots fill their own ellipse         dots .91...99   flowers ...88

Pure functions. Invariant: the verdict depends on nothing outside the mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mirage_lsd.worker.eval.measures.metrics import lab

JUDGED_PX = (320, 180)  # finer detail than this is noise to the check
LEAST_PX = 600  # of garment at that size; less is not judged
SHADING_PX = 20.0
NEARBY_PX = 8.0
LEAST_CONTRAST, LEAST_PARALLEL, MOST_PEAK = 10.0, 0.70, 4.5
LOPSIDED, LEAST_MIDDLE, LEAST_ROUND, LEAST_SPOT_PX = 0.60, 0.32, 0.885, 8


@dataclass(frozen=True)
class Weave:
    """The figures of one garment; see the table above. spots: how many whole spots `round` is the mean of."""

    contrast: float
    parallel: float
    peak: float
    lopsided: float
    middle: float
    round: float
    spots: int


def named_pattern(picture: np.ndarray, mask: np.ndarray) -> str | None:
    """picture u8 BGR [H,W,3], mask bool [H,W] of the garment → "plain", "stripes", "check", "dots", "other", or
    None where too little is seen."""
    weave = measure(picture, mask)
    return None if weave is None else verdict(weave)


def verdict(weave: Weave) -> str:
    """The pattern that the figures speak for."""
    if weave.contrast < LEAST_CONTRAST:
        return "plain"
    if weave.peak > MOST_PEAK:
        return "other"
    if weave.parallel >= LEAST_PARALLEL:
        return "stripes"
    if weave.lopsided >= LOPSIDED:
        return "dots" if weave.spots and weave.round >= LEAST_ROUND else "other"
    return "check" if weave.middle >= LEAST_MIDDLE else "other"


def measure(picture: np.ndarray, mask: np.ndarray) -> Weave | None:
    """The figures of the garment under a mask; None where too little is seen."""
    small = cv2.resize(picture, JUDGED_PX, interpolation=cv2.INTER_AREA)
    garment = cv2.resize(mask.astype(np.uint8), JUDGED_PX, interpolation=cv2.INTER_NEAREST)
    inner = eroded(garment, 2)
    if np.count_nonzero(inner) < LEAST_PX:
        return None
    tone = tones(small, inner)
    values = tone[inner]
    scaled = (values - values.mean()) / max(float(values.std()), 1e-6)
    skew = float(np.mean(scaled**3))
    low, high = np.percentile(values, (4, 96))
    place = (values - low) / max(float(high - low), 1e-6)
    roundness, spots = spot_roundness((tone > (low + high) / 2) == (skew >= 0), inner)
    return Weave(
        float(values.std()), parallel_edges(tone, eroded(garment, 4)), float(np.mean(scaled**4)), abs(skew),
        float(np.mean((place > 0.33) & (place < 0.67))), roundness, spots,
    )  # fmt: skip


def tones(picture: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """f32 [H,W]: colours without shading, on the axis along which they vary most."""
    weight = inner.astype(np.float32)
    colors = lab(picture)
    around = cv2.GaussianBlur(colors * weight[..., None], (0, 0), SHADING_PX)
    flat = colors - around / (cv2.GaussianBlur(weight, (0, 0), SHADING_PX) + 1e-4)[..., None]
    axis = np.linalg.eigh(np.cov(flat[inner].T))[1][:, -1]
    return cv2.GaussianBlur((flat @ axis).astype(np.float32), (0, 0), 1.0)


def parallel_edges(tone: np.ndarray, inner: np.ndarray) -> float:
    """0..1: coherence of the structure tensor within NEARBY_PX, weighted by edge strength."""
    across, down = cv2.Sobel(tone, cv2.CV_32F, 1, 0), cv2.Sobel(tone, cv2.CV_32F, 0, 1)
    across, down = across * inner, down * inner

    def nearby(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (0, 0), NEARBY_PX)

    energy = nearby(across * across + down * down)
    aligned = np.hypot(nearby(across * across - down * down), nearby(2 * across * down))
    return float(aligned[inner].sum() / max(float(energy[inner].sum()), 1e-9))


def spot_roundness(spots: np.ndarray, inner: np.ndarray) -> tuple[float, int]:
    """(mean share of its own ellipse that a spot fills, how many whole spots); spots cut by the mask do not count."""
    count, marks, sizes, _ = cv2.connectedComponentsWithStats((spots & inner).astype(np.uint8), connectivity=4)
    cut = set(np.unique(marks[cv2.dilate((~inner).astype(np.uint8), np.ones((3, 3))) > 0]))
    fills = []
    for number in range(1, count):
        area = int(sizes[number, cv2.CC_STAT_AREA])
        if area >= LEAST_SPOT_PX and number not in cut:
            spread = np.cov(np.stack(np.nonzero(marks == number))) + np.eye(2) / 12
            fills.append(area / (4 * np.pi * np.sqrt(np.linalg.det(spread))))
    return (float(np.mean(fills)), len(fills)) if fills else (0.0, 0)


def eroded(mask: np.ndarray, by_px: int) -> np.ndarray:
    """bool: the mask without a border of by_px; the picture's own edge is a border too."""
    kernel = np.ones((2 * by_px + 1,) * 2, np.uint8)
    return cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0

# SPDX-License-Identifier: Apache-2.0
"""Folds of cloth, which stay when its colour or cut changes. Called by compose.py on loader threads. Pure numpy/OpenCV.

The rendered garments are smooth; real ones crease where the body bends, and the new garment must crease there too.
Invariant: folds lie on the body's surface, so they are the same for all looks of a sample and move with the body.
"""
from __future__ import annotations

from functools import cache

import cv2
import numpy as np

SHARE = 0.65  # of the samples have folds
FOLDS_PX = 256
SIDE_M = 0.9  # the square of canonical x and z that the texture covers before it repeats
KEPT = 160  # textures, made once: they cost more than the rest of a sample
LEAST, MOST = 0.45, 1.5  # gains


def sample_folds(rng: np.random.Generator) -> np.ndarray | None:
    """Gains f32 [n,n] around 1, or None for smooth cloth."""
    if rng.random() > SHARE:
        return None
    shade = np.roll(_kept(int(rng.integers(KEPT))), rng.integers(0, FOLDS_PX, 2), (0, 1))
    shade = np.rot90(shade, int(rng.integers(4))) * np.float32(rng.uniform(0.04, 0.16))
    return np.clip(1.0 + shade, LEAST, MOST)


@cache
def _kept(number: int) -> np.ndarray:
    """One of KEPT textures f32 [n,n] around 0: creases of several sizes and directions, lit from a side."""
    rng = np.random.default_rng((number, FOLDS_PX))
    height = np.zeros((FOLDS_PX, FOLDS_PX), np.float32)
    for _ in range(int(rng.integers(2, 6))):
        width_px = float(rng.uniform(2.0, 9.0))
        crease = _creases(rng, width_px, float(rng.uniform(1.5, 5.0)))
        crease *= _smooth(rng, 30.0) > rng.uniform(-0.6, 0.4)  # creases come in places
        height += width_px * cv2.blur(crease, (5, 5))
    angle = rng.uniform(0, 2 * np.pi)
    side = np.float32([np.cos(angle), np.sin(angle)])
    lit = side[0] * cv2.Sobel(height, cv2.CV_32F, 1, 0) + side[1] * cv2.Sobel(height, cv2.CV_32F, 0, 1)
    return (lit / (lit.std() + 1e-6)).astype(np.float32)


def folded(rgb: np.ndarray, folds: np.ndarray, surface: np.ndarray, cloth: np.ndarray) -> np.ndarray:
    """u8 RGB [H,W,3] with folds where cloth f32 [H,W] 0..1 says; surface f32 [H,W,3]."""
    columns, rows = (surface[..., axis] * np.float32(FOLDS_PX / SIDE_M) for axis in (0, 1))
    gain = cv2.remap(folds, columns, -rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    gain = 1.0 + cloth * (gain - 1.0)
    return cv2.multiply(rgb, cv2.merge([gain] * 3), dtype=cv2.CV_8U)


def _creases(rng: np.random.Generator, width_px: float, stretch: float) -> np.ndarray:
    """Ridges f32 [n,n] 0..1 along a random direction: where stretched noise crosses zero."""
    noise = _smooth(rng, width_px)
    middle = (FOLDS_PX / 2, FOLDS_PX / 2)
    turn = cv2.getRotationMatrix2D(middle, float(rng.uniform(0, 180)), 1.0) @ np.diag([1.0, 1.0 / stretch, 1.0])
    turn[1, 2] += middle[1] * (1 - 1 / stretch)
    noise = cv2.warpAffine(noise, turn, (FOLDS_PX, FOLDS_PX), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                           borderMode=cv2.BORDER_WRAP)
    return np.exp(-np.square(noise / 0.4))


def _smooth(rng: np.random.Generator, sigma_px: float) -> np.ndarray:
    """Unit noise of a size, f32 [n,n]."""
    noise = rng.standard_normal((FOLDS_PX, FOLDS_PX), dtype=np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT)
    return noise / (float(noise.std()) + 1e-9)

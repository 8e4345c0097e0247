# SPDX-License-Identifier: Apache-2.0
"""The matte a scene edit was made with, and its error.

The model's picture is source + alpha * (layer - source), alpha = clamp(offset + slope * luma) with the maps that
the upscale graph returns. When only the scene is asked for, alpha says "background": 1 - alpha is the model's
person matte. It is taken from that very run, at full size, by the arithmetic of models/apply_layer.py.
"""

from __future__ import annotations

import cv2
import numpy as np


def edit_alpha(source: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """source u8 BGR(A) [H,W,3|4], mask f32 [h,w,3] (detail, offset, slope) → how much was painted, f32 [H,W] 0..1."""
    height, width = source.shape[:2]
    maps = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
    luma = cv2.cvtColor(np.ascontiguousarray(source[..., :3]), cv2.COLOR_BGR2GRAY).astype(np.float32) / 255.0
    return np.clip(maps[..., 1] + maps[..., 2] * luma, 0.0, 1.0)


def matte_error(alpha: np.ndarray, person: np.ndarray) -> float:
    """Mean absolute difference over the whole picture of 1 - alpha (f32 0..1) and the true person alpha (u8)."""
    return float(np.mean(np.abs(1.0 - alpha - person.astype(np.float32) / 255.0)))

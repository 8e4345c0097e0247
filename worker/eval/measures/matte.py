# SPDX-License-Identifier: Apache-2.0
"""The matte a scene edit was made with, and its error.

The model's picture is source + alpha * (layer - source), alpha = clamp(offset + slope * luma), and a share of the
layer is the scene picture: alpha * share of a pixel shows the new scene, and 1 minus that is the model's person matte.
It is taken from the maps of that very run, at full size, by the arithmetic of paint/apply_layer.py.
"""

from __future__ import annotations

import cv2
import numpy as np

SCENE = 3  # the scene's place among the upscale graph's shares


def scene_alpha(source: np.ndarray, maps: dict[str, np.ndarray]) -> np.ndarray:
    """source u8 BGR(A) [H,W,3|4], the upscale graph's outputs → how much of each pixel is the scene, f32 [H,W] 0..1."""
    size = source.shape[1::-1]
    offset, slope, share = (cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)
                            for plane in (*maps["mask"][0, 1:], maps["shares"][0, SCENE]))
    luma = cv2.cvtColor(np.ascontiguousarray(source[..., :3]), cv2.COLOR_BGR2GRAY).astype(np.float32) / 255.0
    return np.clip(offset + slope * luma, 0.0, 1.0) * share


def matte_error(alpha: np.ndarray, person: np.ndarray) -> float:
    """Mean absolute difference over the whole picture of 1 - alpha (f32 0..1) and the true person alpha (u8)."""
    return float(np.mean(np.abs(1.0 - alpha - person.astype(np.float32) / 255.0)))

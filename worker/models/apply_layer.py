# SPDX-License-Identifier: Apache-2.0
"""The edit layer on the full-size frame: the last, elementwise part of the upscaler, in OpenCV.

Called by the upscale stage, one `LayerApplier` a stream and size (it keeps scratch buffers, because fresh
ones cost more in page faults than the arithmetic). Not thread-safe. The pixel rule is the one of
models/upscaler.py: alpha = clamp(offset + slope * luma), layer = rgb + detail * luma,
picture = frame + strength * alpha * (layer - frame).
"""
from __future__ import annotations

import cv2
import numpy as np


class LayerApplier:
    """Puts layers on frames of one size."""

    def __init__(self, width_px: int, height_px: int):
        size = (height_px, width_px)
        self._size_px = (width_px, height_px)
        self._color = np.empty((*size, 3), np.float32)
        self._mask = np.empty((*size, 3), np.float32)
        self._planes = [np.empty(size, np.float32) for _ in range(6)]
        self._bgr, self._layer, self._mixed = (np.empty((*size, 3), np.uint8) for _ in range(3))
        self._shade = np.empty((*size, 3), np.float32)

    def apply(self, frame: np.ndarray, layer: np.ndarray, mask: np.ndarray, strength: float,
              out: np.ndarray | None = None) -> np.ndarray:
        """frame u8 [H,W,4] BGRA; layer f32 [h,w,3] BGR 0..255; mask f32 [h,w,3] (detail, offset, slope);
        strength 0..1. Returns `out` (made if None): u8 [H,W,4], alpha copied. strength 0: the frame, bit for bit.
        """
        width_px, height_px = self._size_px
        if frame.shape != (height_px, width_px, 4):
            raise ValueError(f"frame must be {(height_px, width_px, 4)}, got {frame.shape}")
        if out is None:
            out = np.empty_like(frame)
        np.copyto(out, frame)
        if strength <= 0.0:
            return out
        cv2.resize(layer, self._size_px, dst=self._color, interpolation=cv2.INTER_LINEAR)
        cv2.resize(mask, self._size_px, dst=self._mask, interpolation=cv2.INTER_LINEAR)
        self._blend(frame, min(strength, 1.0), out)
        return out

    def _blend(self, frame: np.ndarray, strength: float, out: np.ndarray) -> None:
        detail, offset, slope, luma, keep, scratch = self._planes
        cv2.split(self._mask, (detail, offset, slope))
        cv2.cvtColor(frame, cv2.COLOR_BGRA2BGR, dst=self._bgr)
        gray = cv2.cvtColor(self._bgr, cv2.COLOR_BGR2GRAY)
        np.copyto(luma, gray)
        cv2.multiply(slope, luma, dst=scratch, scale=1.0 / 255.0)
        cv2.add(offset, scratch, dst=offset)
        cv2.multiply(detail, luma, dst=detail)
        cv2.merge((detail, detail, detail), dst=self._shade)
        cv2.add(self._color, self._shade, dst=self._layer, dtype=cv2.CV_8U)
        np.clip(offset, 0.0, 1.0, out=offset)
        cv2.multiply(offset, strength, dst=offset)
        np.subtract(1.0, offset, out=keep)
        cv2.blendLinear(self._layer, self._bgr, offset, keep, dst=self._mixed)
        cv2.mixChannels([self._mixed], [out], [0, 0, 1, 1, 2, 2])

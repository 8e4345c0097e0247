# SPDX-License-Identifier: Apache-2.0
"""Makes clean synthetic pictures look like a cheap webcam's, and true masks like a segmenter's. OpenCV only."""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Photometry:
    """Exposure, white balance and tone of one clip, applied alike to source and target."""

    gain: np.ndarray  # float32 [3]
    gamma: float
    lift: float

    def table(self) -> np.ndarray:
        """u8 [1,256,3] lookup table."""
        ramp = np.linspace(0.0, 1.0, 256, dtype=np.float32)[:, None]
        curve = self.lift + (1.0 - self.lift) * np.clip(ramp * self.gain, 0.0, 1.0) ** self.gamma
        return (curve * 255.0 + 0.5).astype(np.uint8)[None]


def sample_photometry(rng: np.random.Generator) -> Photometry:
    balance = np.exp(rng.normal(0.0, 0.05, 3)).astype(np.float32)
    return Photometry(balance * np.float32(np.exp(rng.normal(0.0, 0.13))), float(np.exp(rng.normal(0.0, 0.15))),
                      float(max(0.0, rng.normal(0.0, 0.03))))


@dataclass(frozen=True)
class Webcam:
    """Sensor and codec faults of one clip; noise differs by frame."""

    blur: float
    shrink: float
    noise: float
    jpeg: int

    def apply(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """RGB u8 [H,W,3] -> the same, degraded."""
        height, width = picture.shape[:2]
        if self.shrink < 1.0:
            small = cv2.resize(picture, None, fx=self.shrink, fy=self.shrink, interpolation=cv2.INTER_AREA)
            picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        if self.blur > 0.0:
            picture = cv2.GaussianBlur(picture, (0, 0), self.blur)
        if self.noise > 0.0:
            field = np.empty(picture.shape, np.int16)
            cv2.setRNGSeed(int(rng.integers(1 << 30)))
            cv2.randn(field, 0, self.noise)
            picture = cv2.add(picture, field, dtype=cv2.CV_8U)
        if self.jpeg:
            coded = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, self.jpeg))[1]
            picture = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        return picture


CLEAN_SHARE = 0.4  # good cameras, games and films


def sample_webcam(rng: np.random.Generator) -> Webcam:
    if rng.random() < CLEAN_SHARE:
        return Webcam(blur=0.0, shrink=1.0, noise=0.0, jpeg=0)
    draw = rng.random(4)
    return Webcam(blur=float(rng.uniform(0.4, 1.6)) if draw[0] < 0.4 else 0.0,
                  shrink=float(rng.uniform(0.4, 0.9)) if draw[1] < 0.35 else 1.0,
                  noise=float(rng.uniform(1.0, 9.0)) if draw[2] < 0.6 else 0.0,
                  jpeg=int(rng.integers(25, 90)) if draw[3] < 0.45 else 0)


@dataclass(frozen=True)
class MaskFault:
    """How a segmenter errs on one clip."""

    absent: bool
    shift: tuple[int, int]
    grow: int
    blur: float
    hole: tuple[int, int, int] | None
    hair: float = 1.0  # how much of the person's hair it takes for the person's: big hair it loses for moments

    def apply(self, alpha: np.ndarray, hair: np.ndarray) -> np.ndarray:
        """True person alpha u8 [H,W], where hair is bool [H,W] -> noisy mask u8 [H,W]."""
        if self.absent:
            return np.zeros_like(alpha)
        if self.hair < 1.0:
            alpha = np.where(hair, alpha * np.float32(self.hair), alpha).astype(np.uint8)
        small = cv2.resize(alpha, (alpha.shape[1] // 2, alpha.shape[0] // 2), interpolation=cv2.INTER_AREA)
        if self.grow:
            kernel = np.ones((abs(self.grow) * 2 + 1,) * 2, np.uint8)
            small = cv2.dilate(small, kernel) if self.grow > 0 else cv2.erode(small, kernel)
        if any(self.shift):
            move = np.float32([[1, 0, self.shift[0]], [0, 1, self.shift[1]]])
            small = cv2.warpAffine(small, move, (small.shape[1], small.shape[0]), borderMode=cv2.BORDER_REPLICATE)
        if self.hole:
            column, row, value = self.hole
            cv2.ellipse(small, (column, row), (14, 9), 30, 0, 360, value, -1)
        small = cv2.GaussianBlur(small, (0, 0), self.blur)
        return cv2.resize(small, (alpha.shape[1], alpha.shape[0]), interpolation=cv2.INTER_LINEAR)


def sample_mask_fault(rng: np.random.Generator, width_px: int, height_px: int) -> MaskFault:
    hole = None
    if rng.random() < 0.15:
        hole = (int(rng.integers(width_px // 2)), int(rng.integers(height_px // 2)), int(rng.choice([60, 150, 255])))
    shift = (int(rng.integers(-2, 3)), int(rng.integers(-2, 3))) if rng.random() < 0.4 else (0, 0)
    grow = int(rng.integers(-1, 3)) if rng.random() < 0.5 else 0
    hair = float(rng.uniform(0.0, 0.6)) if rng.random() < 0.1 else 1.0
    return MaskFault(bool(rng.random() < 0.04), shift, grow, float(rng.uniform(0.6, 2.0)), hole, hair)

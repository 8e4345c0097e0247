# SPDX-License-Identifier: Apache-2.0
"""The light words as a grade of the whole picture: a tone curve a channel, and light that falls from the sides.

Called by the upscale stage on the finished picture, one `LightGrade` a stream and size. OpenCV and numpy only; not
thread-safe. The pixel rule: graded = clamp(curve(picture) * gain(x, y) + glow(x, y)), picture + strength * (graded -
picture). Invariant: alpha is never touched.
"""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Lamp:
    """Light from a place. at: its middle, in picture widths and heights (0..1, may lie outside); reach: how far, in
    widths; gain: what it multiplies colours by where it is full; glow: what it adds there, 0..1."""

    at: tuple[float, float]
    reach: float
    gain: Rgb
    glow: Rgb = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Grade:
    """black and white: what 0 and 1 become, RGB 0..1; gamma: exponent between them, per channel (below 1 lifts);
    contrast: share of an S-curve; lamps: multiplied and added one after the other."""

    black: Rgb
    white: Rgb
    gamma: Rgb
    contrast: float
    lamps: tuple[Lamp, ...]


GRADES: dict[str, Grade] = {
    "daylight": Grade(
        (0.0, 0.0, 0.012), (1.0, 1.0, 1.0), (0.86, 0.85, 0.82), 0.25,
        (Lamp((0.1, -0.1), 0.9, (1.10, 1.10, 1.08), (0.035, 0.04, 0.05)), Lamp((1.0, 1.1), 0.7, (0.93, 0.94, 0.97))),
    ),
    "sunset": Grade(
        (0.035, 0.0, 0.03), (1.0, 0.88, 0.70), (0.90, 1.06, 1.18), 0.15,
        (Lamp((1.05, 0.25), 0.75, (1.22, 1.02, 0.72), (0.20, 0.085, 0.0)),
         Lamp((-0.05, 0.6), 0.7, (0.72, 0.70, 0.88), (0.0, 0.0, 0.02))),
    ),
    "night": Grade(
        (0.015, 0.028, 0.075), (0.50, 0.60, 0.84), (1.28, 1.18, 1.02), 0.20,
        (Lamp((0.15, -0.1), 0.8, (1.28, 1.28, 1.22), (0.01, 0.02, 0.05)),
         Lamp((0.9, 1.05), 0.75, (0.60, 0.62, 0.72))),
    ),
    "neon": Grade(
        (0.02, 0.0, 0.045), (0.78, 0.72, 0.92), (1.12, 1.22, 1.0), 0.30,
        (Lamp((-0.05, 0.4), 0.62, (1.42, 0.55, 1.30), (0.22, 0.0, 0.16)),
         Lamp((1.05, 0.5), 0.62, (0.45, 1.22, 1.32), (0.0, 0.14, 0.20))),
    ),
}  # fmt: skip


class LightGrade:
    """Puts a light word on pictures of one size; keeps the tables of the word last used."""

    def __init__(self, width_px: int, height_px: int) -> None:
        self._size_px = (width_px, height_px)
        self._word = ""
        self._curve = self._gain = self._glow = self._graded = None

    def apply(self, picture: np.ndarray, word: str, strength: float) -> np.ndarray:
        """picture u8 [H,W,4] BGRA, changed in place and returned; word: one of GRADES; strength 0..1."""
        width_px, height_px = self._size_px
        if picture.shape != (height_px, width_px, 4):
            raise ValueError(f"picture must be {(height_px, width_px, 4)}, got {picture.shape}")
        if strength <= 0.0:
            return picture
        if word != self._word:
            self._prepare(word)
        cv2.LUT(picture, self._curve, dst=self._graded)
        cv2.multiply(self._graded, self._gain, dst=self._graded, dtype=cv2.CV_8U)
        if strength >= 1.0:
            return cv2.add(self._graded, self._glow, dst=picture)
        cv2.add(self._graded, self._glow, dst=self._graded)
        return cv2.addWeighted(self._graded, strength, picture, 1.0 - strength, 0.0, dst=picture)

    def _prepare(self, word: str) -> None:
        grade = GRADES[word]
        gain, glow = light_fields(grade, *self._size_px)
        one, none = np.ones_like(gain[..., :1]), np.zeros_like(glow[..., :1])
        noise = np.random.default_rng(0).random(glow.shape, np.float32)  # against bands in dark, smooth places
        glow = np.floor(glow * 255.0 + noise).astype(np.uint8)
        self._gain = np.concatenate([gain[..., ::-1], one], axis=2)
        self._glow = np.concatenate([glow[..., ::-1], none.astype(np.uint8)], axis=2)
        self._curve = tone_curve(grade)
        self._graded = np.empty(self._glow.shape, np.uint8)
        self._word = word


def tone_curve(grade: Grade) -> np.ndarray:
    """u8 [1,256,4] BGRA for cv2.LUT; alpha stays."""
    tone = np.linspace(0.0, 1.0, 256)[:, None]
    bent = tone ** np.asarray(grade.gamma)
    bent = bent + grade.contrast * (bent * bent * (3.0 - 2.0 * bent) - bent)
    black, white = np.asarray(grade.black), np.asarray(grade.white)
    rgb = np.clip(black + (white - black) * bent, 0.0, 1.0) * 255.0
    return np.rint(np.concatenate([rgb[:, ::-1], 255.0 * tone], axis=1)).astype(np.uint8)[None]


def light_fields(grade: Grade, width_px: int, height_px: int) -> tuple[np.ndarray, np.ndarray]:
    """gain and glow of all lamps together, f32 [H,W,3] RGB."""
    x = (np.arange(width_px, dtype=np.float32) + 0.5) / width_px
    y = (np.arange(height_px, dtype=np.float32) + 0.5)[:, None] / height_px
    gain = np.ones((height_px, width_px, 3), np.float32)
    glow = np.zeros_like(gain)
    for lamp in grade.lamps:
        far = np.hypot(x - lamp.at[0], (y - lamp.at[1]) * np.float32(height_px / width_px)) / lamp.reach
        share = np.exp(-2.0 * far * far)[..., None].astype(np.float32)
        gain *= 1.0 + share * (np.float32(lamp.gain) - 1.0)
        glow += share * np.float32(lamp.glow)
    return gain, glow

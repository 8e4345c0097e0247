# SPDX-License-Identifier: Apache-2.0
"""Sounds with known edges for the voice tests: a room, a buzz as loud as speech, and detectors that know them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

RATE_HZ = 16_000


def room(seconds: float, level: float = 0.003, seed: int = 0) -> np.ndarray:
    """Steady noise, int16."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(int(seconds * RATE_HZ)) * level * 32767).astype(np.int16)


def voice(seconds: float, level: float = 0.2) -> np.ndarray:
    """A buzz with the loudness of speech, int16."""
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    buzz = sum(np.sin(2 * np.pi * hz * time_s) for hz in (220, 440, 1100, 2300)) / 4
    return (buzz * (0.7 + 0.3 * np.sin(2 * np.pi * 4 * time_s)) * level * 32767).astype(np.int16)


def everything(frame: np.ndarray) -> float:
    """A detector that takes any sound for speech, so that levels alone decide."""
    return 1.0


def slow_detector() -> Callable[[np.ndarray], float]:
    """Knows the buzz from noise, and like the real one notices its end some frames late."""
    left = 0

    def hears(frame: np.ndarray) -> float:
        nonlocal left
        power = np.sort(np.abs(np.fft.rfft(frame)) ** 2)
        left = 4 if power[-16:].sum() > 0.8 * power.sum() else max(left - 1, 0)
        return float(left > 0)

    return hears

# SPDX-License-Identifier: Apache-2.0
"""Sound to the log-mel picture that Whisper models read: 80 bands, 100 columns a second.

Called by the Whisper engine for one phrase. Invariant: pure; the same samples give the same picture.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

RATE_HZ = 16_000
BANDS = 80
_WINDOW = 400
_HOP = 160
_LINEAR_UNTIL_HZ = 1000.0
_LINEAR_STEP_HZ = 200.0 / 3
_LOG_STEP = np.log(6.4) / 27.0


def log_mel(samples: np.ndarray) -> np.ndarray:
    """float32 [n] in -1 … 1 at 16 kHz -> float32 [80, n // 160], values of about -1 … 1."""
    padded = np.pad(samples.astype(np.float32), _WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][: samples.size // _HOP]
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window, axis=1)).astype(np.float32) ** 2
    logs = np.log10(np.maximum(_filters() @ power.T, 1e-10))
    return ((np.maximum(logs, logs.max() - 8.0) + 4.0) / 4.0).astype(np.float32)


@lru_cache(maxsize=1)
def _filters() -> np.ndarray:
    """float32 [80, 201]: triangles of equal area, evenly spaced on the mel scale from 0 Hz to 8 kHz."""
    bins_hz = np.linspace(0, RATE_HZ / 2, _WINDOW // 2 + 1)
    edges_hz = _hz(np.linspace(_mel(0.0), _mel(RATE_HZ / 2), BANDS + 2))
    low, middle, high = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    triangles = np.minimum((bins_hz - low) / (middle - low), (high - bins_hz) / (high - middle))
    return (np.maximum(triangles, 0) * 2 / (high - low)).astype(np.float32)


def _mel(hz: float) -> float:
    """Linear up to 1 kHz, logarithmic above."""
    knee = _LINEAR_UNTIL_HZ / _LINEAR_STEP_HZ
    return hz / _LINEAR_STEP_HZ if hz < _LINEAR_UNTIL_HZ else knee + np.log(hz / _LINEAR_UNTIL_HZ) / _LOG_STEP


def _hz(mel: np.ndarray) -> np.ndarray:
    knee = _LINEAR_UNTIL_HZ / _LINEAR_STEP_HZ
    return np.where(mel < knee, mel * _LINEAR_STEP_HZ, _LINEAR_UNTIL_HZ * np.exp(_LOG_STEP * (mel - knee)))

# SPDX-License-Identifier: Apache-2.0
"""Figures about a stream: rolling latency percentiles, frames per second, frames dropped.

Called by the worker's loop thread and by the benchmarks. Invariant: memory is bounded by the window.
"""

from __future__ import annotations

import time
from collections import deque

import numpy as np

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


def since_ms(started_ns: int) -> float:
    """Milliseconds since a time of perf_counter_ns."""
    return (time.perf_counter_ns() - started_ns) / NS_PER_MS


def percentiles_ms(samples_ms) -> dict[str, float]:
    """{"p50_ms", "p95_ms", "p99_ms"} of the samples in milliseconds; zeros where there are none."""
    if not len(samples_ms):
        return {"p50_ms": 0.0, "p95_ms": 0.0, "p99_ms": 0.0}
    p50, p95, p99 = np.percentile(np.asarray(samples_ms, dtype=np.float64), (50, 95, 99))
    return {"p50_ms": round(float(p50), 3), "p95_ms": round(float(p95), 3), "p99_ms": round(float(p99), 3)}


class StreamTimings:
    """Rolling figures over the newest `window` frames of one stream."""

    def __init__(self, window: int = 240) -> None:
        self._latency_ms: deque[float] = deque(maxlen=window)
        self._finished_ns: deque[int] = deque(maxlen=window)
        self._stages: dict[str, deque[float]] = {}
        self._window = window
        self.processed = 0
        self.dropped = 0

    def add(self, latency_ms: float, stage_ms: dict[str, float], now_ns: int | None = None) -> None:
        """Records one finished frame: ring in → ring out, and each stage's share, in milliseconds."""
        self.processed += 1
        self._latency_ms.append(latency_ms)
        self._finished_ns.append(time.monotonic_ns() if now_ns is None else now_ns)
        for name, value in stage_ms.items():
            self._stages.setdefault(name, deque(maxlen=self._window)).append(value)

    def latency(self) -> dict[str, float]:
        """Percentiles of ring in → ring out over the window."""
        return percentiles_ms(self._latency_ms)

    def stages(self) -> dict[str, dict[str, float]]:
        """Percentiles of each stage over the window, in running order."""
        return {name: percentiles_ms(values) for name, values in self._stages.items()}

    def fps(self, now_ns: int | None = None, horizon_s: float = 2.0) -> float:
        """Frames finished per second over the last `horizon_s` seconds; 0.0 for a stream that stands still."""
        now_ns = time.monotonic_ns() if now_ns is None else now_ns
        recent = [at for at in self._finished_ns if now_ns - at <= horizon_s * NS_PER_S]
        if len(recent) < 2:
            return 0.0
        # A stream that has stopped must read low: count the silence since its last frame as well.
        span_ns = max(now_ns - recent[0], 1)
        return round((len(recent) - 1) * NS_PER_S / span_ns, 2)

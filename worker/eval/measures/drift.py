# SPDX-License-Identifier: Apache-2.0
"""Does a long stream wander off? One clip, played forth and back without end; first frames against last frames.

Called by run.py. Invariant: memory does not grow with the length: only the two windows are scored, frame by frame.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import psutil

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.eval.measures.score import frame_figures
from mirage_lsd.worker.eval.play import stream
from mirage_lsd.worker.eval.statistics import drift_percent, mean
from mirage_lsd.worker.eval.switches import EvalHost
from mirage_lsd.worker.eval.test_set.clips import Clip
from mirage_lsd.worker.eval.test_set.truth import Truth

WINDOW = 100
FIGURES = ("garment_iou", "garment_delta_e", "full_mse")


def to_and_fro(frames: int) -> list[int]:
    """One period of frame numbers: 0 1 … n-1 n-2 … 1, so that a loop has no cut."""
    return [*range(frames), *range(frames - 2, 0, -1)]


def long_run(frames: int, period: int) -> tuple[int, int]:
    """(window, total) frames: total is at least what is asked, and the last window shows what the first one did."""
    window = min(WINDOW, max(1, frames // 3))
    loops = -(-(frames - window) // period)
    return window, window + loops * period


def drift(host: EvalHost, clip: Clip, truth: Callable[[int], Truth], settings: StreamSettings, frames: int) -> dict:
    """Plays about `frames` frames; {"drift_percent", "first", "last", "frames", "rss_mb_start", "rss_mb_end"}."""
    order = to_and_fro(clip.frames)
    window, total = long_run(frames, len(order))
    windows: dict[str, dict[str, list]] = {"first": defaultdict(list), "last": defaultdict(list)}
    memory = [_rss_mb()]

    def keep(t: int, _source: np.ndarray, picture: np.ndarray, _ms: float) -> None:
        place = order[t % len(order)]
        for name, inside in (("first", t < window), ("last", t >= total - window)):
            if inside:
                for figure, value in frame_figures(clip, truth(place), place, picture).items():
                    windows[name][figure].append(value)
        if t == window:
            memory[0] = _rss_mb()

    stream(host, _looped(clip, order, total), settings, keep)
    means = {name: {figure: mean(found[figure]) for figure in FIGURES} for name, found in windows.items()}
    for figures in means.values():
        figures["full_rmse"] = float(np.sqrt(figures.pop("full_mse")))
    return {"drift_percent": drift_percent(means["first"], means["last"]), **means, "frames": total,
            "window": window, "rss_mb_start": memory[0], "rss_mb_end": _rss_mb()}  # fmt: skip


def _looped(clip: Clip, order: list[int], total: int) -> Iterator[np.ndarray]:
    for t in range(total):
        yield clip.source[order[t % len(order)]]


def _rss_mb() -> float:
    return psutil.Process().memory_info().rss / 2**20

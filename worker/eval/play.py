# SPDX-License-Identifier: Apache-2.0
"""Plays a film through the real runtime: the lsd pipeline's own stages, in order, frame by frame.

Called by the scorers. Invariant: every film starts with an empty history.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.eval.measures.matte import scene_alpha
from mirage_lsd.worker.eval.switches import EvalHost


@dataclass
class Film:
    """pictures u8 T x [H,W,3] BGR; alphas f32 T x [H,W] (only when asked for); frame_ms: time of each frame."""

    pictures: list[np.ndarray] = field(default_factory=list)
    alphas: list[np.ndarray] = field(default_factory=list)
    frame_ms: list[float] = field(default_factory=list)


def play(host: EvalHost, sources: Iterable[np.ndarray], settings: StreamSettings, want_alpha: bool = False) -> Film:
    """sources: u8 [H,W,4] BGRA."""
    film = Film()

    def keep(_t: int, source: np.ndarray, picture: np.ndarray, spent_ms: float) -> None:
        film.pictures.append(picture)
        film.frame_ms.append(spent_ms)
        if want_alpha:
            film.alphas.append(scene_alpha(source, host.last_engine.maps))

    stream(host, sources, settings, keep)
    return film


def stream(host: EvalHost, sources: Iterable[np.ndarray], settings: StreamSettings,
           keep: Callable[[int, np.ndarray, np.ndarray, float], None]) -> None:
    """Calls keep(t, source, picture u8 BGR, ms) for each frame; keeps nothing itself."""
    pipeline = host.new_pipeline(live=False)
    for t, source in enumerate(sources):
        started_ns = time.perf_counter_ns()
        output = pipeline.restyle(source, settings)
        spent_ms = (time.perf_counter_ns() - started_ns) / 1e6
        keep(t, source, np.ascontiguousarray(output[..., :3]), spent_ms)

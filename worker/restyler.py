# SPDX-License-Identifier: Apache-2.0
"""Pictures in memory through the same stages that the filter uses: for files, programs and the evaluation.

Called by one thread. Invariant: every picture given comes back, in order; running out of graphics memory costs a
repetition, not a picture. `Restyler` is mirage-lsd-tiny's and imports no torch, `V1Restyler` is mirage-lsd-v1's.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.ring.frame import FrameHeader
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.pipelines import build
from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.timing import NS_PER_MS

if TYPE_CHECKING:
    from mirage_lsd.worker.hosts.v1_host import V1Host


class Restyles(Protocol):
    """What both restylers offer. made_by: how many pictures each engine has made."""

    made_by: Counter[str]

    def __call__(self, source: np.ndarray, settings: StreamSettings) -> np.ndarray: ...

    def reset(self) -> None: ...

    def close(self) -> None: ...


class Restyler:
    """The lsd pipeline for pictures in memory: BGRA in, BGRA out."""

    def __init__(self, host: EngineHost) -> None:
        self._host = host
        self._stages = build("lsd", host)
        self._frame_id = 0
        self.made_by: Counter[str] = Counter()

    def __call__(self, source: np.ndarray, settings: StreamSettings) -> np.ndarray:
        """source: uint8 [h, w, 4] BGRA → uint8 [h, w, 4] BGRA in the look of `settings`."""
        self._frame_id += 1
        job = Job(header_for(source, self._frame_id), settings, 0, source)
        started_ns = time.perf_counter_ns()
        for stage in self._stages:
            job = stage(job)
        self._host.took(settings, source.shape[1::-1], (time.perf_counter_ns() - started_ns) / NS_PER_MS)
        self.made_by[self._host.engine] += 1
        return job.output

    def reset(self) -> None:
        """Forgets the history: the next picture starts a new stream."""
        for stage in self._stages:
            stage.reset()

    def close(self) -> None:
        """Gives everything back."""
        for stage in self._stages:
            stage.flush()


class V1Restyler:
    """The same with mirage-lsd-v1. live: a new prompt costs no picture and masks may be a frame old, as in OBS."""

    def __init__(self, host: V1Host, live: bool = False) -> None:
        self._host, self._live = host, live
        self._stages, self._carrier = host.new_stream(live)
        self._frame_id = 0
        self.made_by: Counter[str] = Counter()

    def __call__(self, source: np.ndarray, settings: StreamSettings) -> np.ndarray:
        """source: uint8 [h, w, 4] BGRA → uint8 [h, w, 4] BGRA in the look of `settings`. Raises MirageError."""
        from mirage_lsd.worker.hosts.v1_host import OutOfVramError

        self._frame_id += 1
        if not self._live:
            self._carrier.wait_for_prompt(settings)
        while True:
            try:
                job = self._carrier.take_picture(source, header_for(source, self._frame_id), settings)
                for stage in self._stages:
                    job = stage(job)
                picture = self._carrier.fetch(job)
                self.made_by[self._carrier.engine] += 1
                return picture
            except OutOfVramError:
                if not self._host.ready:
                    raise

    def reset(self) -> None:
        """Forgets the history: the next picture starts a new stream."""
        for stage in self._stages:
            stage.reset()

    def close(self) -> None:
        """Gives everything back but the host's model."""
        for stage in self._stages:
            stage.flush()
        self._carrier.flush()


def header_for(source: np.ndarray, frame_id: int) -> FrameHeader:
    """The header of a picture uint8 [h, w, 4] BGRA captured now."""
    height_px, width_px, channels = source.shape
    assert channels == 4, f"a picture must be BGRA, got {source.shape}"
    now_ns = time.monotonic_ns()
    return FrameHeader(frame_id, now_ns, width_px, height_px, width_px * channels, mapped_ns=now_ns)

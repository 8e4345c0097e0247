# SPDX-License-Identifier: Apache-2.0
"""One stream's way through a model: frames in, from a ring or from memory, through the stages in order, frames out.

Called by the worker's loop thread or by one thread of a program. Invariants: this is the one place where stages are
run, timed, and made to forget: the past goes at a cut, at another size, when a frame failed or a program seeks, and
nowhere else; every picture given to `restyle` comes back, in order; running out of graphics memory costs a repetition.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.ring.frame_header import FrameHeader
from mirage_lsd.shared.ring.ring import Ring
from mirage_lsd.worker.hosts.vram import OutOfVramError
from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.timing import since_ms
from mirage_lsd.worker.transport import Finished, FrameTransport, Taken

if TYPE_CHECKING:
    from mirage_lsd.worker.hosts.model_host import ModelHost


class StreamModel(Protocol):
    """The model as one stream uses it, with the stream's history. engine: what runs the frame under way."""

    engine: str

    def fit(self, width_px: int, height_px: int, working_size: str) -> bool:
        """Makes ready for a frame of this size; True where the past must go."""

    def forget(self) -> None:
        """Drops the stream's past. Called by the pipeline alone."""

    def guarded(self) -> AbstractContextManager:
        """Within it, running out of the model's memory is OutOfVramError, and the host has chosen what comes next."""

    def release(self) -> None:
        """Gives everything back but the host's model."""


class Pipeline:
    """host: whose model it is. made_by: how many frames each engine has made. remark: what the status says of the last
    one, "" for nothing."""

    def __init__(self, host: ModelHost, model: StreamModel, stages: Sequence[Stage], transport: FrameTransport) -> None:
        self.host, self.model, self.stages = host, model, tuple(stages)
        self.made_by: Counter[str] = Counter()
        self.remark = ""
        self._transport = transport
        self._pictures = 0
        self._size_px: tuple[int, int] | None = None

    @property
    def full(self) -> bool:
        """Whether no frame may be taken now."""
        return self._transport.full

    @property
    def busy(self) -> bool:
        """Whether frames are under way."""
        return self._transport.busy

    def take(self, ring: Ring, after: int, settings: StreamSettings, generation: int) -> Taken | None:
        """The newest frame after number `after`, ready for the stages, as (its number, job)."""
        started_ns = time.perf_counter_ns()
        with self.model.guarded():
            taken = self._transport.take(ring, after, settings, generation)
        if taken is not None:
            taken[1].stage_ms["upload"] = since_ms(started_ns)
        return taken

    def run(self, job: Job) -> Job:
        """Takes one job through the stages, each timed."""
        self._follow_size(job)
        stages_ms = 0.0
        with self.model.guarded():
            if self.model.fit(*self._size_px, job.settings.working_size):
                self.model.forget()
            for stage in self.stages:
                cut_before, started_ns = job.cut, time.perf_counter_ns()
                job = stage(job)
                if job.cut and not cut_before:
                    self.model.forget()
                job.stage_ms[stage.name] = since_ms(started_ns)
                stages_ms += job.stage_ms[stage.name]
        self.made_by[self.model.engine] += 1
        self.remark = job.remark
        self.host.record_frame(job.settings, self._size_px, stages_ms)
        return job

    def send(self, ring: Ring, job: Job) -> None:
        """Takes a job that has been through the stages; `collect` tells when it is published."""
        started_ns = time.perf_counter_ns()
        self._transport.send(ring, job)
        job.stage_ms["download"] = since_ms(started_ns)

    def collect(self, ring: Ring) -> list[Finished]:
        """What was published since the last call, as (job, when in monotonic ns)."""
        return self._transport.collect(ring)

    def restyle(self, picture: np.ndarray, settings: StreamSettings) -> np.ndarray:
        """picture: uint8 [h, w, 4] BGRA → the same in the look of `settings`, valid until the next call."""
        self._pictures += 1
        header = header_for(picture, self._pictures)
        while True:
            try:
                with self.model.guarded():
                    job = self._transport.take_picture(picture, header, settings)
                return self._transport.fetch(self.run(job))
            except OutOfVramError:
                if not self.host.ready:
                    raise

    def reset(self) -> None:
        """Forgets the stream's past and what is under way; the next frame starts afresh."""
        self._transport.abandon()
        self.model.forget()
        for stage in self.stages:
            stage.reset()

    def release_rings(self) -> None:
        """Before rings are closed: lets go of their memory."""
        self._transport.release_rings()

    def flush(self) -> None:
        """Gives everything back but the host's model."""
        for stage in self.stages:
            stage.flush()
        self._transport.flush()
        self.model.release()

    def _follow_size(self, job: Job) -> None:
        size_px = (job.header.width_px, job.header.height_px)
        if size_px != self._size_px:
            self._size_px = size_px
            self.model.forget()
            for stage in self.stages:
                stage.reset()


def header_for(picture: np.ndarray, frame_id: int) -> FrameHeader:
    """The header of a picture uint8 [h, w, 4] BGRA captured now."""
    height_px, width_px, channels = picture.shape
    assert channels == 4, f"a picture must be BGRA, got {picture.shape}"
    now_ns = time.monotonic_ns()
    return FrameHeader(frame_id, now_ns, width_px, height_px, width_px * channels, mapped_ns=now_ns)

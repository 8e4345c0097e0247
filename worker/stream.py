# SPDX-License-Identifier: Apache-2.0
"""One filter's stream: its two rings, its stages with their history, its figures.

Called by the worker's loop thread only. Invariant: rings and stages always match the StreamState last given to
`update`; a change of size or pipeline starts the history afresh.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.ring.ring import Ring
from mirage_lsd.worker.carrier import Carrier, Finished, HostCarrier
from mirage_lsd.worker.hosts.models_host import Choice, ModelsHost
from mirage_lsd.worker.models.graphs import GraphShapes
from mirage_lsd.worker.pipelines import build, needs_model
from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.state import StreamState
from mirage_lsd.worker.timing import NS_PER_MS, NS_PER_S, StreamTimings

UNDER_WAY_S = 0.0005


class Stream:
    """Opens the rings of `state`; raises RingError when one is missing, foreign or damaged."""

    def __init__(self, state: StreamState, models: ModelsHost, path_of: Callable[[str], str]) -> None:
        self._models = models
        self._path_of = path_of
        self._carrier: Carrier = HostCarrier()
        self._taken = 0
        self._taken_ns = 0
        self._size_px: tuple[int, int] | None = None
        self._pipeline: object = None
        self._runs_tiny = False
        self.choice = Choice("")
        self.stages: list[Stage] = []
        self.timings = StreamTimings()
        self.failures_in_a_row = 0
        self.last_error = ""
        self.state = state
        self._open_rings()

    @property
    def stream_id(self) -> int:
        """The id the OBS side gave this stream."""
        return self.state.stream_id

    def update(self, state: StreamState) -> None:
        """Takes over a new state; a new epoch reopens the rings."""
        reopen = state.epoch != self.state.epoch
        self.state = state
        if reopen:
            self._close_rings()
            self._open_rings()

    def take_newest(self) -> Job | None:
        """The newest frame not yet taken, ready for the stages; None when there is none or it must wait."""
        settings = self.state.settings
        if not settings.enabled or self._too_soon() or not self._choose() or self._carrier.full:
            return None
        taken = self._carrier.take(self.input_ring, self._taken, settings, self.state.generation)
        if taken is None:
            return None
        number, job = taken
        if self._taken:
            self.timings.dropped += number - self._taken - 1
        self._taken, self._taken_ns = number, time.monotonic_ns()
        self._follow_size(job)
        return job

    def send(self, job: Job) -> None:
        """Takes a job that has been through the stages; `collect` tells when it is published."""
        self._carrier.send(self.output_ring, job)

    def collect(self) -> list[Finished]:
        """Books the frames published since the last call: latency is ring in (mapped_ns) → ring out."""
        done = self._carrier.collect(self.output_ring)
        for job, finished_ns in done:
            self.failures_in_a_row = 0
            if self.choice.v1 is None and job.stage_ms:
                size_px = job.header.width_px, job.header.height_px
                self._models.tiny.took(job.settings, size_px, sum(job.stage_ms.values()))
                self._runs_tiny = True
            self.timings.add((finished_ns - job.header.mapped_ns) / NS_PER_MS, job.stage_ms, finished_ns)
        return done

    def reset(self) -> None:
        """Forgets the stream's history and what is under way; the next frame starts afresh."""
        self._carrier.abandon()
        for stage in self.stages:
            stage.reset()

    def close(self) -> None:
        """Gives stages and rings back. The rings' files belong to the OBS side and stay."""
        self._flush()
        self._close_rings()

    def wait_s(self, longest_s: float) -> float:
        """How long the loop may sleep before a frame under way may be done or the rate cap lets the next through."""
        if self._carrier.busy:
            return min(longest_s, UNDER_WAY_S)
        cap_fps = self.state.settings.max_fps_for_tests
        if not cap_fps:
            return longest_s
        due_ns = self._taken_ns + NS_PER_S / cap_fps
        return min(longest_s, max((due_ns - time.monotonic_ns()) / NS_PER_S, 0.001))

    def _shapes(self) -> GraphShapes:
        """For the frame that comes next; the ring may hold larger ones."""
        newest = self.input_ring.newest(self._taken)
        size_px = self._size_px if newest is None else (newest.header.width_px, newest.header.height_px)
        ring = self.input_ring.geometry
        width_px, height_px = size_px or (ring.max_width_px, ring.max_height_px)
        return self._models.tiny.shapes_for(width_px, height_px, self.state.settings.working_size)

    def _too_soon(self) -> bool:
        cap_fps = self.state.settings.max_fps_for_tests
        return bool(cap_fps) and time.monotonic_ns() - self._taken_ns < NS_PER_S / cap_fps

    def _choose(self) -> bool:
        """Stages of the model that is there for these settings; False where the source is to be shown."""
        settings = self.state.settings
        if not needs_model(settings.pipeline):
            self.choice = Choice("")
            self._switch((settings.pipeline, None))
            return True
        self.choice = choice = self._models.choose(settings)
        # Where an engine runs it goes on until that of another size is there (ModelContext.fit).
        if choice.model and (choice.v1 is not None or self._runs_tiny or self._models.tiny.prepare(self._shapes())):
            self._switch((settings.pipeline, choice.v1))
            return True
        if not choice.model or not isinstance(self._carrier, HostCarrier):
            self._switch(None)  # while tiny makes ready for another size, its stages stay
        return False

    def _switch(self, pipeline: tuple | None) -> None:
        """Other stages, where the pipeline or the model is another one; None: no stages for now."""
        if pipeline == self._pipeline:
            return
        self._flush()
        self._pipeline = pipeline
        if pipeline is None:
            return
        name, v1 = pipeline
        if v1 is None:
            self.stages = build(name, self._models.tiny)
        else:
            self.stages, self._carrier = v1.new_stream()

    def _flush(self) -> None:
        for stage in self.stages:
            stage.flush()
        self._carrier.flush()
        self.stages, self._carrier, self._pipeline, self._runs_tiny = [], HostCarrier(), None, False

    def _follow_size(self, job: Job) -> None:
        size_px = (job.header.width_px, job.header.height_px)
        if size_px != self._size_px:
            self._size_px = size_px
            for stage in self.stages:
                stage.reset()

    def _open_rings(self) -> None:
        self.input_ring = Ring.open(self._path_of(self.state.input_ring), writable=False)
        try:
            self.output_ring = Ring.open(self._path_of(self.state.output_ring), prefault=True)
        except MirageError:
            self.input_ring.close()
            raise
        self._taken = 0

    def _close_rings(self) -> None:
        self._carrier.release_rings()
        self.input_ring.close()
        self.output_ring.close()

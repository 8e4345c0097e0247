# SPDX-License-Identifier: Apache-2.0
"""One filter's stream: its two rings, the pipeline its frames go through, its figures.

Called by the worker's loop thread only. Invariant: rings and pipeline always match the StreamState last given to
`update`; which model is behind the pipeline is not known here.
"""

from __future__ import annotations

from collections.abc import Callable

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.ring.ring import Ring
from mirage_lsd.worker.hosts.model_host import ModelHost
from mirage_lsd.worker.hosts.models_host import Choice, ModelsHost
from mirage_lsd.worker.pipeline import Pipeline
from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.state import StreamState
from mirage_lsd.worker.timing import NS_PER_MS, StreamTimings
from mirage_lsd.worker.transport import Finished

UNDER_WAY_S = 0.0005


class Stream:
    """Opens the rings of `state`; raises RingError when one is missing, foreign or damaged. choice: which host's model
    the newest frame was offered to. pipeline: None where the source is to be shown."""

    def __init__(self, state: StreamState, models: ModelsHost, path_of: Callable[[str], str]) -> None:
        self._models = models
        self._path_of = path_of
        self._taken = 0
        self._size_px: tuple[int, int] | None = None
        self.choice = Choice(None)
        self.pipeline: Pipeline | None = None
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
        if not settings.enabled or not self.choose() or self.pipeline.full:
            return None
        taken = self.pipeline.take(self.input_ring, self._taken, settings, self.state.generation)
        if taken is None:
            return None
        number, job = taken
        if self._taken:
            self.timings.dropped += number - self._taken - 1
        self._taken, self._size_px = number, (job.header.width_px, job.header.height_px)
        return job

    def run(self, job: Job) -> None:
        """Takes a job through the stages; it is published when it is done."""
        self.pipeline.send(self.output_ring, self.pipeline.run(job))
        self.collect()

    def collect(self) -> list[Finished]:
        """Books the frames published since the last call: latency is ring in (mapped_ns) → ring out."""
        finished = [] if self.pipeline is None else self.pipeline.collect(self.output_ring)
        for job, finished_ns in finished:
            self.failures_in_a_row = 0
            self.timings.add((finished_ns - job.header.mapped_ns) / NS_PER_MS, job.stage_ms, finished_ns)
        return finished

    def choose(self) -> bool:
        """Has the pipeline of the model that is there for these settings; False where no frame may be taken now."""
        self.choice = self._models.choose(self.state.settings)
        host = self.choice.host
        stays = self.pipeline is not None and self.pipeline.host is host
        # Where an engine runs it goes on until that of another size is there (ModelContext.fit).
        if host is not None and ((stays and self.pipeline.made_by) or self._is_ready(host)):
            if not stays:
                self._flush()
                self.pipeline = host.new_pipeline()
            return True
        if not stays:
            self._flush()
        return False

    def reset(self) -> None:
        """Forgets the stream's history and what is under way; the next frame starts afresh."""
        if self.pipeline is not None:
            self.pipeline.reset()

    def close(self) -> None:
        """Gives pipeline and rings back. The rings' files belong to the OBS side and stay."""
        self._flush()
        self._close_rings()

    def wait_s(self, longest_s: float) -> float:
        """How long the loop may sleep before a frame under way may be done."""
        return min(longest_s, UNDER_WAY_S) if self.pipeline is not None and self.pipeline.busy else longest_s

    def _is_ready(self, host: ModelHost) -> bool:
        """Whether the frame that comes next need not wait for its host; the ring may hold larger ones."""
        newest, ring = self.input_ring.newest(self._taken), self.input_ring.geometry
        size_px = self._size_px if newest is None else (newest.header.width_px, newest.header.height_px)
        return host.prepare(*(size_px or (ring.max_width_px, ring.max_height_px)), self.state.settings.working_size)

    def _flush(self) -> None:
        if self.pipeline is not None:
            self.pipeline.flush()
            self.pipeline = None

    def _open_rings(self) -> None:
        self.input_ring = Ring.open(self._path_of(self.state.input_ring), writable=False)
        try:
            self.output_ring = Ring.open(self._path_of(self.state.output_ring), prefault=True)
        except MirageError:
            self.input_ring.close()
            raise
        self._taken = 0

    def _close_rings(self) -> None:
        if self.pipeline is not None:
            self.pipeline.release_rings()
        self.input_ring.close()
        self.output_ring.close()

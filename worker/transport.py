# SPDX-License-Identifier: Apache-2.0
"""upload and download: how a stream's frames get from the input ring, or from memory, to its stages and out again.

Called by the worker's loop thread. `HostTransport` here is for stages that work in main memory and are done when they
return; v1/frame/transport.py is for stages that only queue work on a device. Invariants: exactly one copy leaves a
slot, and the slot's sequence is checked after it; the view is never kept, because the writer may lap it while later
stages still need the source; a job that was sent is either collected once or given up as a whole; the output frame
carries frame_id and times of the source frame it was made from, and the generation of the settings it was made under.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Protocol

import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.ring.frame_header import BYTES_PER_PIXEL, FrameHeader
from mirage_lsd.shared.ring.ring import Ring
from mirage_lsd.worker.stages.base import Job

Taken = tuple[int, Job]
Finished = tuple[Job, int]


class FrameTransport(Protocol):
    """full: no frame may be taken now. busy: sent frames are not collected yet."""

    full: bool
    busy: bool

    def take(self, ring: Ring, after: int, settings: StreamSettings, generation: int) -> Taken | None:
        """The newest frame published after number `after` as (its number, job), or None. A frame overwritten during
        the copy is given up for the newer one that overwrote it; raises TornFrame where the writer is too fast."""

    def take_picture(self, picture: np.ndarray, header: FrameHeader, settings: StreamSettings) -> Job:
        """A job for a picture uint8 [h, w, 4] BGRA in ordinary memory."""

    def fetch(self, job: Job) -> np.ndarray:
        """A job's finished picture uint8 [h, w, 4] BGRA, in ordinary memory, for now."""

    def send(self, ring: Ring, job: Job) -> None:
        """Takes a job that has been through the stages; it is published when they are done."""

    def collect(self, ring: Ring) -> list[Finished]:
        """What was published since the last call, in order, with the times in monotonic ns."""

    def abandon(self) -> None:
        """Gives up what is under way."""

    def release_rings(self) -> None:
        """Before rings are closed: lets go of their memory."""

    def flush(self) -> None:
        """Gives everything back."""


class HostTransport:
    """One copy out of the ring, one into it, both done at once. Two picture buffers take turns, so that a frame may be
    read while the next is copied."""

    full = busy = False

    def __init__(self) -> None:
        self._buffers: list[np.ndarray] = []
        self._turn = 0
        self._finished: list[Finished] = []

    def take(self, ring: Ring, after: int, settings: StreamSettings, generation: int) -> Taken | None:
        """See FrameTransport."""
        for _ in range(ring.geometry.slot_count):
            slot = ring.newest(after)
            if slot is None:
                return None
            header = replace(slot.header, generation=generation, received_ns=time.monotonic_ns())
            source = self._next_buffer(header.height_px, header.width_px)
            rows = np.frombuffer(slot.pixels, np.uint8, header.height_px * header.stride_bytes)
            rows = rows.reshape(header.height_px, header.stride_bytes)[:, : header.width_px * BYTES_PER_PIXEL]
            np.copyto(source.reshape(header.height_px, -1), rows)
            if ring.still_valid(slot):
                return slot.n, Job(header, settings, source)
        return None

    def take_picture(self, picture: np.ndarray, header: FrameHeader, settings: StreamSettings) -> Job:
        """No copy: the stages read the source only."""
        return Job(header, settings, picture)

    def fetch(self, job: Job) -> np.ndarray:
        """The output, or the source where no stage has made one; valid until the next picture."""
        return job.source if job.output is None else job.output

    def send(self, ring: Ring, job: Job) -> None:
        """Publishes a finished job at once."""
        picture = np.ascontiguousarray(self.fetch(job))
        finished_ns = time.monotonic_ns()
        ring.write(output_header(job, picture.shape, finished_ns), memoryview(picture).cast("B"))
        self._finished.append((job, finished_ns))

    def collect(self, ring: Ring) -> list[Finished]:
        """See FrameTransport."""
        finished, self._finished = self._finished, []
        return finished

    def abandon(self) -> None:
        """Nothing is ever under way."""

    def release_rings(self) -> None:
        """Nothing is held of a ring."""

    def flush(self) -> None:
        """Gives the buffers back."""
        self._buffers = []

    def _next_buffer(self, height_px: int, width_px: int) -> np.ndarray:
        shape = (height_px, width_px, BYTES_PER_PIXEL)
        if not self._buffers or self._buffers[0].shape != shape:
            self._buffers = [np.zeros(shape, np.uint8) for _ in range(2)]
        self._turn = 1 - self._turn
        return self._buffers[self._turn]


def output_header(job: Job, shape: tuple[int, int, int], finished_ns: int = 0) -> FrameHeader:
    """The header of a job's result uint8 `shape` = (h, w, 4)."""
    height_px, width_px, channels = shape
    return replace(
        job.header, width_px=width_px, height_px=height_px, stride_bytes=width_px * channels, finished_ns=finished_ns
    )

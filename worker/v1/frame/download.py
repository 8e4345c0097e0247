# SPDX-License-Identifier: Apache-2.0
"""download: the finished frame → output ring, by one DMA into the registered slot, while later frames go on.

Called by the pipeline's thread. Invariants: frames leave in the order they came; a slot is committed only when its
copy is done; at most MAX_UNDER_WAY frames are between upload and commit, so nothing queues up.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirage_lsd.shared.ring.ring import Ring
from mirage_lsd.worker.engines.device.device import Device, as_tensor
from mirage_lsd.worker.engines.device.lanes import Spans
from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.transport import Finished, output_header
from mirage_lsd.worker.v1.frame.program import FrameProgram

MAX_UNDER_WAY = 2


@dataclass
class Leaving:
    """A frame between its last launch and its commit. `copied` is the copy's event, None while it waits its turn;
    `spans` are its stages' times, to be read when all is done."""

    job: Job
    program: FrameProgram
    buffer: str
    spans: Spans
    copied: Any = None


class DeviceDownload:
    """The frames of one stream that are under way."""

    name = "download"

    def __init__(self, device: Device) -> None:
        self._device = device
        self._leaving: deque[Leaving] = deque()

    @property
    def full(self) -> bool:
        """Whether another frame must wait."""
        return len(self._leaving) >= MAX_UNDER_WAY

    @property
    def busy(self) -> bool:
        """Whether frames are under way."""
        return bool(self._leaving)

    def send(self, ring: Ring, job: Job, program: FrameProgram) -> None:
        """Takes a job whose stages are all queued."""
        self._leaving.append(Leaving(job, program, f"output#{program.turn}", program.lanes.take_spans()))
        self._start_first(ring)

    def collect(self, ring: Ring) -> list[Finished]:
        """Commits what is done, as (job, when in monotonic ns)."""
        done = []
        while self._leaving:
            first = self._leaving[0]
            if not self._device.is_done(first.copied):
                break
            finished_ns = time.monotonic_ns()
            ring.commit(finished_ns)
            self._leaving.popleft()
            first.job.stage_ms.update(first.program.lanes.times(first.spans))
            done.append((first.job, finished_ns))
            self._start_first(ring)
        return done

    def abandon(self) -> None:
        """Waits for copies under way and lets the frames go: the ring is about to be unmapped, or a frame failed."""
        for frame in self._leaving:
            if frame.copied is not None:
                self._device.wait_on_host(frame.copied)
        self._leaving.clear()

    def _start_first(self, ring: Ring) -> None:
        """Only one write can be begun in a ring, so the second frame's copy starts when the first is committed."""
        if not self._leaving or self._leaving[0].copied is not None:
            return
        frame = self._leaving[0]
        output = frame.program.buffers[frame.buffer]
        header = output_header(frame.job, tuple(output.shape))
        slot = as_tensor(np.frombuffer(ring.begin_write(header), np.uint8)).view(output.shape)
        frame.copied = frame.program.do(
            "copy_out", self.name, lambda: slot.copy_(output, non_blocking=True), reads=[frame.buffer]
        )
        frame.spans += frame.program.lanes.take_spans()

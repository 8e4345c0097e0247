# SPDX-License-Identifier: Apache-2.0
"""How v1's frames travel: one DMA from slot to device, queued stages, one DMA from device to slot.

Called by the worker's loop thread. Invariants: rings are registered with the driver when first used and let go
before they are unmapped, after every copy that touches them is done; see worker/transport.py for the contract.
"""

from __future__ import annotations

import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.ring.frame_header import FrameHeader
from mirage_lsd.shared.ring.ring import Ring
from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.transport import Finished, Taken
from mirage_lsd.worker.v1.frame.context import V1Context
from mirage_lsd.worker.v1.frame.download import DeviceDownload
from mirage_lsd.worker.v1.frame.upload import DeviceUpload


class DeviceTransport:
    """At most two frames under way: while one is upscaled and copied out, the next one's flow is estimated."""

    def __init__(self, context: V1Context) -> None:
        self._context = context
        self._device = context.host.processor
        self._upload = DeviceUpload(context)
        self._download = DeviceDownload(self._device)
        self._registered: dict[str, np.ndarray | None] = {}

    @property
    def full(self) -> bool:
        """Whether two frames are under way."""
        return self._download.full

    @property
    def busy(self) -> bool:
        """Whether frames are under way."""
        return self._download.busy

    def take(self, ring: Ring, after: int, settings: StreamSettings, generation: int) -> Taken | None:
        """The newest frame after number `after`, on the device, as (its number, job)."""
        self._register(ring)
        return self._upload.take(ring, after, settings, generation)

    def take_picture(self, picture: np.ndarray, header: FrameHeader, settings: StreamSettings) -> Job:
        """A job for a picture uint8 [h, w, 4] BGRA in ordinary memory, which is copied before this returns."""
        return self._upload.take_picture(picture, header, settings)

    def fetch(self, job: Job) -> np.ndarray:
        """A job's finished picture in ordinary memory; waits for this frame alone."""
        program = self._context.program
        self._device.wait_on_host(program.lanes.written(f"output#{program.turn}"))
        program.end_frame()
        return job.output.cpu().numpy().copy() if job.output.device.type == "cpu" else job.output.cpu().numpy()

    def send(self, ring: Ring, job: Job) -> None:
        """Takes a job whose stages are queued; it is published when they are done."""
        self._register(ring)
        self._download.send(ring, job, self._context.program)
        self._context.program.end_frame()

    def collect(self, ring: Ring) -> list[Finished]:
        """What is done by now, published, in order."""
        return self._download.collect(ring)

    def abandon(self) -> None:
        """Gives up the frames under way."""
        self._download.abandon()

    def release_rings(self) -> None:
        """Before rings are closed: waits for their copies, then unregisters their memory."""
        self._download.abandon()
        for array in self._registered.values():
            if array is not None:
                self._device.unregister_host(array)
        self._registered = {}

    def flush(self) -> None:
        """Gives everything back but the context."""
        self.release_rings()

    def _register(self, ring: Ring) -> None:
        if ring.path not in self._registered:
            memory = np.frombuffer(ring.buffer, np.uint8)
            self._registered[ring.path] = memory if self._device.register_host(memory, ring.writable) else None

# SPDX-License-Identifier: Apache-2.0
"""upload: input ring → the device, by one DMA out of the registered slot; for files, out of a picture in memory.

Called by the pipeline's thread. Invariants: exactly one full-size copy leaves a slot and the slot's sequence is
checked once it is done; the host keeps a 256x144 picture only (for the person mask and to see cuts).
"""

from __future__ import annotations

import time
from dataclasses import replace

import cv2
import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.ring.frame_header import BYTES_PER_PIXEL, FrameHeader
from mirage_lsd.shared.ring.ring import Ring
from mirage_lsd.worker.engines.device.device import as_tensor
from mirage_lsd.worker.stages.base import Job, Working
from mirage_lsd.worker.transport import Taken
from mirage_lsd.worker.v1.frame.context import V1Context
from mirage_lsd.worker.v1.graphs.shapes import PERSON_MASK_PX


class DeviceUpload:
    """Makes the job that the stages share; its `source` is the device tensor uint8 [h, w, 4] BGRA."""

    name = "upload"

    def __init__(self, context: V1Context) -> None:
        self._context = context

    def take(self, ring: Ring, after: int, settings: StreamSettings, generation: int) -> Taken | None:
        """See FrameTransport."""
        for _ in range(ring.geometry.slot_count):
            slot = ring.newest(after)
            if slot is None:
                return None
            header = replace(slot.header, generation=generation, received_ns=time.monotonic_ns())
            rows = np.frombuffer(slot.pixels, np.uint8).reshape(header.height_px, header.stride_bytes)
            job = self._to_device(rows, header, settings)
            if ring.still_valid(slot):
                return slot.n, job
        return None

    def take_picture(self, picture: np.ndarray, header: FrameHeader, settings: StreamSettings) -> Job:
        """A job for a picture uint8 [h, w, 4] BGRA in ordinary memory, copied before this returns."""
        return self._to_device(picture.reshape(header.height_px, -1), header, settings)

    def _to_device(self, rows: np.ndarray, header: FrameHeader, settings: StreamSettings) -> Job:
        program = self._context.begin(header.width_px, header.height_px, settings)
        pixels = rows[:, : header.width_px * BYTES_PER_PIXEL].reshape(header.height_px, header.width_px, -1)
        frame, source = program["frame#now"], as_tensor(pixels)
        done = program.do("copy_in", self.name, lambda: frame.copy_(source, non_blocking=True), writes=["frame#now"])
        small = cv2.cvtColor(cv2.resize(pixels, PERSON_MASK_PX, interpolation=cv2.INTER_NEAREST), cv2.COLOR_BGRA2RGB)
        program.device.wait_on_host(done)  # of this copy alone: only then can the slot's sequence be judged
        return Job(header, settings, frame, working=Working(small))

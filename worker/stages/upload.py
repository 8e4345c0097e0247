# SPDX-License-Identifier: Apache-2.0
"""upload: input ring → the stream's own copy of the captured picture.

Called by the worker's loop thread. Invariant: exactly one copy leaves a slot, and the slot's sequence is checked
after it; the view is never kept, because the writer may lap it while later stages still need the source.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from mirage_lsd.shared.ring.ring import Ring
from mirage_lsd.worker.stages.base import Job

BYTES_PER_PIXEL = 4


class Upload:
    """Takes the newest frame out of a ring. Not part of a pipeline's list: it makes the job they share.

    Holds two picture buffers and alternates between them, so a frame may be read while the next is copied.
    """

    name = "upload"

    def __init__(self) -> None:
        self._buffers: list[np.ndarray] = []
        self._turn = 0

    def take(self, ring: Ring, after: int, settings, generation: int) -> tuple[int, Job] | None:
        """The newest frame published after number `after` as (its number, job), or None.

        A frame overwritten during the copy is given up for the newer one that overwrote it; raises TornFrame
        where the writer is faster than every try.
        """
        for _ in range(ring.geometry.slot_count):
            slot = ring.newest(after)
            if slot is None:
                return None
            received_ns = time.monotonic_ns()
            header = slot.header
            source = self._next_buffer(header.height_px, header.width_px)
            rows = np.frombuffer(slot.pixels, np.uint8, header.height_px * header.stride_bytes)
            rows = rows.reshape(header.height_px, header.stride_bytes)[:, : header.width_px * BYTES_PER_PIXEL]
            np.copyto(source.reshape(header.height_px, -1), rows)
            if ring.still_valid(slot):
                return slot.n, Job(replace(header, received_ns=received_ns), settings, generation, source)
        return None

    def _next_buffer(self, height_px: int, width_px: int) -> np.ndarray:
        shape = (height_px, width_px, BYTES_PER_PIXEL)
        if not self._buffers or self._buffers[0].shape != shape:
            self._buffers = [np.zeros(shape, np.uint8) for _ in range(2)]
        self._turn = 1 - self._turn
        return self._buffers[self._turn]

    def flush(self) -> None:
        """Gives the buffers back."""
        self._buffers = []

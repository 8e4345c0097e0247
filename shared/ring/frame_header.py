# SPDX-License-Identifier: Apache-2.0
"""What is known about a frame besides its pixels. Built by the ring's reader and given to its writer.

Invariant: a FrameHeader never changes; the header of a result is made from its source's with
dataclasses.replace, so that frame_id, timestamp_ns and mapped_ns stay those of the source.
"""

from __future__ import annotations

from dataclasses import dataclass

BGRA8 = 1
"""The one pixel format: 4 bytes a pixel in the order B, G, R, A; straight alpha; rows from top to bottom."""

BYTES_PER_PIXEL = 4


@dataclass(frozen=True)
class FrameHeader:
    """One frame's description. Field order is the order in the slot (see ring.py).

    frame_id: counts captured frames of one stream, from 1. timestamp_ns: when it was captured (shared.clock).
    width_px, height_px: at least 1. stride_bytes: from one row to the next, at least 4 * width_px.
    generation: of the settings it was rendered under. mapped_ns: when the OBS side had the pixels in the
    slot. received_ns: when the worker took it. finished_ns: when the worker published the result. flags: 0.
    All are unsigned; times that do not apply yet are 0.
    """

    frame_id: int
    timestamp_ns: int
    width_px: int
    height_px: int
    stride_bytes: int
    pixel_format: int = BGRA8
    generation: int = 0
    mapped_ns: int = 0
    received_ns: int = 0
    finished_ns: int = 0
    flags: int = 0

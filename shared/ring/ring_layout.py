# SPDX-License-Identifier: Apache-2.0
"""The numbers of the ring's layout (specified in ring.py) and the checks of headers read from shared memory.

Pure functions, called by ring.py in either process. Invariant: nothing read from shared memory is used as a
size or an offset before a function here has accepted it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from mirage_lsd.shared.errors import RingError
from mirage_lsd.shared.ring.frame_header import BGRA8, BYTES_PER_PIXEL, FrameHeader

MAGIC = b"MIRAGERG"
LAYOUT_VERSION = 1
HEADER_BYTES = 4096
SLOT_HEADER_BYTES = 128
PAGE_BYTES = 4096
MIN_SLOTS, DEFAULT_SLOTS, MAX_SLOTS = 4, 6, 64
MAX_SIDE_PX = 7680
MAX_AREA_PX = 7680 * 4320

EPOCH_WORD, HEAD_WORD = 5, 8
"""Indices into the header as u64."""

_HEADER = struct.Struct("=8sIIQIIQQI")
FRAME_STRUCT = struct.Struct("=QQIIIIQQQQQ")
"""A FrameHeader in a slot, from byte 8 of the slot; `=` is the machine's byte order without padding."""
FIELDS_OFFSET, FINISHED_NS_OFFSET = 8, 64


@dataclass(frozen=True)
class Geometry:
    """Sizes of one ring, all following from the largest frame and the number of slots."""

    slot_count: int
    max_width_px: int
    max_height_px: int

    def __post_init__(self) -> None:
        if not MIN_SLOTS <= self.slot_count <= MAX_SLOTS:
            raise RingError(f"a ring has {MIN_SLOTS} to {MAX_SLOTS} slots, not {self.slot_count}", "bad_geometry")
        width_px, height_px = self.max_width_px, self.max_height_px
        fits = 1 <= width_px <= MAX_SIDE_PX and 1 <= height_px <= MAX_SIDE_PX
        if not fits or width_px * height_px > MAX_AREA_PX:
            raise RingError(
                f"a ring holds frames of 1x1 to 7680x4320, not {width_px}x{height_px}: scale the source",
                "bad_geometry",
            )

    @property
    def payload_bytes(self) -> int:
        """Room for pixels in a slot: the largest frame with tight rows."""
        return self.max_width_px * self.max_height_px * BYTES_PER_PIXEL

    @property
    def slot_stride_bytes(self) -> int:
        """From one slot to the next: slot header and payload, rounded up to whole pages."""
        return -(-(SLOT_HEADER_BYTES + self.payload_bytes) // PAGE_BYTES) * PAGE_BYTES

    @property
    def total_bytes(self) -> int:
        """Size of the mapping."""
        return HEADER_BYTES + self.slot_count * self.slot_stride_bytes

    def slot_offset(self, slot: int) -> int:
        """Byte offset of a slot's header in the mapping."""
        return HEADER_BYTES + slot * self.slot_stride_bytes


def pack_header(geometry: Geometry, epoch: int) -> bytes:
    """The constant part of the ring's header (bytes 0 to 51)."""
    if not 0 <= epoch < 1 << 63:
        raise RingError(f"epoch {epoch} is not between 0 and 2**63 - 1", "bad_geometry")
    return _HEADER.pack(
        MAGIC,
        LAYOUT_VERSION,
        geometry.slot_count,
        geometry.slot_stride_bytes,
        geometry.max_width_px,
        geometry.max_height_px,
        geometry.total_bytes,
        epoch,
        0,
    )


def parse_header(header: bytes, file_bytes: int) -> Geometry:
    """Check a ring's first bytes against the size of its file; the RingError names the first fault."""
    if len(header) < HEADER_BYTES or file_bytes < HEADER_BYTES:
        raise RingError(f"{file_bytes} bytes are too few for a ring's header: it was cut off", "truncated")
    magic, version, slot_count, stride, width_px, height_px, total, _, _ = _HEADER.unpack_from(header)
    if magic != MAGIC:
        raise RingError("this is not a frame ring (its magic bytes differ): check the path", "not_a_ring")
    if version != LAYOUT_VERSION:
        raise RingError(
            f"the ring has layout version {version}, this program knows {LAYOUT_VERSION}: "
            "install the same release on both sides and restart OBS",
            "wrong_version",
        )
    geometry = Geometry(slot_count, width_px, height_px)
    if stride != geometry.slot_stride_bytes or total != geometry.total_bytes:
        raise RingError("the ring's header contradicts itself (slot stride or total size): recreate it", "bad_geometry")
    if file_bytes < total:
        raise RingError(f"the ring should have {total} bytes but has {file_bytes}: it was cut off", "truncated")
    if file_bytes > total:
        raise RingError(f"the ring should have {total} bytes but has {file_bytes}: recreate it", "wrong_size")
    return geometry


def pack_frame(header: FrameHeader) -> bytes:
    """The fields of a slot's header from byte 8 on; RingError(bad_frame) if a value does not fit its word."""
    values = (
        header.frame_id,
        header.timestamp_ns,
        header.width_px,
        header.height_px,
        header.stride_bytes,
        header.pixel_format,
        header.generation,
        header.mapped_ns,
        header.received_ns,
        header.finished_ns,
        header.flags,
    )
    try:
        return FRAME_STRUCT.pack(*values)
    except struct.error as error:
        raise RingError(
            f"the frame's header holds a value that is no unsigned integer: {error}", "bad_frame"
        ) from error


def check_frame(header: FrameHeader, geometry: Geometry, code: str) -> int:
    """Bytes of the frame's pixels; RingError(code) if the frame does not fit the ring or is not BGRA8."""
    width_px, height_px, stride_bytes = header.width_px, header.height_px, header.stride_bytes
    if not (0 < width_px <= geometry.max_width_px and 0 < height_px <= geometry.max_height_px):
        raise RingError(
            f"a {width_px}x{height_px} frame does not fit a ring for "
            f"{geometry.max_width_px}x{geometry.max_height_px}: replace the ring with a larger one",
            code,
        )
    payload_bytes = stride_bytes * height_px
    if stride_bytes < width_px * BYTES_PER_PIXEL or payload_bytes > geometry.payload_bytes:
        raise RingError(
            f"stride {stride_bytes} bytes is wrong for a {width_px}x{height_px} frame: "
            f"at least {width_px * BYTES_PER_PIXEL}, and all rows within {geometry.payload_bytes} bytes",
            code,
        )
    if header.pixel_format != BGRA8:
        raise RingError(f"pixel format {header.pixel_format} is not known, only {BGRA8} (BGRA8)", code)
    return payload_bytes

# SPDX-License-Identifier: Apache-2.0
"""The frame ring: newest video frame from one process to another through shared memory. This is its layout.

One writer, any number of readers. The writer never waits and never looks at readers; a reader gets the
newest complete frame and can always tell whether it was overwritten meanwhile. The file's size is fixed by
the largest frame; another size is another ring with a higher epoch. All numbers are in the machine's byte
order (little-endian everywhere we run), naturally aligned, and each one that changes while both processes
run is stored and loaded as one machine word. Layout version 1:

Header, bytes 0 to 4095
    0  8 bytes magic "MIRAGERG"    24 u32 max_width_px    64 u64 head: frames published so far; the
    8  u32 layout_version = 1      28 u32 max_height_px          newest is frame n = head and lies in
    12 u32 slot_count (4 to 64)    32 u64 total_bytes            slot (n - 1) % slot_count
    16 u64 slot_stride_bytes       40 u64 epoch
  slot_stride_bytes = 128 + 4 * max_width_px * max_height_px, rounded up to 4096.
  total_bytes = 4096 + slot_count * slot_stride_bytes = size of the file. Bytes not named are 0.

Slot i, at 4096 + i * slot_stride_bytes (times in ns of shared.clock)
    0  u64 sequence: 0 never used, 2n-1 while frame n is being written, 2n when frame n is complete
    8  u64 frame_id       28 u32 height_px            40 u64 generation    64 u64 finished_ns
    16 u64 timestamp_ns   32 u32 stride_bytes         48 u64 mapped_ns     72 u64 flags = 0
    24 u32 width_px       36 u32 format (1 = BGRA8)   56 u64 received_ns   128 pixels: rows of stride_bytes

Writing frame n (n = head + 1, slot (n - 1) % slot_count)
    1. sequence = 2n-1   2. fence   3. frame fields and pixels   4. fence   5. sequence = 2n   6. fence
    7. head = n          8. ring the doorbell (doorbell.py)
  A writer that dies in 3 leaves an odd sequence that head never names; its successor, started only when it is
  surely dead (a stopped one might go on), writes frame n again.
Reading the newest frame
    1. h = head; 0, or not more than the last frame seen: nothing new
    2. sequence of slot (h - 1) % slot_count must be 2h, else back to 1   3. fence
    4. copy the fields and check them against the header; copy or upload the pixels   5. fence
    6. sequence must still be 2h, else what was copied is torn: throw it away, back to 1
  Steps 1 to 6 at most slot_count times, then report TornFrame (the writer is that much faster).
Resetting: never in place. 1. the owner makes a ring with epoch + 1 under a new name and tells the other side
    2. the other side maps it, drops the old one and acknowledges   3. the owner unlinks the old one

Fences are real also on x86-64, where only a large memcpy's streaming stores need one (fence.py). The header
is checked before the mapping is used, a slot's fields before its pixels are (ring_layout.py).
Invariant: a Ring belongs to one thread. Pixels are a window into live memory: copy, ask `still_valid`, let go.
"""

from __future__ import annotations

from contextlib import suppress

from mirage_lsd.shared.errors import MappingError, RingError, TornFrame
from mirage_lsd.shared.ring import ring_layout as layout
from mirage_lsd.shared.ring.fence import new_fence
from mirage_lsd.shared.ring.frame_header import FrameHeader
from mirage_lsd.shared.ring.mapping import Mapping, create_mapping, open_mapping

_FIELDS = layout.FIELDS_OFFSET
_PIXELS = layout.SLOT_HEADER_BYTES
_unpack_fields = layout.FRAME_STRUCT.unpack_from


class SlotView:
    """Frame `n` where it lies: `header` (a checked copy), `pixels` (live bytes, height_px * stride_bytes)."""

    __slots__ = ("n", "header", "pixels")

    def __init__(self, n: int, header: FrameHeader, pixels: memoryview) -> None:
        self.n = n
        self.header = header
        self.pixels = pixels


class Ring:
    """One end of a ring, made with `create` or `open`. Either end may write, but only one ever does."""

    def __init__(self, mapping: Mapping, geometry: layout.Geometry, writable: bool) -> None:
        self._mapping = mapping
        self.geometry = geometry
        self.path = mapping.path
        self.writable = writable
        self.buffer = memoryview(mapping.memory)  # the whole mapping, e.g. to register it with CUDA
        self._words = self.buffer.cast("Q")
        self._fence = new_fence()
        self._slot_count = geometry.slot_count
        self._slots = [geometry.slot_offset(slot) for slot in range(geometry.slot_count)]
        self._writing: tuple[int, int] | None = None

    @classmethod
    def create(
        cls,
        path: str,
        max_width_px: int,
        max_height_px: int,
        slot_count: int = layout.DEFAULT_SLOTS,
        epoch: int = 0,
        prefault: bool = True,
    ) -> Ring:
        """Make a ring at a path that does not exist yet; its memory is reserved and, by default, faulted in.

        Largest frame: 7680x4320 (or as many pixels in another shape). Raises RingError: bad_geometry, exists,
        no_space, not_permitted, not_found (the folder).
        """
        geometry = layout.Geometry(slot_count, max_width_px, max_height_px)
        header = layout.pack_header(geometry, epoch)
        try:
            mapping = create_mapping(str(path), geometry.total_bytes, prefault)
        except MappingError as error:
            raise RingError(str(error), error.code) from error
        mapping.memory[len(layout.MAGIC) : len(header)] = header[len(layout.MAGIC) :]
        new_fence()()
        mapping.memory[: len(layout.MAGIC)] = layout.MAGIC  # last: a half-made ring is not a ring
        return cls(mapping, geometry, writable=True)

    @classmethod
    def open(cls, path: str, writable: bool = True, prefault: bool = False) -> Ring:
        """Map an existing ring; a pure reader passes writable=False and can then never harm it.

        Raises RingError: not_found, not_permitted, not_a_ring, wrong_version, truncated, wrong_size,
        bad_geometry.
        """
        try:
            mapping = open_mapping(str(path), writable, prefault)
        except MappingError as error:
            raise RingError(str(error), error.code) from error
        try:
            geometry = layout.parse_header(mapping.memory[: layout.HEADER_BYTES], mapping.size_bytes)
        except RingError:
            mapping.close()
            raise
        return cls(mapping, geometry, writable)

    @property
    def epoch(self) -> int:
        """Number of this ring among those that replace one another."""
        return self._words[layout.EPOCH_WORD]

    @property
    def address(self) -> int:
        """Where the ring is mapped in this process, for the Lua half; valid until close()."""
        return self._mapping.address

    @property
    def head(self) -> int:
        """Frames published so far; also the number of the newest."""
        return self._words[layout.HEAD_WORD]

    def begin_write(self, header: FrameHeader) -> memoryview:
        """Claim the next slot; returns its writable pixels (height_px * stride_bytes) to be filled in place.

        Follow with `commit`; beginning again instead abandons this frame. RingError: bad_frame, read_only.
        """
        payload_bytes = layout.check_frame(header, self.geometry, "bad_frame")
        fields = layout.pack_frame(header)
        if not self.writable:
            raise RingError("this end was opened for reading only: open it with writable=True", "read_only")
        n = self._words[layout.HEAD_WORD] + 1
        offset = self._slots[(n - 1) % self._slot_count]
        pixels = offset + _PIXELS
        self._words[offset >> 3] = 2 * n - 1
        self._fence()
        self.buffer[offset + _FIELDS : offset + _FIELDS + len(fields)] = fields
        self._writing = n, offset
        return self.buffer[pixels : pixels + payload_bytes]

    def commit(self, finished_ns: int | None = None) -> int:
        """Publish the frame begun last; returns its number. `finished_ns`, if given, replaces its own."""
        if self._writing is None:
            raise RingError("commit without begin_write: begin a frame first", "bad_use")
        n, offset = self._writing
        self._writing = None
        if finished_ns is not None:
            self._words[offset + layout.FINISHED_NS_OFFSET >> 3] = finished_ns
        self._fence()
        self._words[offset >> 3] = 2 * n
        self._fence()
        self._words[layout.HEAD_WORD] = n
        return n

    def write(self, header: FrameHeader, pixels: object) -> int:
        """Copy one frame in and publish it; returns its number.

        pixels: a C-contiguous buffer of height_px * stride_bytes bytes. RingError: bad_frame, read_only.
        """
        source = memoryview(pixels)
        if source.ndim != 1 or source.format != "B":
            source = source.cast("B")
        if source.nbytes != header.stride_bytes * header.height_px:
            wanted = header.stride_bytes * header.height_px
            raise RingError(f"the pixels are {source.nbytes} bytes, the header says {wanted}", "bad_frame")
        self.begin_write(header)[:] = source
        return self.commit()

    def newest(self, after: int = 0) -> SlotView | None:
        """The newest complete frame if its number is above `after`, else None. No copy of the pixels is made.

        Raises TornFrame if overtaken on every try, RingError(bad_slot) if a slot's fields are nonsense.
        """
        words = self._words
        for _ in range(self._slot_count):
            n = words[layout.HEAD_WORD]
            if n <= after:
                return None
            offset = self._slots[(n - 1) % self._slot_count]
            if words[offset >> 3] != 2 * n:
                continue
            self._fence()
            header = FrameHeader(*_unpack_fields(self.buffer, offset + _FIELDS))
            self._fence()
            if words[offset >> 3] != 2 * n:
                continue
            payload_bytes = layout.check_frame(header, self.geometry, "bad_slot")
            return SlotView(n, header, self.buffer[offset + _PIXELS : offset + _PIXELS + payload_bytes])
        raise TornFrame(f"the writer overtook {self._slot_count} tries to look at its newest frame")

    def still_valid(self, view: SlotView) -> bool:
        """True if the frame was not overwritten since `newest` returned it. Ask after using its pixels."""
        self._fence()
        return self._words[self._slots[(view.n - 1) % self._slot_count] >> 3] == 2 * view.n

    def read_into(self, buffer: object, after: int = 0) -> tuple[int, FrameHeader] | None:
        """Copy the newest frame above `after` to the start of a buffer; its number and header, or None.

        The buffer needs height_px * stride_bytes bytes (else RingError bad_frame). What is returned is never
        torn; if TornFrame is raised the buffer holds garbage.
        """
        target = memoryview(buffer).cast("B")
        for _ in range(self._slot_count):
            view = self.newest(after)
            if view is None:
                return None
            if view.pixels.nbytes > target.nbytes:
                raise RingError(f"the frame has {view.pixels.nbytes} bytes, the buffer {target.nbytes}", "bad_frame")
            target[: view.pixels.nbytes] = view.pixels
            if self.still_valid(view):
                return view.n, view.header
        raise TornFrame(f"the writer overtook {self._slot_count} copies of its newest frame")

    def close(self) -> None:
        """Unmap this end only. Memory under a view still held stays until the view goes. Idempotent."""
        self._writing = None
        with suppress(BufferError):  # someone, ctypes for one, still points into the buffer: let them finish
            for view in (self._words, self.buffer):
                view.release()
        self._mapping.close()

    def unlink(self) -> None:
        """Remove the ring's name; ends that have it mapped keep working. Idempotent, also after close."""
        self._mapping.unlink()

# SPDX-License-Identifier: Apache-2.0
"""The audio ring: 16 kHz mono sound from one process to another through shared memory. This is its layout.

One writer, any number of readers. The writer never waits; a reader that falls behind by more than the ring holds
loses the oldest sound and is told how much. Standard library only and Python 3.9, as the writer lives inside OBS.
All numbers are in the machine's byte order, naturally aligned, and `head` is stored and loaded as one machine word.
Layout version 1:

Header, bytes 0 to 4095
    0  8 bytes magic "MIRAGEAU"    20 u32 format (1 = int16)        64 u64 head: samples written so far
    8  u32 layout_version = 1      24 u64 capacity_samples          72 u64 newest_ns: shared.clock time of the
    12 u32 rate_hz = 16000         32 u64 block_samples: the most          newest sample
    16 u32 channels = 1               that one write publishes
  Bytes not named are 0. Size of the file: 4096 + 2 * capacity_samples.
Samples, from byte 4096: sample number s lies at 4096 + 2 * (s % capacity_samples).

Writing a block of n <= block_samples
    1. copy it to its place (two pieces where it wraps)   2. newest_ns   3. fence   4. head += n
Reading on from sample `at`
    1. h = head; h == at: nothing new   2. fence
    3. if h - at > capacity - block: the oldest is gone; lost = h - at - capacity / 2, at += lost
    4. copy at … h   5. fence
    6. if head - at > capacity - block now: what was copied may be torn; throw it away, back to 1
Invariant: an AudioRing belongs to one thread.
"""

from __future__ import annotations

import struct
from contextlib import suppress

from mirage_lsd.shared.errors import MappingError, MirageError
from mirage_lsd.shared.ring.fence import new_fence
from mirage_lsd.shared.ring.mapping import Mapping, create_mapping, open_mapping

MAGIC = b"MIRAGEAU"
RATE_HZ = 16_000
HEADER_BYTES = 4096
SAMPLE_BYTES = 2
DEFAULT_CAPACITY_SAMPLES = 30 * RATE_HZ  # so long may a busy machine keep its reader waiting
DEFAULT_BLOCK_SAMPLES = RATE_HZ // 4
MAX_CAPACITY_SAMPLES = 120 * RATE_HZ
_FIXED = struct.Struct("=8sIIIIQQ")  # magic, layout_version, rate_hz, channels, format, capacity, block
_HEAD_WORD, _NEWEST_NS_WORD = 8, 9
_TRIES = 4


class AudioRingError(MirageError):
    """The audio ring refuses. Codes: those of MappingError, not_a_ring, wrong_version, bad_geometry, bad_block,
    torn, read_only."""

    code = "audio_ring_error"


class AudioRing:
    """One end of an audio ring, made with `create` (the writer) or `open` (a reader)."""

    def __init__(self, mapping: Mapping, capacity_samples: int, block_samples: int, writable: bool) -> None:
        self._mapping = mapping
        self.path = mapping.path
        self.capacity_samples = capacity_samples
        self.block_samples = block_samples
        self.lost_samples = 0
        self._writable = writable
        self._bytes = memoryview(mapping.memory)
        self._words = self._bytes[:HEADER_BYTES].cast("Q")
        self._fence = new_fence()
        self.at = self.head

    @classmethod
    def create(
        cls, path: str, capacity_samples: int = DEFAULT_CAPACITY_SAMPLES, block_samples: int = DEFAULT_BLOCK_SAMPLES
    ) -> AudioRing:
        """Make a ring at a new path. AudioRingError: bad_geometry, exists, no_space, not_permitted, not_found."""
        _check_geometry(capacity_samples, block_samples)
        try:
            mapping = create_mapping(str(path), HEADER_BYTES + SAMPLE_BYTES * capacity_samples)
        except MappingError as error:
            raise AudioRingError(str(error), error.code) from error
        header = _FIXED.pack(MAGIC, 1, RATE_HZ, 1, 1, capacity_samples, block_samples)
        mapping.memory[len(MAGIC) : len(header)] = header[len(MAGIC) :]
        new_fence()()
        mapping.memory[: len(MAGIC)] = MAGIC  # last: a half-made ring is not a ring
        return cls(mapping, capacity_samples, block_samples, writable=True)

    @classmethod
    def open(cls, path: str) -> AudioRing:
        """Map an existing ring for reading, from its newest sample on.

        AudioRingError: not_found, not_permitted, not_a_ring, wrong_version, bad_geometry.
        """
        try:
            mapping = open_mapping(str(path), writable=False)
        except MappingError as error:
            raise AudioRingError(str(error), error.code) from error
        try:
            capacity_samples, block_samples = _read_header(mapping)
        except AudioRingError:
            mapping.close()
            raise
        return cls(mapping, capacity_samples, block_samples, writable=False)

    @property
    def head(self) -> int:
        """Samples written so far."""
        return self._words[_HEAD_WORD]

    @property
    def newest_ns(self) -> int:
        """When the newest sample was heard, in ns of shared.clock."""
        return self._words[_NEWEST_NS_WORD]

    def write(self, samples: bytes, newest_ns: int) -> None:
        """Append int16 samples. More than block_samples are published in several steps. bad_block, read_only."""
        if not self._writable:
            raise AudioRingError("this end was opened for reading only", "read_only")
        data = memoryview(samples).cast("B")
        if data.nbytes % SAMPLE_BYTES:
            raise AudioRingError(f"{data.nbytes} bytes are no whole number of int16 samples", "bad_block")
        step = self.block_samples * SAMPLE_BYTES
        for start in range(0, data.nbytes, step):
            self._publish(data[start : start + step], newest_ns)

    def _publish(self, data: memoryview, newest_ns: int) -> None:
        head = self._words[_HEAD_WORD]
        place = head % self.capacity_samples * SAMPLE_BYTES
        first = min(data.nbytes, self.capacity_samples * SAMPLE_BYTES - place)
        self._bytes[HEADER_BYTES + place : HEADER_BYTES + place + first] = data[:first]
        self._bytes[HEADER_BYTES : HEADER_BYTES + data.nbytes - first] = data[first:]
        self._words[_NEWEST_NS_WORD] = newest_ns
        self._fence()
        self._words[_HEAD_WORD] = head + data.nbytes // SAMPLE_BYTES

    def read(self) -> bytes:
        """Everything since the last read, b"" for nothing new. `lost_samples` grows by what was overwritten.

        AudioRingError(torn) if the writer was faster on every try.
        """
        for _ in range(_TRIES):
            head = self._words[_HEAD_WORD]
            self._fence()
            if head - self.at > self.capacity_samples - self.block_samples:
                lost = head - self.at - self.capacity_samples // 2
                self.lost_samples += lost
                self.at += lost
            copied = self._copy(self.at, head)
            self._fence()
            if self._words[_HEAD_WORD] - self.at <= self.capacity_samples - self.block_samples:
                self.at = head
                return copied
        raise AudioRingError("the writer overtook every try to read; is the ring too small?", "torn")

    def _copy(self, start: int, end: int) -> bytes:
        place = start % self.capacity_samples
        first = min(end - start, self.capacity_samples - place)
        at = HEADER_BYTES + place * SAMPLE_BYTES
        rest = HEADER_BYTES + (end - start - first) * SAMPLE_BYTES
        return bytes(self._bytes[at : at + first * SAMPLE_BYTES]) + bytes(self._bytes[HEADER_BYTES:rest])

    def close(self) -> None:
        """Unmap this end only. Idempotent."""
        with suppress(BufferError):
            for view in (self._words, self._bytes):
                view.release()
        self._mapping.close()

    def unlink(self) -> None:
        """Remove the ring's name. Idempotent."""
        self._mapping.unlink()


def _check_geometry(capacity_samples: int, block_samples: int) -> None:
    if not 0 < block_samples <= capacity_samples // 4 or capacity_samples > MAX_CAPACITY_SAMPLES:
        text = f"{capacity_samples} samples in blocks of {block_samples}: use at most {MAX_CAPACITY_SAMPLES}"
        raise AudioRingError(f"{text}, and blocks of at most a quarter", "bad_geometry")


def _read_header(mapping: Mapping) -> tuple[int, int]:
    if mapping.size_bytes < HEADER_BYTES or mapping.memory[: len(MAGIC)] != MAGIC:
        raise AudioRingError(f"{mapping.path} is not an audio ring", "not_a_ring")
    _, version, rate_hz, channels, form, capacity_samples, block_samples = _FIXED.unpack_from(mapping.memory)
    if version != 1:
        raise AudioRingError(f"{mapping.path} has layout {version}, known is 1: use one release", "wrong_version")
    if (rate_hz, channels, form) != (RATE_HZ, 1, 1):
        raise AudioRingError(f"{mapping.path} does not hold 16 kHz mono int16", "bad_geometry")
    _check_geometry(capacity_samples, block_samples)
    if mapping.size_bytes != HEADER_BYTES + SAMPLE_BYTES * capacity_samples:
        raise AudioRingError(f"{mapping.path} has not the size its header says", "bad_geometry")
    return capacity_samples, block_samples

# SPDX-License-Identifier: Apache-2.0
"""Real processes at full speed on one ring: millions of operations, a checksum in every frame, none torn.

This file is also the program of those processes: `python test_ring_concurrent.py write|read|slow PATH COUNT`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirage_lsd.shared.channel.session_folder import SessionFolder
from mirage_lsd.shared.errors import TornFrame
from mirage_lsd.shared.ring.frame_header import FrameHeader
from mirage_lsd.shared.ring.ring import Ring

SIZES_PX = [(8, 8), (4, 6), (8, 2), (1, 7)]
READS = 1_000_000
SLOW_READS = 150


def make_frame(n: int) -> tuple[FrameHeader, bytes]:
    """Frame n: its size, its words and its checksum all follow from n."""
    width_px, height_px = SIZES_PX[n % 4]
    header = FrameHeader(n, n * 3, width_px, height_px, width_px * 4, generation=n & 0xFF)
    body = (n * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "little") * 32
    body = body[: width_px * height_px * 4 - 4]
    return header, body + zlib.crc32(body, n & 0xFFFFFFFF).to_bytes(4, "little")


def check_frame(n: int, header: FrameHeader, pixels: bytes) -> None:
    """Stops the process unless these are header and pixels of exactly frame n."""
    checksum = int.from_bytes(pixels[-4:], "little")
    if header.frame_id != n or header.timestamp_ns != n * 3 or (header.width_px, header.height_px) != SIZES_PX[n % 4]:
        sys.exit(f"frame {n} has the header of another: {header}")
    if zlib.crc32(pixels[:-4], n & 0xFFFFFFFF) != checksum:
        sys.exit(f"frame {n} is torn")


def write_until_stdin_closes(path: str) -> dict[str, int]:
    ring = Ring.open(path)
    n = ring.head
    reading = threading.Thread(target=sys.stdin.read)
    reading.start()
    while reading.is_alive():
        for _ in range(1000):
            n += 1
            ring.write(*make_frame(n))
    return {"writes": n}


def read(path: str, count: int) -> dict[str, int]:
    ring = Ring.open(path, writable=False)
    buffer = bytearray(256)
    last = torn = distinct = 0
    for _ in range(count):
        try:
            n, header = ring.read_into(buffer)
        except TornFrame:
            torn += 1
            continue
        check_frame(n, header, buffer[: header.stride_bytes * header.height_px])
        if n < last:
            sys.exit(f"frame {n} came after frame {last}")
        distinct += n > last
        last = n
    return {"reads": count - torn, "torn": torn, "distinct": distinct}


def read_slowly(path: str, count: int) -> dict[str, int]:
    """Copies in two halves and sleeps between them until the writer has lapped it."""
    ring = Ring.open(path, writable=False)
    caught = mixed = 0
    for _ in range(count):
        view = ring.newest()
        half = len(view.pixels) // 2
        copy = bytes(view.pixels[:half])
        while ring.head < view.n + 4:
            time.sleep(0.001)
        copy += bytes(view.pixels[half:])
        caught += not ring.still_valid(view)
        mixed += zlib.crc32(copy[:-4], view.n) != int.from_bytes(copy[-4:], "little")
    return {"caught": caught, "mixed": mixed}


def start(*arguments: object) -> subprocess.Popen:
    command = [sys.executable, __file__, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> dict[str, int]:
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return json.loads(output)


@pytest.fixture
def ring_path() -> Iterator[str]:
    """A ring with the fewest slots, in real shared memory, with one frame in it."""
    folder = SessionFolder.create()
    ring = Ring.create(folder.path_of("frames"), 8, 8, slot_count=4)
    ring.write(*make_frame(1))
    yield ring.path
    ring.close()
    folder.close()


@pytest.mark.slow
def test_no_torn_frame_in_millions_of_operations(ring_path: str) -> None:
    writer = start("write", ring_path)
    readers = [start("read", ring_path, READS) for _ in range(2)]
    slow = start("slow", ring_path, SLOW_READS)
    results = [finish(reader) for reader in readers]
    lapped = finish(slow)
    writes = finish(writer)["writes"]
    reads = sum(result["reads"] for result in results)
    print(f"{writes} writes, {reads} checked reads, {results}, slow reader {lapped}")
    assert reads > READS, "most looks must give a frame"
    assert min(result["distinct"] for result in results) > 1000, "the readers ran beside the writer"
    assert writes + reads > 2_000_000
    assert lapped == {"caught": SLOW_READS, "mixed": SLOW_READS}, "torn each time, and seen each time"


def test_a_reader_goes_on_when_the_writer_is_killed_and_a_new_one_starts(ring_path: str) -> None:
    ring = Ring.open(ring_path, writable=False)
    buffer, seen = bytearray(256), 1
    for _ in range(3):
        writer = start("write", ring_path)
        target = seen + 2000
        while seen < target:
            try:
                n, header = ring.read_into(buffer)
            except TornFrame:
                continue
            check_frame(n, header, bytes(buffer[: header.stride_bytes * header.height_px]))
            seen = n
        writer.kill()
        writer.communicate()
        n, header = ring.read_into(buffer)
        check_frame(n, header, bytes(buffer[: header.stride_bytes * header.height_px]))
        seen = n
    ring.close()


if __name__ == "__main__":
    task, where, *rest = sys.argv[1:]
    if task == "write":
        result = write_until_stdin_closes(where)
    else:
        result = (read if task == "read" else read_slowly)(where, int(rest[0]))
    print(json.dumps(result))
    assert Path(where).exists()

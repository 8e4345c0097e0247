# SPDX-License-Identifier: Apache-2.0
"""The Lua half's ring against the Python ring, two processes on one file: same layout, no torn frame taken."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from mirage_lsd.shared.ring.frame_header import FrameHeader
from mirage_lsd.shared.ring.mapping import windows_name
from mirage_lsd.shared.ring.ring import Ring

ROOT = Path(__file__).resolve().parents[3]
DRIVER = ROOT / "tests" / "obs" / "scripts" / "ring_half.lua"
MAX_WIDTH_PX, MAX_HEIGHT_PX = 320, 180


def luajit() -> list[str]:
    """The command of this system's LuaJIT."""
    if sys.platform == "win32":
        return [sys.executable, str(ROOT / "tests" / "wine" / "luajit.py")]
    if found := shutil.which("luajit"):
        return [found]
    pytest.fail("luajit is not installed: run the tests with ./tests/run.sh, which installs it")


class LuaHalf:
    """ring.lua in a process of its own."""

    def __init__(self, ring: Ring) -> None:
        name = windows_name(ring.path) if sys.platform == "win32" else ring.path
        arguments = [str(ROOT / "obs_script/render/memory/ring.lua"), name, str(len(ring.buffer))]
        self._process = subprocess.Popen(
            [*luajit(), str(DRIVER), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.greeting = self._process.stdout.readline().strip()

    def __call__(self, *words: object) -> str:
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@pytest.fixture
def ring(tmp_path):
    ring = Ring.create(str(tmp_path / "ring"), MAX_WIDTH_PX, MAX_HEIGHT_PX, epoch=3)
    yield ring
    ring.close()


@pytest.fixture
def lua(ring):
    lua = LuaHalf(ring)
    yield lua
    lua.close()


def header(frame_id: int, timestamp_ns: int = 0, width_px: int = 8, height_px: int = 4) -> FrameHeader:
    return FrameHeader(frame_id, timestamp_ns, width_px, height_px, width_px * 4)


def write(ring: Ring, frame_id: int, timestamp_ns: int = 0) -> int:
    return ring.write(header(frame_id, timestamp_ns), bytes([frame_id % 256]) * (8 * 4 * 4))


@pytest.mark.parametrize("shape", [(8, 4, 32), (7, 5, 64), (1, 1, 4), (320, 180, 1280)], ids=str)
def test_what_lua_publishes_python_reads(ring, lua, shape):
    width_px, height_px, stride_bytes = shape
    assert lua("publish", 41, 123456789, 7, width_px, height_px, stride_bytes, 9) == "1"
    view = ring.newest()
    got = view.header
    assert (got.frame_id, got.timestamp_ns, got.generation) == (41, 123456789, 7)
    assert (got.width_px, got.height_px, got.stride_bytes) == (width_px, height_px, width_px * 4)
    assert got.mapped_ns > 0 == got.received_ns == got.finished_ns
    rows, columns = np.ogrid[:height_px, : width_px * 4]
    expected = ((columns * 3 + rows * 5 + 9) % 256).astype(np.uint8)
    assert np.array_equal(np.frombuffer(view.pixels, np.uint8).reshape(height_px, -1), expected)
    assert ring.still_valid(view)


def test_lua_goes_round_the_ring_as_often_as_it_likes(ring, lua):
    for number in range(1, 40):
        assert lua("publish", number, number * 10, 0, 8, 4, 32, 0) == str(number)
        assert ring.newest().header.frame_id == number
    assert ring.newest(after=39) is None


def test_lua_takes_the_newest_and_nothing_twice(ring, lua):
    assert lua("newest", 0, -1) == "nil"
    for number in range(1, 9):
        write(ring, number)
    assert lua("newest", 0, -1) == "8"
    assert lua("newest", 8, -1) == "nil"
    assert lua("shape", 8) == "8 4 32"


def test_lua_takes_the_newest_that_is_due(ring, lua):
    for number in range(1, 6):
        write(ring, number, timestamp_ns=number * 1000)
    assert lua("newest", 0, 3500) == "3"
    assert lua("newest", 3, 3500) == "nil"
    assert lua("newest", 3, 9000) == "5"


def test_a_frame_that_was_written_over_is_not_whole(ring, lua):
    write(ring, 1)
    assert lua("newest", 0, -1) == "1"
    assert lua("whole", 1) == "true"
    pixels = ring.begin_write(header(2))
    assert lua("whole", 1) == "true"
    pixels.release()
    ring.commit()
    for number in range(3, 2 + ring.geometry.slot_count):
        write(ring, number)
    assert lua("whole", 1) == "false"


def test_a_writer_that_died_in_the_middle_is_not_read(ring, lua):
    write(ring, 1)
    ring.begin_write(header(2)).release()
    assert lua("newest", 0, -1) == "1"
    assert lua("newest", 1, -1) == "nil"


def test_an_impossible_frame_is_refused(ring, lua):
    number = write(ring, 1)
    halves = ring.buffer.cast("I")
    start = ring.geometry.slot_offset(0) // 4
    for index, value in ((6, 0), (6, 20000), (8, 8), (8, 1 << 30), (9, 2)):
        kept, halves[start + index] = halves[start + index], value
        assert lua("shape", number) == "nil"
        halves[start + index] = kept
    assert lua("shape", number) == "8 4 32"
    halves.release()


def test_something_else_is_not_attached(tmp_path):
    path = tmp_path / "ring"
    ring = Ring.create(str(path), 8, 8)
    ring.buffer[0:1] = b"X"
    lua = LuaHalf(ring)
    assert lua.greeting == "refused"
    lua.close()
    ring.close()


def test_a_reader_that_is_lapped_never_takes_a_torn_frame(ring, lua):
    """A writer at full speed against Lua's reader; every frame is of one byte value, so a mix would be seen."""
    frames = [np.full(MAX_WIDTH_PX * MAX_HEIGHT_PX * 4, value, np.uint8) for value in (3, 90, 200)]
    stop = threading.Event()

    def flood():
        number = 0
        while not stop.is_set():
            number += 1
            ring.write(header(number, width_px=MAX_WIDTH_PX, height_px=MAX_HEIGHT_PX), frames[number % 3])

    writer = threading.Thread(target=flood)
    writer.start()
    whole, lapped, mixed = map(int, lua("race", 3000).split())
    stop.set()
    writer.join()
    assert mixed == 0
    assert whole > 0
    assert lapped > 0, "the writer never lapped the reader: this proved nothing"

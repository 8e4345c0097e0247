# SPDX-License-Identifier: Apache-2.0
"""The bytes of the ring, against the specification in ring.py written out once more by hand.

The Lua half reads and writes these offsets itself; a change here needs a new layout version.
"""

from __future__ import annotations

import dataclasses
import re
import struct
from pathlib import Path

import pytest

from mirage_lsd.shared.errors import RingError
from mirage_lsd.shared.ring import ring_layout as layout
from mirage_lsd.shared.ring.frame_header import FrameHeader
from mirage_lsd.shared.ring.ring import Ring

SLOT_BYTES = 8192  # 128 + 40 * 30 * 4 = 4928, rounded up to 4096


@pytest.fixture
def ring(tmp_path: Path):
    made = Ring.create(str(tmp_path / "frames"), 40, 30, slot_count=5, epoch=9)
    yield made
    made.close()


def at(ring: Ring, kind: str, offset: int) -> int:
    return struct.unpack_from("=" + kind, ring.buffer, offset)[0]


def test_header(ring: Ring) -> None:
    assert bytes(ring.buffer[:8]) == b"MIRAGERG"
    assert [at(ring, "I", offset) for offset in (8, 12, 24, 28, 48)] == [1, 5, 40, 30, 0]
    assert [at(ring, "Q", offset) for offset in (16, 32, 40, 64)] == [SLOT_BYTES, 4096 + 5 * SLOT_BYTES, 9, 0]
    named = set(range(0, 52)) | set(range(64, 72))
    assert all(ring.buffer[i] == 0 for i in range(4096) if i not in named)
    assert not any(ring.buffer[4096:]), "slots start out as zeros"


def test_slot(ring: Ring) -> None:
    header = FrameHeader(
        frame_id=11,
        timestamp_ns=12,
        width_px=2,
        height_px=3,
        stride_bytes=16,
        generation=13,
        mapped_ns=14,
        received_ns=15,
        finished_ns=16,
        flags=0,
    )
    for _ in range(6):
        ring.write(header, bytes(range(48)))
    slot = 4096 + 0 * SLOT_BYTES  # frame 6 of 5 slots lies in slot (6 - 1) % 5
    assert [at(ring, "Q", slot + o) for o in (0, 8, 16, 40, 48, 56, 64, 72)] == [12, 11, 12, 13, 14, 15, 16, 0]
    assert [at(ring, "I", slot + o) for o in (24, 28, 32, 36)] == [2, 3, 16, 1]
    assert bytes(ring.buffer[slot + 128 : slot + 128 + 48]) == bytes(range(48))
    assert at(ring, "Q", 64) == 6
    assert [at(ring, "Q", 4096 + i * SLOT_BYTES) for i in range(5)] == [12, 4, 6, 8, 10]


def test_a_slot_being_written_has_an_odd_sequence(ring: Ring) -> None:
    ring.begin_write(FrameHeader(1, 1, 1, 1, 4))
    assert (at(ring, "Q", 4096), at(ring, "Q", 64)) == (1, 0)
    ring.commit()
    assert (at(ring, "Q", 4096), at(ring, "Q", 64)) == (2, 1)


def test_a_frame_written_by_hand_as_the_lua_half_does_is_read(ring: Ring) -> None:
    slot = 4096
    struct.pack_into("=QQIIIIQQQQQ", ring.buffer, slot + 8, 70, 71, 1, 1, 4, 1, 72, 73, 0, 0, 0)
    ring.buffer[slot + 128 : slot + 132] = b"BGRA"
    struct.pack_into("=Q", ring.buffer, slot, 2)
    struct.pack_into("=Q", ring.buffer, 64, 1)
    view = ring.newest()
    assert view.header == FrameHeader(70, 71, 1, 1, 4, generation=72, mapped_ns=73)
    assert bytes(view.pixels) == b"BGRA"


def change(path: Path, offset: int, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


REFUSED = [
    (0, b"MIRAGEDB", "not_a_ring"),
    (0, bytes(8), "not_a_ring"),
    (8, struct.pack("=I", 2), "wrong_version"),
    (8, struct.pack("=I", 0), "wrong_version"),
    (12, struct.pack("=I", 3), "bad_geometry"),
    (12, struct.pack("=I", 65), "bad_geometry"),
    (12, struct.pack("=I", 6), "bad_geometry"),
    (16, struct.pack("=Q", 4096), "bad_geometry"),
    (16, struct.pack("=Q", 2**64 - 4096), "bad_geometry"),
    (24, struct.pack("=I", 0), "bad_geometry"),
    (24, struct.pack("=I", 2**32 - 1), "bad_geometry"),
    (28, struct.pack("=I", 4320), "bad_geometry"),
    (32, struct.pack("=Q", 0), "bad_geometry"),
]


@pytest.mark.parametrize(("offset", "data", "code"), REFUSED)
def test_a_header_that_is_wrong_is_refused(ring: Ring, offset: int, data: bytes, code: str) -> None:
    change(Path(ring.path), offset, data)
    with pytest.raises(RingError) as caught:
        Ring.open(ring.path)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("size_bytes", "code"),
    [
        (0, "truncated"),
        (100, "truncated"),
        (4095, "truncated"),
        (4096, "truncated"),
        (45055, "truncated"),
        (45057, "wrong_size"),
    ],
)
def test_a_file_of_another_size_is_refused(ring: Ring, size_bytes: int, code: str) -> None:
    copy = Path(ring.path + "-copy")
    copy.write_bytes((bytes(ring.buffer) + b"\0")[:size_bytes])
    with pytest.raises(RingError) as caught:
        Ring.open(str(copy))
    assert caught.value.code == code


@pytest.mark.parametrize("make", ["folder", "fifo", "link", "device"])
def test_what_is_no_plain_file_is_refused(ring: Ring, tmp_path: Path, make: str) -> None:
    import os

    path = tmp_path / "other"
    if make == "folder":
        path.mkdir()
    elif make == "fifo":
        os.mkfifo(path)
    elif make == "link":
        path.symlink_to(ring.path)
    else:
        path = Path("/dev/zero")
    with pytest.raises(RingError) as caught:
        Ring.open(str(path))
    assert caught.value.code == "not_permitted"


@pytest.mark.parametrize(
    ("offset", "value"), [(24, 41), (24, 0), (28, 31), (28, 2**32 - 1), (32, 0), (32, 2**32 - 1), (36, 0), (36, 7)]
)
def test_nonsense_in_a_slot_is_refused_before_its_pixels_are_touched(ring: Ring, offset: int, value: int) -> None:
    ring.write(FrameHeader(1, 1, 40, 30, 160), bytes(4800))
    struct.pack_into("=I", ring.buffer, 4096 + offset, value)
    with pytest.raises(RingError) as caught:
        ring.newest()
    assert caught.value.code == "bad_slot"


def test_a_writer_that_damages_its_header_later_cannot_mislead_an_open_reader(ring: Ring) -> None:
    """Sizes are taken once, at opening; what the header says afterwards is not used."""
    reader = Ring.open(ring.path)
    ring.write(FrameHeader(1, 1, 40, 30, 160), bytes(4800))
    ring.buffer[8:40] = b"\xff" * 32
    assert len(reader.newest().pixels) == 4800
    reader.close()


def test_the_lua_half_has_every_field_where_python_has_it(checkout) -> None:
    """Numbers of two files; that the halves understand each other is test_lua_ring.py's."""
    lua = (checkout / "obs_script/render/memory/ring.lua").read_text(encoding="utf-8")
    words, halves = (dict(re.findall(r"(\w+) = (\d+)", re.search(rf"local {name} = {{(.*?)}}", lua, re.S).group(1)))
                     for name in ("at", "half"))
    offset, places = layout.FIELDS_OFFSET, {"sequence": 0}
    for field, letter in zip(dataclasses.fields(FrameHeader), layout.FRAME_STRUCT.format[1:], strict=True):
        places[field.name], offset = offset, offset + struct.calcsize("=" + letter)
    found = {name: int(place) * 8 for name, place in words.items()}
    assert found | {name: int(place) * 4 for name, place in halves.items()} == places
    sizes = re.search(r"local LAYOUT_VERSION, HEADER_BYTES, SLOT_HEADER_BYTES = (\d+), (\d+), (\d+)", lua).groups()
    assert [*map(int, sizes)] == [layout.LAYOUT_VERSION, layout.HEADER_BYTES, layout.SLOT_HEADER_BYTES]

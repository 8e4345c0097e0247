# SPDX-License-Identifier: Apache-2.0
"""What a ring refuses, how large it may be, who may open it, and what it leaves behind."""

from __future__ import annotations

import dataclasses
import gc
import os
import stat
from pathlib import Path

import pytest

from mirage_lsd.shared.errors import RingError
from mirage_lsd.shared.ring.frame_header import FrameHeader
from mirage_lsd.shared.ring.ring import Ring

HEADER, PIXELS = FrameHeader(1, 1001, 16, 8, 64), bytes(16 * 8 * 4)


@pytest.fixture
def ends(tmp_path: Path):
    """(writer, reader) of a fresh ring for frames of 16x8."""
    writer = Ring.create(str(tmp_path / "frames"), 16, 8, slot_count=4)
    reader = Ring.open(str(tmp_path / "frames"), writable=False)
    yield writer, reader
    reader.close()
    writer.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"width_px": 17},
        {"width_px": 0},
        {"height_px": 9},
        {"height_px": -1},
        {"stride_bytes": 63},
        {"stride_bytes": 65},
        {"pixel_format": 2},
        {"frame_id": -1},
        {"frame_id": 2**64},
        {"timestamp_ns": 1.5},
        {"generation": "1"},
    ],
)
def test_a_frame_that_does_not_fit_is_refused_and_nothing_is_published(ends, changes) -> None:
    writer, reader = ends
    header = dataclasses.replace(HEADER, **changes)
    with pytest.raises(RingError) as caught:
        writer.begin_write(header)
    assert caught.value.code == "bad_frame"
    assert reader.newest() is None


def test_pixels_of_the_wrong_length_are_refused(ends) -> None:
    with pytest.raises(RingError, match="511 bytes") as caught:
        ends[0].write(HEADER, PIXELS[:-1])
    assert caught.value.code == "bad_frame"


def test_a_buffer_that_is_too_small_is_refused(ends) -> None:
    ends[0].write(HEADER, PIXELS)
    with pytest.raises(RingError) as caught:
        ends[1].read_into(bytearray(511))
    assert caught.value.code == "bad_frame"


def test_a_reader_can_do_no_harm(ends) -> None:
    writer, reader = ends
    writer.write(HEADER, PIXELS)
    with pytest.raises(RingError) as caught:
        reader.write(HEADER, PIXELS)
    assert caught.value.code == "read_only"
    with pytest.raises(TypeError):
        reader.newest().pixels[0] = 1


def test_only_this_user_can_open_it(ends) -> None:
    assert stat.S_IMODE(os.stat(ends[0].path).st_mode) == 0o600


@pytest.mark.parametrize(
    ("width_px", "height_px", "slot_count"),
    [(7681, 4320, 4), (7680, 4321, 4), (7680, 7680, 4), (0, 1, 4), (1, 0, 4), (-5, 9, 4), (16, 16, 3), (16, 16, 65)],
)
def test_the_size_is_bounded(tmp_path: Path, width_px: int, height_px: int, slot_count: int) -> None:
    with pytest.raises(RingError) as caught:
        Ring.create(str(tmp_path / "frames"), width_px, height_px, slot_count)
    assert caught.value.code == "bad_geometry"
    assert list(tmp_path.iterdir()) == [], "a refused ring leaves no file"


def test_the_largest_ring_has_the_documented_size(tmp_path: Path) -> None:
    ring = Ring.create(str(tmp_path / "frames"), 7680, 4320, slot_count=4, prefault=False)
    assert os.path.getsize(ring.path) == 4096 + 4 * (7680 * 4320 * 4 + 4096)
    ring.close()
    ring.unlink()


def test_a_name_is_never_taken_over(tmp_path: Path, ends) -> None:
    with pytest.raises(RingError) as caught:
        Ring.create(ends[0].path, 16, 16)
    assert caught.value.code == "exists"


def test_rings_leave_no_descriptor_open(tmp_path: Path) -> None:
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for i in range(20):
        ring = Ring.create(str(tmp_path / f"ring{i}"), 16, 16)
        Ring.open(ring.path).close()
        ring.close()
        ring.unlink()
    assert len(os.listdir("/proc/self/fd")) == before

# SPDX-License-Identifier: Apache-2.0
"""The ring's promises to one writer and one reader: newest wins, no waiting, nothing torn, bounded, replaceable."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from pathlib import Path

import pytest

from mirage_lsd.shared.errors import RingError, TornFrame
from mirage_lsd.shared.ring.frame_header import FrameHeader
from mirage_lsd.shared.ring.ring import Ring

WIDTH_PX, HEIGHT_PX = 16, 8


def frame(frame_id: int, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> tuple[FrameHeader, bytes]:
    """A frame whose every byte is its id."""
    header = FrameHeader(frame_id, 1000 + frame_id, width_px, height_px, width_px * 4, generation=7)
    return header, bytes([frame_id % 256]) * (width_px * height_px * 4)


@pytest.fixture
def ends(tmp_path: Path):
    """(writer, reader) of a fresh ring with four slots."""
    writer = Ring.create(str(tmp_path / "frames"), WIDTH_PX, HEIGHT_PX, slot_count=4, epoch=3)
    reader = Ring.open(str(tmp_path / "frames"), writable=False)
    yield writer, reader
    reader.close()
    writer.close()


def test_nothing_is_new_in_an_empty_ring(ends) -> None:
    assert ends[1].newest() is None
    assert ends[1].read_into(bytearray(1)) is None


def test_a_frame_arrives_as_it_was_written(ends) -> None:
    writer, reader = ends
    header = FrameHeader(2**63, 2, 16, 8, 64, 1, 5, 6, 7, 8, 2**64 - 1)
    pixels = os.urandom(512)
    assert writer.write(header, pixels) == 1
    view = reader.newest()
    assert (view.n, view.header, bytes(view.pixels)) == (1, header, pixels)
    assert reader.still_valid(view)


def test_the_newest_wins_and_is_given_once(ends) -> None:
    writer, reader = ends
    for frame_id in range(1, 4):
        writer.write(*frame(frame_id))
    view = reader.newest()
    assert (view.n, view.header.frame_id, reader.head) == (3, 3, 3)
    assert reader.newest(after=view.n) is None


def test_the_writer_never_waits_for_a_reader_that_holds_a_frame(ends) -> None:
    writer, reader = ends
    writer.write(*frame(1))
    view = reader.newest()
    for frame_id in range(2, 1000):
        writer.write(*frame(frame_id))
    assert not reader.still_valid(view)
    assert reader.newest().header.frame_id == 999


def test_a_frame_stays_valid_until_its_slot_is_claimed_again(ends) -> None:
    writer, reader = ends
    writer.write(*frame(1))
    view = reader.newest()
    for frame_id in range(2, 5):
        writer.write(*frame(frame_id))
        assert reader.still_valid(view)
    writer.begin_write(frame(5)[0])
    assert not reader.still_valid(view), "claiming the slot alone must be enough"


def test_a_reader_that_is_lapped_between_two_halves_of_its_copy_knows(ends) -> None:
    """The writer really runs beside it: a thread that overwrites all slots while the reader sleeps."""
    writer, reader = ends
    writer.write(*frame(1))
    view = reader.newest()
    half = len(view.pixels) // 2
    copy = bytearray(view.pixels[:half])
    thread = threading.Thread(target=lambda: [writer.write(*frame(i)) for i in range(2, 12)])
    thread.start()
    time.sleep(0.05)
    thread.join()
    copy += view.pixels[half:]
    assert len(set(copy)) > 1, "the copy is torn, else this test shows nothing"
    assert not reader.still_valid(view)


def test_read_into_starts_over_when_it_was_lapped(ends, monkeypatch) -> None:
    writer, reader = ends
    writer.write(*frame(1))
    really_newest, calls = reader.newest, []

    def lapped_once(after: int):
        view = really_newest(after)
        calls.append(view.n)
        if len(calls) == 1:
            for frame_id in range(2, 7):
                writer.write(*frame(frame_id))
        return view

    monkeypatch.setattr(reader, "newest", lapped_once)
    buffer = bytearray(WIDTH_PX * HEIGHT_PX * 4)
    n, header = reader.read_into(buffer)
    assert (n, header.frame_id, calls, set(buffer)) == (6, 6, [1, 6], {6})


def test_read_into_gives_up_after_as_many_tries_as_slots(ends, monkeypatch) -> None:
    writer, reader = ends
    writer.write(*frame(1))
    really_newest, calls = reader.newest, []

    def always_lapped(after: int):
        view = really_newest(after)
        calls.append(view.n)
        for _ in range(5):
            writer.write(*frame(1))
        return view

    monkeypatch.setattr(reader, "newest", always_lapped)
    with pytest.raises(TornFrame) as caught:
        reader.read_into(bytearray(512))
    assert (caught.value.code, len(calls)) == ("torn_frame", 4)


def test_newest_reports_a_ring_whose_newest_slot_is_never_complete(ends) -> None:
    writer, reader = ends
    writer.write(*frame(1))
    memoryview(writer.buffer).cast("Q")[4096 // 8] = 99
    with pytest.raises(TornFrame):
        reader.newest()


def test_a_dead_writer_blocks_nobody_and_its_successor_goes_on(ends) -> None:
    writer, reader = ends
    writer.write(*frame(1))
    writer.begin_write(frame(2)[0])[:] = frame(2)[1]
    assert reader.newest().header.frame_id == 1, "a frame not committed must not be seen"
    successor = Ring.open(writer.path)
    assert successor.write(*frame(3)) == 2
    assert reader.newest().header.frame_id == 3
    successor.close()


def test_a_frame_can_be_made_in_place(ends) -> None:
    writer, reader = ends
    header, pixels = frame(1)
    writer.begin_write(header)[:] = pixels
    assert writer.commit(finished_ns=77) == 1
    view = reader.newest()
    assert view.header == dataclasses.replace(header, finished_ns=77)
    assert bytes(view.pixels) == pixels
    with pytest.raises(RingError) as caught:
        writer.commit()
    assert caught.value.code == "bad_use"


def test_smaller_frames_and_padded_rows_fit(ends) -> None:
    writer, reader = ends
    header = FrameHeader(1, 1, 3, 5, stride_bytes=32)
    writer.write(header, bytes(range(160)))
    assert bytes(reader.newest().pixels) == bytes(range(160))


def test_any_contiguous_buffer_can_be_written_and_read(ends) -> None:
    numpy = pytest.importorskip("numpy")
    writer, reader = ends
    picture = numpy.random.default_rng(1).integers(0, 256, (HEIGHT_PX, WIDTH_PX, 4), numpy.uint8)
    writer.write(frame(1)[0], picture)
    copy = numpy.empty_like(picture)
    reader.read_into(copy)
    assert (copy == picture).all()


def test_a_ring_is_replaced_by_one_with_a_higher_epoch(tmp_path: Path, ends) -> None:
    old, old_reader = ends
    old.write(*frame(1))
    new = Ring.create(str(tmp_path / "larger"), 32, 32, epoch=old.epoch + 1)
    old.unlink()
    old.unlink()
    assert bytes(old_reader.newest().pixels) == frame(1)[1], "a mapped ring outlives its name"
    assert Ring.open(new.path).epoch == 4
    with pytest.raises(RingError) as caught:
        Ring.open(old.path)
    assert caught.value.code == "not_found"


def test_close_can_be_repeated_and_leaves_views_alive(ends) -> None:
    writer, reader = ends
    writer.write(*frame(5))
    view = reader.newest()
    reader.close()
    reader.close()
    assert set(view.pixels) == {5}

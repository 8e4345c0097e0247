# SPDX-License-Identifier: Apache-2.0
"""Sound through the audio ring: in order, across its end, with losses told; what is no ring is refused."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mirage_lsd.shared.ring.audio_ring import HEADER_BYTES, AudioRing, AudioRingError


def ramp(start: int, count: int) -> bytes:
    return np.arange(start, start + count, dtype=np.int64).astype(np.int16).tobytes()


@pytest.fixture
def ends(tmp_path: Path):
    writer = AudioRing.create(str(tmp_path / "audio"), capacity_samples=1600, block_samples=160)
    reader = AudioRing.open(writer.path)
    yield writer, reader
    reader.close()
    writer.close()


def test_sound_arrives_whole_and_in_order_across_the_rings_end(ends) -> None:
    writer, reader = ends
    got, sent = b"", 0
    for count in (100, 160, 37, 500, 900, 160, 1, 440, 333) * 5:
        writer.write(ramp(sent, count), newest_ns=sent)
        sent += count
        got += reader.read()
    assert got == ramp(0, sent)
    assert reader.lost_samples == 0
    assert reader.read() == b""


def test_a_reader_that_falls_behind_loses_the_oldest_and_is_told(ends) -> None:
    writer, reader = ends
    for start in range(0, 4000, 160):
        writer.write(ramp(start, 160), newest_ns=start)
    got = np.frombuffer(reader.read(), np.int16)
    assert got[-1] == 3999
    assert reader.lost_samples == 4000 - got.size > 0
    assert np.array_equal(got, np.arange(4000 - got.size, 4000))


def test_a_reader_starts_at_the_newest(tmp_path: Path) -> None:
    writer = AudioRing.create(str(tmp_path / "audio"))
    writer.write(ramp(0, 100), newest_ns=7)
    reader = AudioRing.open(writer.path)
    assert (reader.read(), reader.newest_ns) == (b"", 7)


def test_another_process_hears_it(tmp_path: Path) -> None:
    writer = AudioRing.create(str(tmp_path / "audio"))
    program = (
        "import sys, time\nfrom mirage_lsd.shared.ring.audio_ring import AudioRing\n"
        "ring = AudioRing.open(sys.argv[1]); print('open', flush=True); got = b''\n"
        "while len(got) < 64000: got += ring.read(); time.sleep(0.005)\n"
        "print(got == b''.join(int(n % 30000).to_bytes(2, 'little') for n in range(32000)))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, writer.path], stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout.readline() == "open\n"
        writer.write((np.arange(32000) % 30000).astype(np.int16).tobytes(), newest_ns=1)
        assert reader.stdout.readline() == "True\n"


def test_only_the_maker_writes(ends) -> None:
    writer, reader = ends
    with pytest.raises(AudioRingError) as refused:
        reader.write(ramp(0, 4), newest_ns=0)
    assert refused.value.code == "read_only"
    with pytest.raises(AudioRingError) as refused:
        writer.write(b"\0\0\0", newest_ns=0)
    assert refused.value.code == "bad_block"


@pytest.mark.parametrize(
    ("offset", "value", "code"),
    [(0, 0, "not_a_ring"), (8, 2, "wrong_version"), (12, 48_000, "bad_geometry"), (16, 2, "bad_geometry"),
     (24, 9_999, "bad_geometry"), (32, 0, "bad_geometry")],
)
def test_what_is_no_ring_is_refused(tmp_path: Path, offset: int, value: int, code: str) -> None:
    path = tmp_path / "audio"
    AudioRing.create(str(path), 1600, 160).close()
    data = bytearray(path.read_bytes())
    data[offset : offset + 4] = struct.pack("=I", value)
    path.write_bytes(data)
    with pytest.raises(AudioRingError) as refused:
        AudioRing.open(str(path))
    assert refused.value.code == code


def test_a_cut_file_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "audio"
    AudioRing.create(str(path), 1600, 160).close()
    path.write_bytes(path.read_bytes()[: HEADER_BYTES + 100])
    with pytest.raises(AudioRingError):
        AudioRing.open(str(path))
    with pytest.raises(AudioRingError) as refused:
        AudioRing.open(str(tmp_path / "none"))
    assert refused.value.code == "not_found"

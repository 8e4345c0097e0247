# SPDX-License-Identifier: Apache-2.0
"""Whatever comes from outside, random or cunning: one typed error, never a crash, never anything else."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import struct
from pathlib import Path

import pytest

from mirage_lsd.shared.channel import wire
from mirage_lsd.shared.channel.endpoints import LaunchConfig, LaunchReport
from mirage_lsd.shared.doorbell.doorbell import Doorbell
from mirage_lsd.shared.errors import DoorbellError, EndpointError, RingError, WireError
from mirage_lsd.shared.messages import worker_commands
from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.ring.frame_header import FrameHeader
from mirage_lsd.shared.ring.ring import Ring

RING_CODES = {"not_a_ring", "wrong_version", "truncated", "wrong_size", "bad_geometry", "not_permitted"}
WIRE_CODES = {"oversized", "malformed", "unknown_version", "unknown_message", "bad_field"}
EDGES = [0, 1, 3, 4, 5, 63, 64, 65, 127, 128, 4095, 4096, 4097, 7680, 7681, 2**31 - 1, 2**31, 2**32 - 1]
EDGES_U64 = [*EDGES, 2**32, 2**63 - 1, 2**63, 2**64 - 4096, 2**64 - 1]
U32_OFFSETS, U64_OFFSETS = (8, 12, 24, 28, 48), (0, 16, 32, 40, 64)


@pytest.fixture
def ring_bytes(tmp_path: Path) -> bytes:
    ring = Ring.create(str(tmp_path / "good"), 20, 10, slot_count=4)
    for frame_id in range(1, 7):
        ring.write(FrameHeader(frame_id, 1, 20, 10, 80), bytes([frame_id]) * 800)
    data = bytes(ring.buffer)
    ring.close()
    return data


def open_and_read(path: Path, data: bytes) -> str:
    """Open a ring of these bytes and use all of it; the code of the refusal or "read"."""
    path.write_bytes(data)
    try:
        ring = Ring.open(str(path), writable=False)
    except RingError as error:
        assert error.code in RING_CODES and str(error)
        return error.code
    try:
        view = ring.newest()
        if view is not None:
            bytes(view.pixels)
            ring.still_valid(view)
        ring.read_into(bytearray(20 * 10 * 4))
    except RingError as error:
        assert error.code in {"torn_frame", "bad_slot"}
        return error.code
    finally:
        ring.close()
    return "read"


def test_random_files_are_no_rings(tmp_path: Path) -> None:
    chance = random.Random(1)
    for _ in range(300):
        data = chance.randbytes(chance.choice([0, 1, 71, 4095, 4096, 8192, 20000]))
        data = (b"MIRAGERG" + data[8:]) if chance.random() < 0.5 and len(data) > 8 else data
        assert open_and_read(tmp_path / "ring", data) in RING_CODES


def test_every_edge_value_in_every_header_field(tmp_path: Path, ring_bytes: bytes) -> None:
    outcomes = set()
    for kind, offsets, values in (("=I", U32_OFFSETS, EDGES), ("=Q", U64_OFFSETS, EDGES_U64)):
        for offset in offsets:
            for value in values:
                data = bytearray(ring_bytes)
                struct.pack_into(kind, data, offset, value)
                outcomes.add(open_and_read(tmp_path / "ring", bytes(data)))
    assert outcomes >= {"read", "not_a_ring", "wrong_version", "bad_geometry", "torn_frame"}


def test_every_edge_value_in_every_slot_field(tmp_path: Path, ring_bytes: bytes) -> None:
    newest = 4096 + (6 - 1) % 4 * 4096
    outcomes = set()
    for offset in range(0, 80, 4):
        for kind, values in (("=I", EDGES), ("=Q", EDGES_U64)):
            for value in values:
                data = bytearray(ring_bytes)
                struct.pack_into(kind, data, newest + offset, value)
                outcomes.add(open_and_read(tmp_path / "ring", bytes(data)))
    assert outcomes == {"read", "torn_frame", "bad_slot"}


def test_random_damage_to_a_good_ring(tmp_path: Path, ring_bytes: bytes) -> None:
    chance = random.Random(2)
    for _ in range(1500):
        data = bytearray(ring_bytes)
        for _ in range(chance.randint(1, 6)):
            data[chance.choice([chance.randrange(72), 4096 + chance.randrange(4 * 4096)])] = chance.randrange(256)
        if chance.random() < 0.2:
            data = data[: chance.randrange(len(data))]
        open_and_read(tmp_path / "ring", bytes(data))


def test_random_files_are_no_doorbells(tmp_path: Path) -> None:
    chance = random.Random(3)
    for _ in range(200):
        data = chance.randbytes(chance.choice([0, 8, 4095, 4096, 5000]))
        (tmp_path / "bell").write_bytes((b"MIRAGEDB" + data[8:]) if chance.random() < 0.5 else data)
        with pytest.raises(DoorbellError):
            Doorbell.open(str(tmp_path / "bell"))


def decoded(data: bytes) -> str:
    """Decode; the code of the refusal, or "message" if what came back is one and encodes again."""
    try:
        request_id, message = wire.decode(data)
    except WireError as error:
        assert error.code in WIRE_CODES and str(error).isprintable() and len(str(error)) < 2000
        assert str(error.field).isprintable() and 0 <= error.request_id < 2**63
        return error.code
    assert wire.decode(wire.encode(message, request_id)) == (request_id, message)
    return "message"


def test_random_bytes_are_no_message() -> None:
    chance = random.Random(4)
    for _ in range(5000):
        assert decoded(chance.randbytes(chance.randrange(200))) == "malformed"


def test_random_damage_to_good_messages() -> None:
    chance, outcomes = random.Random(5), set()
    settings = StreamSettings(prompt='red "leather" jacket \\ é', strength=0.5)
    good = [
        wire.encode(worker_commands.ApplySettings(1, 2, settings), 3),
        wire.encode(worker_commands.OpenStream(1, 2, "in", "out"), 2**62),
        wire.encode(worker_commands.Hello(1, "obs"), 0),
    ]
    for _ in range(20_000):
        data = bytearray(chance.choice(good))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            piece = chance.choice(
                [b"", b"{", b"}", b'"', b"[", b",", b":", b"0", b"-", b"e9", b"\\", bytes([chance.randrange(256)])]
            )
            data[at : at + chance.randint(0, 2)] = piece
        outcomes.add(decoded(bytes(data)))
    assert outcomes >= {"message", "malformed", "unknown_version", "unknown_message", "bad_field"}


def any_json(chance: random.Random, depth: int = 0):
    """A random JSON value, with a liking for our own words."""
    words = ["v", "type", "id", "body", "ping", "hello", "settings", "stream_id", "\ud800", "\0", "é" * 300, ""]
    kinds = [None, True, chance.choice([0, 1, -1, 2**63, 10**400, 1e308]), chance.random(), chance.choice(words)]
    if depth > 4 or chance.random() < 0.6:
        return chance.choice(kinds)
    if chance.random() < 0.3:
        return [any_json(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(words): any_json(chance, depth + 1) for _ in range(chance.randrange(5))}


def test_random_structures_are_refused_by_type() -> None:
    chance = random.Random(6)
    names = [*wire.message_classes(), "nonsense", 4]
    outcomes = set()
    for _ in range(10_000):
        name = chance.choice(names)
        body = any_json(chance)
        if name in wire.message_classes() and chance.random() < 0.7:
            declared = dataclasses.fields(wire.message_classes()[name])
            body = {each.name: any_json(chance) for each in declared if chance.random() < 0.95}
        content = {"v": 1, "type": name, "id": chance.choice([1, any_json(chance)]), "body": body}
        outcomes.add(decoded(json.dumps(content).encode()))
    assert outcomes >= {"message", "bad_field", "unknown_message"}


def test_random_launch_lines_are_refused(tmp_path: Path) -> None:
    chance = random.Random(7)
    key = "0" * 40
    good = LaunchConfig("/s", "bell", key, key, key).to_line().encode()
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        for kind in (LaunchConfig, LaunchReport):
            try:
                made = kind.from_line(bytes(data))
            except EndpointError as error:
                assert key[:20] not in str(error)
            else:
                assert kind.from_line(made.to_line()) == made
    assert os.listdir(tmp_path) == []

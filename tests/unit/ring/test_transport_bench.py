# SPDX-License-Identifier: Apache-2.0
"""The transport benchmark measures what it says: real processes on small frames, and gates that can be missed."""

from __future__ import annotations

import pytest

from mirage_lsd.worker.bench import transport
from mirage_lsd.worker.bench.transport_links import RECEIVERS


def test_every_way_delivers_and_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "ROUNDS", 2)
    monkeypatch.setattr(transport, "FRAMES_A_ROUND", 5)
    monkeypatch.setattr(transport, "WARM_UP_FRAMES", 2)
    rows = transport.measure(64, 36)
    assert set(rows) == {"memcpy", *RECEIVERS}
    for row in rows.values():
        assert 0 <= row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
    assert rows["ring"]["times_the_ring"] == 1.0


def test_a_frame_that_arrives_changed_stops_the_measurement() -> None:
    way = transport.Way.__new__(transport.Way)
    way.sender = type("Sender", (), {"send": lambda *_: None})()
    way._reports = type("Reports", (), {"poll": lambda *_: True, "recv": lambda _: (1, 5, b"12345678")})()
    assert way.hop_ns(1, memoryview(b"1234....5678")) == 5
    for frame_id, picture in ((2, b"1234....5678"), (1, b"1234....567x")):
        with pytest.raises(RuntimeError, match="as it was sent"):
            way.hop_ns(frame_id, memoryview(picture))


def test_gates_are_missed_by_a_slow_ring() -> None:
    def rows(ring_ms: float, queue_ms: float) -> dict:
        p50 = {
            "memcpy": 0.4,
            "ring": ring_ms,
            "ring, copied out": 1.9,
            "queue": queue_ms,
            "zmq ipc": 5.0,
            "zmq tcp": 5.0,
        }
        return {name: {"p50_ms": ms, "times_the_ring": ms / ring_ms} for name, ms in p50.items()}

    assert all(transport.gates(rows(1.1, 4.4)).values())
    assert [name for name, passed in transport.gates(rows(1.2, 4.7)).items() if not passed] == [
        "ring: at most 2x its 1 memcpy + 0.3 ms",
        "ring: at least 4x less than queue",
    ]

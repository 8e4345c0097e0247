# SPDX-License-Identifier: Apache-2.0
"""Who is let in and what is taken from them: strangers, wrong keys, garbage, floods."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import zmq
from zmq.utils import z85

from mirage_lsd.shared.channel import wire
from mirage_lsd.shared.channel.channel import MAX_TRANSPORT_BYTES, ControlClient, ControlServer, new_key_pair
from mirage_lsd.shared.channel.curve import KeyPair, decode_key, zap_answer
from mirage_lsd.shared.channel.endpoints import LaunchConfig, LaunchReport
from mirage_lsd.shared.errors import ChannelError
from mirage_lsd.shared.messages import worker_commands, worker_events


@pytest.mark.parametrize("stranger", ["no keys", "own keys", "wrong server key", "server's own key"])
def test_a_stranger_gets_nothing(
    control_worker: Any, stranger: str, raw_socket: Callable[..., zmq.Socket], keys: SimpleNamespace
) -> None:
    own = {
        "no keys": None,
        "own keys": new_key_pair(),
        "wrong server key": keys.client,
        "server's own key": keys.server,
    }
    server_key = new_key_pair().public if stranger == "wrong server key" else keys.server.public
    asking = raw_socket(zmq.DEALER, control_worker.report.control_port, own[stranger], server_key)
    listening = raw_socket(zmq.SUB, control_worker.report.events_port, own[stranger], server_key)
    listening.subscribe(b"")
    asking.send(wire.encode(worker_commands.Ping(1), 1))
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        control_worker.server.publish(worker_events.Done())
        assert not asking.poll(20) and not listening.poll(20)
    counters = control_worker.server.counters
    assert counters["denied_key"] + counters["failed_handshake"] > 0, "the attempt must be counted"
    assert set(counters) <= {"denied_key", "failed_handshake"}, "nothing the stranger sent may be read"


def test_a_stranger_does_not_stop_the_rightful_client(
    control_worker: Any, control_client: ControlClient, raw_socket: Callable[..., zmq.Socket], keys: SimpleNamespace
) -> None:
    raw_socket(zmq.DEALER, control_worker.report.control_port, new_key_pair(), keys.server.public).send(b"x")
    with socket.create_connection(("127.0.0.1", control_worker.report.control_port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n" + os.urandom(500))
        assert control_client.request(worker_commands.Ping(1), 30) == worker_events.Pong(1, 1)


@pytest.mark.parametrize(
    ("data", "code", "request_id"),
    [
        (b"", "malformed", 0),
        (b"\xff\x00garbage", "malformed", 0),
        (b'{"v":9,"type":"ping","id":4,"body":{"sent_ns":1}}', "unknown_version", 4),
        (b'{"v":1,"type":"dance","id":4,"body":{}}', "unknown_message", 4),
        (b'{"v":1,"type":"ping","id":4,"body":{"sent_ns":-1}}', "bad_field", 4),
        (b" " * (wire.MAX_MESSAGE_BYTES + 1), "oversized", 0),
    ],
)
def test_what_is_no_message_gets_a_typed_reply_and_is_counted(
    control_worker: Any,
    data: bytes,
    code: str,
    request_id: int,
    raw_socket: Callable[..., zmq.Socket],
    keys: SimpleNamespace,
) -> None:
    asking = raw_socket(zmq.DEALER, control_worker.report.control_port, keys.client, keys.server.public)
    for count in (1, 2):
        asking.send(data)
        assert asking.poll(30_000)
        got_id, reply = wire.decode(asking.recv())
        assert (got_id, type(reply), reply.code) == (request_id, worker_events.ErrorReply, code)
        assert control_worker.server.counters[code] == count
    asking.send_multipart([b"two", b"frames"])
    assert asking.poll(30_000)
    assert wire.decode(asking.recv())[1].code == "malformed"
    asking.send(wire.encode(worker_commands.Ping(3), 8))
    assert asking.poll(30_000)
    assert wire.decode(asking.recv()) == (8, worker_events.Pong(3, 1))


def test_a_flood_of_garbage_is_survived(
    control_worker: Any, control_client: ControlClient, raw_socket: Callable[..., zmq.Socket], keys: SimpleNamespace
) -> None:
    flooding = raw_socket(zmq.DEALER, control_worker.report.control_port, keys.client, keys.server.public)
    for i in range(5000):
        flooding.send(os.urandom(i % 300))
        if i % 500 == 0:
            assert control_client.request(worker_commands.Ping(i), 30) == worker_events.Pong(i, 1)
    assert control_client.request(worker_commands.Ping(1), 30) == worker_events.Pong(1, 1)
    assert control_worker.server.counters["malformed"] > 1000


def test_a_monstrous_message_costs_its_sender_the_connection_only(
    control_worker: Any, control_client: ControlClient, raw_socket: Callable[..., zmq.Socket], keys: SimpleNamespace
) -> None:
    monster = raw_socket(zmq.DEALER, control_worker.report.control_port, keys.client, keys.server.public)
    monster.send(bytes(MAX_TRANSPORT_BYTES + 1))
    assert not monster.poll(300)
    assert control_client.request(worker_commands.Ping(1), 30) == worker_events.Pong(1, 1)


def test_keys_are_new_each_time_and_secrets_stay_out_of_sight() -> None:
    one, two = new_key_pair(), new_key_pair()
    assert len({one.public, one.secret, two.public, two.secret}) == 4
    assert one.secret not in repr(one) and one.public in repr(one)
    with pytest.raises(ValueError) as caught:
        decode_key(one.secret[:-1] + "~")
    assert one.secret[:-1] not in str(caught.value)


def test_what_is_no_key_is_refused_before_anything_is_opened(
    launch_config: LaunchConfig, keys: SimpleNamespace
) -> None:
    report = LaunchReport(1, 1, 1)
    for make in (
        lambda: ControlServer(launch_config, ["short"]),
        lambda: ControlClient(report, "#" * 40, keys.client),
        lambda: ControlClient(report, keys.server.public, KeyPair("", keys.client.secret)),
    ):
        with pytest.raises(ChannelError) as caught:
            make()
        assert caught.value.code == "bad_keys"


def test_keys_decode_as_zmq_does() -> None:
    for _ in range(200):
        key = new_key_pair().public
        assert decode_key(key) == z85.decode(key)
    for bad in ("", "0" * 39, "0" * 41, "#" * 40, "é" * 40, "0" * 39 + " "):
        with pytest.raises(ValueError):
            decode_key(bad)


@pytest.mark.parametrize(
    ("frames", "good"),
    [
        ([b"1.0", b"7", b"mirage-lsd", b"127.0.0.1", b"", b"CURVE", b"k" * 32], True),
        ([b"1.0", b"7", b"mirage-lsd", b"127.0.0.1", b"", b"CURVE", b"x" * 32], False),
        ([b"1.0", b"7", b"mirage-lsd", b"127.0.0.1", b"", b"NULL"], False),
        ([b"1.0", b"7", b"mirage-lsd", b"127.0.0.1", b"", b"PLAIN", b"k" * 32, b"p"], False),
        ([b"1.0", b"7", b"global", b"127.0.0.1", b"", b"CURVE", b"k" * 32], False),
    ],
)
def test_who_may_connect(frames: list[bytes], good: bool) -> None:
    said, answer = zap_answer(frames, {b"k" * 32})
    assert said is good
    assert (answer[:2], answer[2]) == ([b"1.0", b"7"], b"200" if good else b"400")
    assert len(answer) == 6

# SPDX-License-Identifier: Apache-2.0
"""A rightful client's bytes, recorded and said again: the real worker and look store do and say nothing.

All that comes back is the greeting and the handshake's next step, which say no more than that a CURVE server is there.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from relay import Relay, replay
from worker_owner import WorkerOwner

from mirage_lsd.obs_script.looks.look_server import LookServer
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.shared.channel.channel import ControlClient
from mirage_lsd.shared.channel.endpoints import LaunchReport
from mirage_lsd.shared.channel.look_address import FILE_NAME, LookAddress
from mirage_lsd.shared.channel.session_folder import SessionFolder
from mirage_lsd.shared.errors import ChannelTimeout
from mirage_lsd.shared.messages.look_commands import Talk
from mirage_lsd.shared.messages.worker_commands import GetStatus, Ping, Shutdown
from mirage_lsd.worker.programs.look_client import LookClient

GREETING_BYTES = 64
WELCOME_BYTES = 2 + 168
"""ZeroMQ's greeting and CURVE's WELCOME (RFC 26): all that a server says before it knows who is there."""


@pytest.fixture
def owner() -> Iterator[WorkerOwner]:
    with WorkerOwner() as owner:
        yield owner


def by_way_of(relays: tuple[Relay, Relay], owner: WorkerOwner) -> ControlClient:
    report = LaunchReport(relays[0].port, relays[1].port, owner.report.pid)
    return ControlClient(report, owner.server_public_key, owner.keys)


@pytest.fixture
def relays(owner: WorkerOwner) -> Iterator[tuple[Relay, Relay]]:
    with Relay(owner.report.control_port) as control, Relay(owner.report.events_port) as events:
        yield control, events


def test_a_recorded_shutdown_said_again_ends_no_worker(owner: WorkerOwner, relays: tuple[Relay, Relay]) -> None:
    control, events = relays
    client = by_way_of(relays, owner)
    assert client.request(Ping(1)).sent_ns == 1
    control.hold = True
    with pytest.raises(ChannelTimeout):
        client.request(Shutdown("held back by somebody in the middle"), timeout_s=1.0)
    client.close()
    (pieces,) = control.said
    bad_before = owner.client.request(GetStatus()).bad_messages
    assert GREETING_BYTES <= len(replay(owner.report.control_port, pieces)) <= GREETING_BYTES + WELCOME_BYTES
    assert len(replay(owner.report.control_port, [b"".join(pieces)])) <= GREETING_BYTES + WELCOME_BYTES
    assert len(replay(owner.report.events_port, events.said[0])) <= GREETING_BYTES + WELCOME_BYTES
    assert owner.client.request(GetStatus()).bad_messages > bad_before, "the attempts are counted"
    assert owner.process.poll() is None


def test_a_message_said_twice_on_its_own_connection_is_taken_once(owner, relays) -> None:
    """The nonce of each CURVE message must be higher than the one before: the connection is dropped."""
    client = by_way_of(relays, owner)
    client.request(Ping(1))
    relays[0].echo = True
    with pytest.raises(ChannelTimeout):
        for number in range(20):
            client.request(Ping(number), timeout_s=1.0)
            assert client.ignored == 0, "no second answer"
            time.sleep(0.1)
    client.close()
    assert owner.client.request(Ping(2)).sent_ns == 2


class ServerInTheMiddle:
    """A real look store, a controller's address that leads through relays, and what the look store has heard."""

    def __init__(self, stack: ExitStack) -> None:
        session = SessionFolder.create()
        stack.callback(session.close)
        self.heard: list[bool] = []
        server = LookServer(LookStore(lambda: None), session, self.heard.append)
        server.start()
        stack.callback(server.stop)
        with open(session.path_of(FILE_NAME), encoding="utf-8") as file:
            self.address = LookAddress.from_line(file.read())
        ports = self.address.control_port, self.address.events_port
        self.control, self.events = (stack.enter_context(Relay(port)) for port in ports)
        self.through = dataclasses.replace(
            self.address, control_port=self.control.port, events_port=self.events.port
        )


@pytest.fixture
def middle() -> Iterator[ServerInTheMiddle]:
    with ExitStack() as stack:
        yield ServerInTheMiddle(stack)


def test_a_recorded_command_said_again_changes_nothing_in_the_look_store(middle: ServerInTheMiddle) -> None:
    with LookClient("rightful", middle.through) as client:
        client.request(Talk(True))
    assert middle.heard == [True]
    (pieces,) = middle.control.said
    assert GREETING_BYTES <= len(replay(middle.address.control_port, pieces)) <= GREETING_BYTES + WELCOME_BYTES
    assert len(replay(middle.address.control_port, [b"".join(pieces)])) <= GREETING_BYTES + WELCOME_BYTES
    assert len(replay(middle.address.events_port, middle.events.said[0])) <= GREETING_BYTES + WELCOME_BYTES
    with LookClient("rightful", middle.address) as client:
        client.request(Talk(False))
    assert middle.heard == [True, False], "what was replayed was not heard"


def test_a_command_said_twice_on_its_own_connection_is_done_once(middle: ServerInTheMiddle) -> None:
    with LookClient("rightful", middle.through, listen=False) as client:
        middle.control.echo = True
        with suppress(ChannelTimeout):
            client.request(Talk(True))
    assert middle.heard == [True]
    with LookClient("rightful", middle.address) as client:
        client.request(Talk(False))
    assert middle.heard == [True, False]

# SPDX-License-Identifier: Apache-2.0
"""A control server with its thread, and clients of it: what the channel's tests share."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import zmq

from mirage_lsd.shared.channel.channel import ControlClient, ControlServer, Request, new_key_pair
from mirage_lsd.shared.channel.curve import KeyPair
from mirage_lsd.shared.channel.endpoints import LaunchConfig, LaunchReport
from mirage_lsd.shared.messages import worker_commands, worker_events


@dataclass
class ControlWorker:
    """A server with its control thread: answers Ping; stays silent to CloseStream; refuses the rest."""

    server: ControlServer
    report: LaunchReport
    thread: threading.Thread | None = None
    ending: bool = False
    loops: int = 0
    unanswered: list[Request] = field(default_factory=list)

    def run(self) -> None:
        while not self.ending:
            self.loops += 1
            for request in self.server.receive():
                if isinstance(request.message, worker_commands.Ping):
                    self.server.reply(request, worker_events.Pong(request.message.sent_ns, 1))
                elif isinstance(request.message, worker_commands.CloseStream):
                    self.unanswered.append(request)
                else:
                    refusal = worker_events.ErrorReply("unknown_preset", "there is no such preset", "preset")
                    self.server.reply(request, refusal)

    def stop(self) -> None:
        self.ending = True
        self.server.wake()
        self.thread.join(30)
        self.server.close()


@pytest.fixture(scope="session")
def keys() -> SimpleNamespace:
    """Key pairs: the server's, a client's, and another client's that is allowed too."""
    return SimpleNamespace(server=new_key_pair(), client=new_key_pair(), other=new_key_pair())


@pytest.fixture
def launch_config(keys: SimpleNamespace) -> LaunchConfig:
    return LaunchConfig("/nowhere", "bell", keys.server.public, keys.server.secret, keys.client.public)


@pytest.fixture
def launch(keys: SimpleNamespace, launch_config: LaunchConfig) -> Callable[[], ControlWorker]:
    """Starts a worker's control end; the caller stops it."""

    def start() -> ControlWorker:
        server = ControlServer(launch_config, [keys.other.public])
        worker = ControlWorker(server, LaunchReport(server.control_port, server.events_port, os.getpid()))
        worker.thread = threading.Thread(target=worker.run)
        worker.thread.start()
        return worker

    return start


@pytest.fixture
def control_worker(launch: Callable[[], ControlWorker]) -> Iterator[ControlWorker]:
    made = launch()
    yield made
    made.stop()


@pytest.fixture
def control_client(control_worker: ControlWorker, keys: SimpleNamespace) -> Iterator[ControlClient]:
    made = ControlClient(control_worker.report, keys.server.public, keys.client)
    yield made
    made.close()


@pytest.fixture
def raw_socket() -> Iterator[Callable[..., zmq.Socket]]:
    """Makes a bare zmq socket connected to a port, with keys (or None) and the server key it expects."""
    context = zmq.Context()

    def connect(kind: int, port: int, own: KeyPair | None, server_key: str) -> zmq.Socket:
        made = context.socket(kind)
        made.linger = 0
        if own is not None:
            made.curve_serverkey = server_key.encode()
            made.curve_publickey, made.curve_secretkey = own.public.encode(), own.secret.encode()
        made.connect(f"tcp://127.0.0.1:{port}")
        return made

    yield connect
    context.destroy(linger=0)

# SPDX-License-Identifier: Apache-2.0
"""The control channel: both ends, and the only place that imports zmq.

The worker's control thread owns a ControlServer: a ROUTER socket for requests and replies and a PUB socket
for events, both on the loopback interface, both CURVE servers. Each client thread owns a ControlClient.
Invariants: only holders of a client key on the allow list (curve.py's rule, asked in `receive`) get a
connection; bytes that are no message get a typed ErrorReply and are counted, never an exception; nothing
waits at exit (linger 0); a server or client takes its zmq context with it when closed.
"""

from __future__ import annotations

import socket
import time
from collections import Counter, deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import zmq

from mirage_lsd.shared.channel import wire
from mirage_lsd.shared.channel.curve import ZAP_DOMAIN, KeyPair, raw_key, zap_answer
from mirage_lsd.shared.channel.endpoints import HOST, LaunchConfig, LaunchReport
from mirage_lsd.shared.errors import ChannelError, ChannelTimeout, RequestRefused, WireError
from mirage_lsd.shared.messages.worker_events import MAX_TEXT_CHARS, ErrorReply

MAX_TRANSPORT_BYTES = 1 << 20  # above: the connection is dropped; from wire's limit up to this: a typed refusal
_ZAP_ADDRESS = "inproc://zeromq.zap.01"
_MAX_BATCH = 100


def new_key_pair() -> KeyPair:
    """A fresh key pair for one end of one launch."""
    public, secret = zmq.curve_keypair()
    return KeyPair(public.decode(), secret.decode())


@dataclass(frozen=True)
class Request:
    """A decoded request: whom to answer, under which id, and the command."""

    client: bytes
    request_id: int
    message: Any


class ControlServer:
    """The worker's end. One thread constructs it, calls `receive` in a loop and closes it; `reply` and
    `publish` may be called from any thread, they only queue and wake that one."""

    def __init__(self, config: LaunchConfig, more_client_keys: Iterable[str] = ()) -> None:
        """Bind both sockets to free ports. `more_client_keys`: public keys allowed besides the config's."""
        self.counters: Counter[str] = Counter()  # by WireError code; denied_key, failed_handshake
        self._allowed = {raw_key(text) for text in (config.client_public_key, *more_client_keys)}
        self._outbox: deque[tuple[bytes | None, bytes]] = deque()
        self._wakes = socket.socketpair()  # to ring, to be woken
        for end in self._wakes:
            end.setblocking(False)
        self._context = zmq.Context()
        self._poller = zmq.Poller()
        self._zap = self._context.socket(zmq.REP)
        self._zap.bind(_ZAP_ADDRESS)
        self._requests = self._curve_server(zmq.ROUTER, config)
        self._events = self._curve_server(zmq.PUB, config)
        failures = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        self._monitor = self._requests.get_monitor_socket(failures)
        self.control_port = self._bind(self._requests)
        self.events_port = self._bind(self._events)
        for readable in (self._zap, self._requests, self._monitor, self._wakes[1]):
            self._poller.register(readable, zmq.POLLIN)

    def receive(self, timeout_ms: int | None = None) -> list[Request]:
        """Sleep until a request, a wake-up or the timeout (None: no timeout); send what is queued.

        Returns the valid requests that came, perhaps none. Others were answered and counted.
        """
        self._flush()
        ready = dict(self._poller.poll(timeout_ms))
        if self._wakes[1].fileno() in ready:
            self._wakes[1].recv(4096)
        if self._zap in ready:
            self._drain(self._zap, self._authenticate)
        if self._monitor in ready:
            self._drain(self._monitor, lambda _: self.counters.update(failed_handshake=1))
        requests: list[Request] = []
        if self._requests in ready:
            self._drain(self._requests, lambda frames: self._take(frames, requests))
        self._flush()
        return requests

    def reply(self, request: Request, message: Any) -> None:
        """Answer a request with an event. Raises WireError if it cannot be encoded."""
        self._queue(request.client, wire.encode(message, request.request_id))

    def publish(self, event: Any) -> None:
        """Tell all clients. A client too slow to read loses events, never delays anyone."""
        self._queue(None, wire.encode(event))

    def wake(self) -> None:
        """Make `receive` return now. Safe from any thread."""
        with suppress(BlockingIOError):  # full: plenty of wake-ups are pending already
            self._wakes[0].send(b"\0")

    def close(self) -> None:
        """Close sockets and context. Idempotent."""
        if not self._context.closed:
            self._flush()
            self._requests.disable_monitor()
            self._context.destroy(linger=0)
            for end in self._wakes:
                end.close()

    def _curve_server(self, kind: int, config: LaunchConfig) -> zmq.Socket:
        made = self._context.socket(kind)
        made.curve_server = True
        made.curve_publickey = config.server_public_key.encode()
        made.curve_secretkey = config.server_secret_key.encode()
        made.zap_domain = ZAP_DOMAIN
        made.maxmsgsize = MAX_TRANSPORT_BYTES
        made.linger = 0
        return made

    def _bind(self, made: zmq.Socket) -> int:
        try:
            return made.bind_to_random_port(f"tcp://{HOST}")
        except zmq.ZMQError as error:
            raise ChannelError(f"no free port on {HOST}: {error.strerror}", "cannot_bind") from error

    def _drain(self, made: zmq.Socket, handle: Any) -> None:
        for _ in range(_MAX_BATCH):
            try:
                frames = made.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            handle(frames)

    def _authenticate(self, frames: list[bytes]) -> None:
        good, answer = zap_answer(frames, self._allowed)
        self.counters["denied_key"] += not good
        self._zap.send_multipart(answer)

    def _take(self, frames: list[bytes], requests: list[Request]) -> None:
        client = frames[0]
        try:
            if len(frames) != 2:
                raise WireError(f"a message is one frame, not {len(frames) - 1}", "malformed")
            requests.append(Request(client, *wire.decode(frames[1])))
        except WireError as error:
            self.counters[error.code] += 1
            reply = ErrorReply(error.code, str(error)[:MAX_TEXT_CHARS], error.field)
            self._outbox.append((client, wire.encode(reply, error.request_id)))

    def _queue(self, client: bytes | None, data: bytes) -> None:
        self._outbox.append((client, data))
        self.wake()

    def _flush(self) -> None:
        while self._outbox:
            client, data = self._outbox.popleft()
            if client is None:
                self._events.send(data)
            else:
                self._requests.send_multipart([client, data])


class ControlClient:
    """A client's end; constructed, used and closed by one thread.

    Events published before the subscription is through are lost (some ms after connecting): ask with
    GetStatus for what matters.
    """

    def __init__(self, report: LaunchReport, server_public_key: str, keys: KeyPair) -> None:
        for text in (server_public_key, keys.public, keys.secret):
            raw_key(text)
        self.ignored = 0  # late replies, and bytes that are no message
        self._last_id = 0
        self._context = zmq.Context()
        self._requests = self._connect(zmq.DEALER, report.control_port, server_public_key, keys)
        self._events = self._connect(zmq.SUB, report.events_port, server_public_key, keys)
        self._events.subscribe(b"")

    def request(self, command: Any, timeout_s: float = 2.0) -> Any:
        """Send a command and wait for its reply.

        Raises ChannelTimeout if none comes in time (nothing is then left queued for an unconnected worker),
        RequestRefused if the worker answers with an ErrorReply, WireError if the command cannot be encoded.
        """
        self._check_open()
        self._last_id += 1
        data = wire.encode(command, self._last_id)
        deadline = time.monotonic() + timeout_s
        if not self._wait(self._requests, zmq.POLLOUT, deadline):
            raise ChannelTimeout(f"the worker was not reached within {timeout_s:g} s: is it running?")
        self._requests.send(data, zmq.NOBLOCK)
        while self._wait(self._requests, zmq.POLLIN, deadline):
            request_id, reply = self._receive(self._requests)
            if request_id != self._last_id or reply is None:
                self.ignored += 1
            elif isinstance(reply, ErrorReply):
                raise RequestRefused(reply.text, reply.code, reply.field)
            else:
                return reply
        raise ChannelTimeout(f"the worker did not answer {type(command).__name__} within {timeout_s:g} s")

    def events(self, timeout_s: float = 0.0) -> list[Any]:
        """The events that came; sleeps up to timeout_s for the first one."""
        self._check_open()
        events, deadline = [], time.monotonic() + timeout_s
        while len(events) < _MAX_BATCH and self._wait(self._events, zmq.POLLIN, 0.0 if events else deadline):
            event = self._receive(self._events)[1]
            if event is None:
                self.ignored += 1
            else:
                events.append(event)
        return events

    def close(self) -> None:
        """Close sockets and context, discarding what is not sent. Idempotent."""
        self._context.destroy(linger=0)

    def _connect(self, kind: int, port: int, server_public_key: str, keys: KeyPair) -> zmq.Socket:
        made = self._context.socket(kind)
        made.curve_serverkey = server_public_key.encode()
        made.curve_publickey = keys.public.encode()
        made.curve_secretkey = keys.secret.encode()
        made.maxmsgsize = MAX_TRANSPORT_BYTES
        made.immediate = True
        made.linger = 0
        made.connect(f"tcp://{HOST}:{port}")
        return made

    @staticmethod
    def _wait(made: zmq.Socket, what: int, deadline: float) -> bool:
        return made.poll(max(0, round((deadline - time.monotonic()) * 1000)), what) != 0

    @staticmethod
    def _receive(made: zmq.Socket) -> tuple[int, Any]:
        frames = made.recv_multipart()
        try:
            return wire.decode(frames[-1])
        except WireError:
            return 0, None

    def _check_open(self) -> None:
        if self._context.closed:
            raise ChannelError("the control channel was closed: connect again", "closed")

# SPDX-License-Identifier: Apache-2.0
"""The worker's ear: a thread that owns the control sockets and hands commands to the loop.

Invariant: the sockets are touched by this thread only; commands are answered by the loop thread, one at a time
and in order, so a reply to Ping proves that frames are still being taken.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from queue import Empty, SimpleQueue

from mirage_lsd.shared.channel import ControlServer
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.events import ErrorReply, Event

log = logging.getLogger(__name__)
POLL_MS = 50
ANSWER_WITHIN_S = 5.0
EVENTS_KEPT = 256


class ControlThread(threading.Thread):
    """Receives on `server`, rings `doorbell` for each command, sends replies and broadcasts."""

    def __init__(self, server: ControlServer, doorbell) -> None:
        super().__init__(name="control", daemon=True)
        self._server = server
        self._doorbell = doorbell
        self._commands: SimpleQueue = SimpleQueue()
        # Oldest events are given up first: a client that wants the truth asks GetStatus.
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._stopping = threading.Event()

    def take(self) -> tuple[object, Future] | None:
        """The next command and the future its answer goes into, or None. Called by the loop thread."""
        try:
            return self._commands.get_nowait()
        except Empty:
            return None

    def publish(self, event: Event) -> None:
        """Queues a broadcast. Called by the loop thread; never blocks."""
        self._events.append(event)

    def stop(self) -> None:
        """Sends what is queued, closes the sockets and ends the thread."""
        self._stopping.set()
        self.join(ANSWER_WITHIN_S)

    def run(self) -> None:
        while not self._stopping.is_set():
            request = self._server.receive(POLL_MS)
            if request is not None:
                self._server.reply(request, self._answer(request.message))
            self._send_events()
        self._send_events()
        self._server.close()

    def _answer(self, command: object) -> Event:
        answer: Future = Future()
        self._commands.put((command, answer))
        self._doorbell.ring()
        try:
            return answer.result(ANSWER_WITHIN_S)
        except MirageError as error:
            return error_reply(error)
        except FutureTimeout:
            return ErrorReply("busy", f"the worker did not answer within {ANSWER_WITHIN_S:.0f} s; try again")

    def _send_events(self) -> None:
        while self._events:
            self._server.publish(self._events.popleft())


def error_reply(error: MirageError) -> ErrorReply:
    """The error as a reply: machine-readable code, text for people, field where one is to blame."""
    return ErrorReply(error.code, str(error)[:2000], getattr(error, "field", "") or "")

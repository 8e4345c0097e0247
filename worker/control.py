# SPDX-License-Identifier: Apache-2.0
"""The worker's ear: a thread that owns the control sockets and hands requests to the loop.

Invariant: commands are answered by the loop thread, one at a time and in order, so a reply to Ping proves that
frames are still being taken.
"""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue

from mirage_lsd.shared.channel.channel import ControlServer, Request
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.worker_events import MAX_TEXT_CHARS, ErrorReply, Event

STOP_WITHIN_S = 2.0
FAREWELL_S = 0.1


class ControlThread(threading.Thread):
    """Receives on `server` and rings `doorbell` for each request; owns the server and closes it."""

    def __init__(self, server: ControlServer, doorbell) -> None:
        super().__init__(name="control", daemon=True)
        self._server = server
        self._doorbell = doorbell
        self._requests: SimpleQueue[Request] = SimpleQueue()
        self._stopping = threading.Event()

    @property
    def bad_messages(self) -> int:
        """Messages and connections refused so far."""
        return sum(self._server.counters.values())

    def take(self) -> Request | None:
        """The next request, or None. Called by the loop thread."""
        try:
            return self._requests.get_nowait()
        except Empty:
            return None

    def reply(self, request: Request, answer: Event) -> None:
        """Answers a request. Called by the loop thread; only queues."""
        self._server.reply(request, answer)

    def publish(self, event: Event) -> None:
        """Tells all clients. Called by the loop thread; only queues."""
        self._server.publish(event)

    def stop(self) -> None:
        """Sends what is queued, closes the sockets and ends the thread."""
        self._stopping.set()
        self._server.wake()
        self.join(STOP_WITHIN_S)

    def run(self) -> None:
        while not self._stopping.is_set():
            for request in self._server.receive():
                self._requests.put(request)
                self._doorbell.ring()
        # Sockets are closed without lingering: give the last reply time to leave. A wake-up may end a receive early.
        until_s = time.monotonic() + FAREWELL_S
        while (left_s := until_s - time.monotonic()) > 0:
            self._server.receive(round(left_s * 1000))
        self._server.close()


def error_reply(error: MirageError) -> ErrorReply:
    """The error as a reply: machine-readable code, text for people, field where one is to blame."""
    return ErrorReply(error.code, str(error)[:MAX_TEXT_CHARS], getattr(error, "field", ""))

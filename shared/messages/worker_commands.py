# SPDX-License-Identifier: Apache-2.0
"""Worker commands: what the OBS half asks of the worker. Each is answered by one event of worker_events.py.

Built by the asking side, decoded by the worker's control thread (wire.py). Invariant: an instance is valid.
Every dataclass here is a message; its name on the wire is its class name in snake_case.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirage_lsd.shared.messages.fields import Checked, integer, nested, string
from mirage_lsd.shared.messages.settings import MAX_NAME_CHARS, StreamSettings
from mirage_lsd.shared.release import MAX_RELEASE_CHARS

PROTOCOL = 1
MAX_RING_NAME_CHARS = 500


class WorkerCommand(Checked):
    """Base of what the worker is asked."""


@dataclass(frozen=True)
class Hello(WorkerCommand):
    """First word of a client. Answer: Welcome, or ErrorReply if the protocols differ. release: the client's, by which
    the worker knows its own OBS half; "" for a program that is not part of this project."""

    protocol: int = integer(0, 1_000_000)
    client_name: str = string(MAX_NAME_CHARS)
    release: str = string(MAX_RELEASE_CHARS, default="")


@dataclass(frozen=True)
class OpenStream(WorkerCommand):
    """Serve a filter. stream_id names it for good; input_ring and output_ring are file names in the session
    folder; epoch is that of both rings. Sent again with a higher epoch it replaces the rings.
    Answer: StreamOpened."""

    stream_id: int = integer(0)
    epoch: int = integer(0)
    input_ring: str = string(MAX_RING_NAME_CHARS, min_chars=1)
    output_ring: str = string(MAX_RING_NAME_CHARS, min_chars=1)


@dataclass(frozen=True)
class CloseStream(WorkerCommand):
    """Stop serving a filter whose rings have this epoch. Answer: Done."""

    stream_id: int = integer(0)
    epoch: int = integer(0)


@dataclass(frozen=True)
class ApplySettings(WorkerCommand):
    """From the next frame on use these settings; generation rises with every change. Answer: Done."""

    stream_id: int = integer(0)
    generation: int = integer(0)
    settings: StreamSettings = nested(StreamSettings)


@dataclass(frozen=True)
class GetStatus(WorkerCommand):
    """Answer: StatusReport."""


@dataclass(frozen=True)
class Ping(WorkerCommand):
    """Heartbeat. sent_ns: the sender's shared.clock time. Answer: Pong."""

    sent_ns: int = integer(0)


@dataclass(frozen=True)
class Shutdown(WorkerCommand):
    """End the worker; reason goes to its log. Answer: Done, sent before it ends."""

    reason: str = string(200, default="")

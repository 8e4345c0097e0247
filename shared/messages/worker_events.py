# SPDX-License-Identifier: Apache-2.0
"""Worker events: what the worker tells. Replies go to the asker under its request id, broadcasts to all under id 0.

Built by the worker, decoded by clients (wire.py). Invariant: an instance is valid. Every dataclass here is a
message; its name on the wire is its class name in snake_case.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirage_lsd.shared.messages.fields import Checked, flag, integer, nested_many, number, string, strings

MAX_WORD_CHARS = 64
MAX_NAMES = 256
MAX_TEXT_CHARS = 2000
MAX_STREAMS = 64


class Event(Checked):
    """Base of everything that is told over a control channel, by the worker or the look server."""


@dataclass(frozen=True)
class Welcome(Event):
    """Reply to Hello: who the worker is and what it can do. version: its release. pid: its process id.
    device_names: of `devices`, in the same order, for people."""

    protocol: int = integer(0, 1_000_000)
    version: str = string(MAX_WORD_CHARS)
    pid: int = integer(0)
    pipelines: tuple[str, ...] = strings(MAX_WORD_CHARS, MAX_NAMES)
    devices: tuple[str, ...] = strings(MAX_WORD_CHARS, MAX_NAMES)
    device_names: tuple[str, ...] = strings(MAX_TEXT_CHARS, MAX_NAMES, default=())


@dataclass(frozen=True)
class Done(Event):
    """Reply: it was done, nothing to add."""


@dataclass(frozen=True)
class StreamOpened(Event):
    """Reply to OpenStream: the rings of this epoch are mapped; older ones are no longer touched."""

    stream_id: int = integer(0)
    epoch: int = integer(0)


@dataclass(frozen=True)
class Pong(Event):
    """Reply to Ping: its sent_ns, and when it was answered (shared.clock, ns)."""

    sent_ns: int = integer(0)
    replied_ns: int = integer(0)


@dataclass(frozen=True)
class ErrorReply(Event):
    """Reply: refused. code: for programs. text: what is wrong and how to mend it. field: which, or empty."""

    code: str = string(MAX_WORD_CHARS, min_chars=1)
    text: str = string(MAX_TEXT_CHARS)
    field: str = string(200, default="")


@dataclass(frozen=True)
class Ready(Event):
    """Broadcast: the model is loaded and warm. load_ms: how long that took, in milliseconds."""

    device: str = string(MAX_WORD_CHARS)
    model: str = string(MAX_WORD_CHARS)
    engine: str = string(MAX_WORD_CHARS)
    load_ms: float = number()


@dataclass(frozen=True)
class Stats(Event):
    """Broadcast about once a second for each stream. Latency: captured to result published, milliseconds,
    over the last second. processed, dropped: frames since the stream was opened."""

    stream_id: int = integer(0)
    fps: float = number()
    latency_ms_p50: float = number()
    latency_ms_p95: float = number()
    processed: int = integer(0)
    dropped: int = integer(0)
    generation: int = integer(0)
    device: str = string(MAX_WORD_CHARS)


@dataclass(frozen=True)
class State(Event):
    """Broadcast when a stream's state changes. state: one word. text: for the user's status line."""

    stream_id: int = integer(0)
    state: str = string(MAX_WORD_CHARS, min_chars=1)
    text: str = string(MAX_TEXT_CHARS)
    generation: int = integer(0)


@dataclass(frozen=True)
class StatusReport(Event):
    """Reply to GetStatus. uptime_s: seconds since the start. resident_bytes: memory. ready: model loaded.
    bad_messages: refused so far. streams: the last Stats of each open stream."""

    uptime_s: float = number()
    ready: bool = flag()
    device: str = string(MAX_WORD_CHARS)
    model: str = string(MAX_WORD_CHARS)
    engine: str = string(MAX_WORD_CHARS)
    resident_bytes: int = integer(0)
    bad_messages: int = integer(0)
    streams: tuple[Stats, ...] = nested_many(Stats, MAX_STREAMS, default=())

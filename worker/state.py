# SPDX-License-Identifier: Apache-2.0
"""What the worker is asked to do, as a value: `apply(state, command)` returns the next state.

Called by the worker's loop thread. Invariant: pure; opens no ring, touches no socket. `worker/service.py`
makes the world match the state that comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.messages.worker_commands import ApplySettings, CloseStream, OpenStream, Shutdown


class UnknownStreamError(MirageError):
    """A command names a stream that is not open."""

    code = "unknown_stream"


class StaleGenerationError(MirageError):
    """Settings older than those already applied: a newer writer has won."""

    code = "stale_generation"


class StaleEpochError(MirageError):
    """A ring older than the one in use."""

    code = "stale_epoch"


@dataclass(frozen=True)
class StreamState:
    """One filter instance as the worker sees it: its rings and the settings to render under."""

    stream_id: int
    epoch: int
    input_ring: str
    output_ring: str
    settings: StreamSettings = field(default_factory=StreamSettings)
    generation: int = 0


@dataclass(frozen=True)
class WorkerState:
    """Every open stream by id, and whether the worker has been told to stop."""

    streams: Mapping[int, StreamState] = field(default_factory=lambda: MappingProxyType({}))
    stopping: bool = False

    def with_stream(self, stream: StreamState) -> WorkerState:
        """This state with `stream` added or replaced."""
        return replace(self, streams=MappingProxyType({**self.streams, stream.stream_id: stream}))

    def without_stream(self, stream_id: int) -> WorkerState:
        """This state with the stream gone."""
        rest = {key: value for key, value in self.streams.items() if key != stream_id}
        return replace(self, streams=MappingProxyType(rest))

    def stream(self, stream_id: int) -> StreamState:
        """The open stream, or UnknownStreamError."""
        if stream_id not in self.streams:
            known = ", ".join(str(key) for key in self.streams) or "none"
            raise UnknownStreamError(f"stream {stream_id} is not open (open: {known}); send open_stream first")
        return self.streams[stream_id]


def apply(state: WorkerState, command: object) -> WorkerState:
    """The state after `command`; commands that only ask (hello, ping, get_status) change nothing.

    Raises UnknownStreamError, StaleGenerationError or StaleEpochError; the state is then unchanged.
    """
    if isinstance(command, OpenStream):
        return _open(state, command)
    if isinstance(command, CloseStream):
        return _close(state, command)
    if isinstance(command, ApplySettings):
        return _apply_settings(state, command)
    if isinstance(command, Shutdown):
        return replace(state, stopping=True)
    return state


def _open(state: WorkerState, command: OpenStream) -> WorkerState:
    old = state.streams.get(command.stream_id)
    if old is not None and command.epoch <= old.epoch:
        raise StaleEpochError(
            f"stream {command.stream_id} already uses ring epoch {old.epoch}; "
            f"epoch {command.epoch} must be higher to replace it"
        )
    base = old or StreamState(command.stream_id, command.epoch, command.input_ring, command.output_ring)
    return state.with_stream(
        replace(base, epoch=command.epoch, input_ring=command.input_ring, output_ring=command.output_ring)
    )


def _close(state: WorkerState, command: CloseStream) -> WorkerState:
    stream = state.stream(command.stream_id)
    # A close that was overtaken by a newer open of the same id must not close the new one.
    return state if stream.epoch > command.epoch else state.without_stream(command.stream_id)


def _newer(stream: StreamState, generation: int) -> None:
    if generation < stream.generation:
        raise StaleGenerationError(
            f"stream {stream.stream_id} already renders settings generation {stream.generation}; "
            f"generation {generation} is older and was not applied"
        )


def _apply_settings(state: WorkerState, command: ApplySettings) -> WorkerState:
    stream = state.stream(command.stream_id)
    _newer(stream, command.generation)
    return state.with_stream(replace(stream, settings=command.settings, generation=command.generation))

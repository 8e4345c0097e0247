# SPDX-License-Identifier: Apache-2.0
"""The worker's housekeeping around the loop: commands in, state kept, streams opened and closed, figures out.

Called by the worker's main thread (loop.py). Invariant: after `obey`, the open streams match the state, and every
command has been answered exactly once.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

import psutil

from mirage_lsd.shared.errors import MirageError, OtherRelease
from mirage_lsd.shared.messages import worker_commands, worker_events
from mirage_lsd.shared.release import RELEASE
from mirage_lsd.worker import state as states
from mirage_lsd.worker.control import ControlThread, error_reply
from mirage_lsd.worker.hosts.models_host import ModelsHost
from mirage_lsd.worker.stage_order import PIPELINES
from mirage_lsd.worker.stream import Stream

log = logging.getLogger(__name__)
REPORT_EVERY_S = 1.0
FAILURES_UNTIL_REPORTED = 3


class Service:
    """doorbell: wakes the loop; control: the sockets' thread; path_of: where a ring named in a message lies."""

    def __init__(self, doorbell, control: ControlThread, models: ModelsHost, path_of: Callable[[str], str]) -> None:
        self.doorbell = doorbell
        self._control = control
        self._models = models
        self._path_of = path_of
        self._state = states.WorkerState()
        self._streams: dict[int, Stream] = {}
        self._reported_states: dict[int, tuple[str, str]] = {}
        self._started_s = self._reported_s = time.monotonic()
        self._reported_host: object = None

    @property
    def stopping(self) -> bool:
        """Whether a Shutdown command has been obeyed."""
        return self._state.stopping

    def streams(self) -> list[Stream]:
        """The open streams."""
        return list(self._streams.values())

    def wait_s(self, longest_s: float) -> float:
        """How long the loop may sleep: until a rate-capped stream is due, at most `longest_s`."""
        return min((stream.wait_s(longest_s) for stream in self._streams.values()), default=longest_s)

    def obey(self) -> None:
        """Answers every command that has arrived."""
        while (request := self._control.take()) is not None:
            try:
                self._control.reply(request, self._answer(request.message))
            except MirageError as error:
                log.info("refused %s: %s", type(request.message).__name__, error)
                self._control.reply(request, error_reply(error))

    def report(self) -> None:
        """Broadcasts Ready once, states when they change, and figures about once a second."""
        self._report_host()
        for stream in self._streams.values():
            self._report_state(stream.stream_id, *self._describe(stream))
        now_s = time.monotonic()
        if now_s - self._reported_s >= REPORT_EVERY_S:
            self._reported_s = now_s
            self._reported_states = {}  # once more, for clients that came late
            for stream in self._streams.values():
                self._control.publish(self._stats(stream))

    def frame_failed(self, stream: Stream, error: Exception) -> None:
        """Books a failed frame: the stream starts afresh; from the third in a row on the user is told."""
        stream.failures_in_a_row += 1
        stream.last_error = str(error) or type(error).__name__
        stream.timings.dropped += 1
        log.warning("stream %s: frame failed: %s", stream.stream_id, stream.last_error)
        stream.reset()

    def close(self) -> None:
        """Closes every stream and lets the models go."""
        for stream in self._streams.values():
            stream.close()
        self._streams = {}
        self._models.close()

    def _answer(self, command: object) -> worker_events.Event:
        if isinstance(command, worker_commands.ApplySettings):
            self._models.check(command.settings)
        after = states.apply(self._state, command)
        self._match(after)
        self._state = after
        return self._reply(command)

    def _match(self, after: states.WorkerState) -> None:
        for stream_id in set(self._streams) - set(after.streams):
            self._streams.pop(stream_id).close()
            self._reported_states.pop(stream_id, None)
        for stream_id, wanted in after.streams.items():
            stream = self._streams.get(stream_id)
            if stream is None:
                self._streams[stream_id] = Stream(wanted, self._models, self._path_of)
            elif wanted is not stream.state:
                stream.update(wanted)

    def _reply(self, command: object) -> worker_events.Event:
        if isinstance(command, worker_commands.Hello):
            return self._welcome(command)
        if isinstance(command, worker_commands.OpenStream):
            return worker_events.StreamOpened(command.stream_id, command.epoch)
        if isinstance(command, worker_commands.Ping):
            return worker_events.Pong(command.sent_ns, time.monotonic_ns())
        if isinstance(command, worker_commands.GetStatus):
            return self._status()
        return worker_events.Done()

    def _welcome(self, command: worker_commands.Hello) -> worker_events.Welcome:
        if command.protocol != worker_commands.PROTOCOL:
            raise MirageError(
                f"the worker speaks protocol {worker_commands.PROTOCOL}, {command.client_name} speaks "
                f"{command.protocol}; install one release on both sides",
                "wrong_protocol",
            )
        if command.release not in ("", RELEASE):
            raise OtherRelease(command.release, RELEASE)
        return worker_events.Welcome(
            worker_commands.PROTOCOL,
            RELEASE,
            os.getpid(),
            PIPELINES,
            self._models.devices(),
            self._models.device_names(),
        )

    def _status(self) -> worker_events.StatusReport:
        host = self._models.largest()
        return worker_events.StatusReport(
            time.monotonic() - self._started_s,
            self._models.tiny.ready,
            host.device,
            host.model,
            host.engine,
            psutil.Process().memory_info().rss,
            self._control.bad_messages,
            tuple(self._stats(stream) for stream in self._streams.values()),
        )

    def _stats(self, stream: Stream) -> worker_events.Stats:
        latency = stream.timings.latency()
        return worker_events.Stats(
            stream.stream_id,
            stream.timings.fps(),
            latency["p50_ms"],
            latency["p95_ms"],
            stream.timings.processed,
            stream.timings.dropped,
            stream.state.generation,
            (stream.choice.host or self._models.tiny).device,
        )

    def _describe(self, stream: Stream) -> tuple[str, str]:
        settings = stream.state.settings
        if not settings.enabled:
            return "off", "switched off: the source is shown untouched"
        if stream.failures_in_a_row >= FAILURES_UNTIL_REPORTED:
            return "failing", f"frames fail: {stream.last_error}"
        choice = self._models.choose(settings)
        if choice.host is None:
            return "loading", choice.text
        if not choice.host.ready:
            return choice.host.state, choice.host.text
        remark = stream.pipeline.remark if stream.pipeline is not None else ""
        return "running", "; ".join(filter(None, (choice.text or choice.host.running_text(settings), remark)))

    def _report_state(self, stream_id: int, state: str, text: str) -> None:
        if self._reported_states.get(stream_id) == (state, text):
            return
        self._reported_states[stream_id] = (state, text)
        generation = self._state.stream(stream_id).generation
        self._control.publish(worker_events.State(stream_id, state, text[: worker_events.MAX_TEXT_CHARS], generation))

    def _report_host(self) -> None:
        """When a model is loaded, and again when another model or engine took over."""
        host = self._models.largest()
        runs = host.model, host.device, host.engine
        if self._models.tiny.ready and runs != self._reported_host:
            self._reported_host = runs
            self._control.publish(worker_events.Ready(host.device, host.model, host.engine, host.load_ms))

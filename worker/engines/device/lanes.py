# SPDX-License-Identifier: Apache-2.0
"""Work on several lanes at once, each piece after exactly what it depends on. Needs torch (through device.py).

    lanes = Lanes(CpuDevice())
    lanes.launch("flow", "flow", work, reads=("source#0", "source#1"), writes=("flow#0",))

A lane is a CUDA stream. Every launch names the buffers it reads and writes; from these `Lanes` puts in the events
that keep lanes apart where, and only where, they share a buffer: a reader waits for the last writer, a writer
for the last writer and all readers since. Called by the pipeline's thread. Invariants: no launch waits on the
host; at most one event a launch, made once and used again (a later record on the same lane only waits for more).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from mirage_lsd.worker.engines.device.device import Device

Spans = list[tuple[str, Any, Any]]
LANES = ("copy_in", "flow", "diffusion", "upscale", "copy_out")


@dataclass
class Use:
    """Who touched a buffer last: its writer as (lane, event), and the readers since by lane."""

    writer: tuple[str, Any] | None = None
    readers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Traced:
    """One entry of a trace. kind: "run", "record" or "wait"; event: a number for each event object."""

    kind: str
    lane: str
    name: str = ""
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    event: int = 0


class Lanes:
    """The lanes of one video stream. separate=False puts all on one lane, to measure what lanes bring.

    timed: also record how long each launch took, told by `times`. trace: a list to note every step in, or None.
    """

    def __init__(self, device: Device, separate: bool = True, timed: bool = False,
                 trace: list[Traced] | None = None) -> None:
        self.device = device
        self._timed = timed
        self._trace = trace
        one = device.new_lane()
        self._lanes = {name: device.new_lane() if separate else one for name in LANES}
        self._uses: dict[str, Use] = {}
        self._events: dict[tuple[str, str], Any] = {}
        self._numbers: dict[int, int] = {}
        self.spans: Spans = []
        self._spare: list[Any] = []

    def launch(self, lane: str, name: str, work: Callable[[], None], reads: Iterable[str] = (),
               writes: Iterable[str] = ()) -> Any:
        """Queues `work` on a lane; returns the event that is done when it is. `name` is its stage in `times`."""
        reads, writes = tuple(reads), tuple(writes)
        for event in self._before(lane, reads, writes):
            self.device.wait(self._lanes[lane], event)
            self._note("wait", lane, event=event)
        with self.device.on(self._lanes[lane]):
            start = self._mark(lane)
            work()
            self._note("run", lane, name=name, reads=reads, writes=writes)
            self._end(name, lane, start)
        return self._after(lane, name, reads, writes)

    def settle(self) -> None:
        """Everything launched later comes after what this thread did on the device before, outside any lane."""
        self.device.settle(self._lanes.values())

    def finish(self) -> None:
        """Waits on the host for all that was launched: before its buffers may go."""
        for event in self._events.values():
            self.device.wait_on_host(event)

    def written(self, buffer: str) -> Any:
        """The event of the buffer's last writer, or None."""
        writer = self._uses.get(buffer, Use()).writer
        return writer[1] if writer else None

    def take_spans(self) -> Spans:
        """What was timed since the last call."""
        spans, self.spans = self.spans, []
        return spans

    def times(self, spans: Spans) -> dict[str, float]:
        """Milliseconds by name. Only when all of it is done, as after waiting for its last event."""
        total: dict[str, float] = {}
        for name, start, end in spans:
            total[name] = total.get(name, 0.0) + self.device.elapsed_ms(start, end)
            self._spare += [start, end]
        return total

    def _before(self, lane: str, reads: tuple[str, ...], writes: tuple[str, ...]) -> list[Any]:
        events: dict[int, Any] = {}
        for buffer in (*reads, *writes):
            use = self._uses.get(buffer)
            if use is None:
                continue
            others = [use.writer] if use.writer else []
            if buffer in writes:
                others += use.readers.items()
            events.update({id(event): event for other, event in others if other != lane})
        return list(events.values())

    def _after(self, lane: str, name: str, reads: tuple[str, ...], writes: tuple[str, ...]) -> Any:
        key = (lane, name + "".join(writes))
        if key not in self._events:
            self._events[key] = self.device.new_event()
        event = self._events[key]
        self.device.record(event, self._lanes[lane])
        self._note("record", lane, event=event)
        for buffer in reads:
            self._uses.setdefault(buffer, Use()).readers[lane] = event
        for buffer in writes:
            self._uses[buffer] = Use((lane, event))
        return event

    def _mark(self, lane: str) -> Any:
        if not self._timed:
            return None
        event = self._spare.pop() if self._spare else self.device.new_event(timed=True)
        self.device.record(event, self._lanes[lane])
        return event

    def _end(self, name: str, lane: str, start: Any) -> None:
        if start is not None:
            self.spans.append((name, start, self._mark(lane)))

    def _note(self, kind: str, lane: str, event: Any = None, **what: Any) -> None:
        if self._trace is not None:
            number = self._numbers.setdefault(id(event), len(self._numbers) + 1) if event is not None else 0
            self._trace.append(Traced(kind, lane, event=number, **what))

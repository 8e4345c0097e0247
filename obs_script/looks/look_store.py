# SPDX-License-Identifier: Apache-2.0
"""The look store: owns every filter's look, takes look commands from any thread, and knows what the worker draws of it.

Hotkeys, controllers, voice, scenes and properties call submit(); the supervisor fetches the looks, tells the worker
and reports back. Invariants: no call waits (the lock is held for a small pure computation only), so a look can be
changed or switched off while the worker hangs; a filter that is off shows its source in OBS's next frame; revisions
are published in their order; whoever commands last wins; each pending is answered exactly once.
"""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from mirage_lsd.obs_script.host.control_block import Area
from mirage_lsd.obs_script.looks import look_state
from mirage_lsd.obs_script.looks.look_state import LookState
from mirage_lsd.obs_script.looks.pending_command import PendingCommand
from mirage_lsd.shared.channel import wire
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.look import MAX_STATUS_CHARS, FilterReport, Look, Preset
from mirage_lsd.shared.messages.look_commands import AS_IT_IS, ApplyPreset, LookCommand, RandomPreset
from mirage_lsd.shared.messages.look_events import LookChanged, LookDone, LookRefused, LooksReport, PresetsChanged
from mirage_lsd.shared.messages.worker_events import MAX_TEXT_CHARS, ErrorReply

WORKER = "worker"
"""Origin of a change that puts a refused look back."""


@dataclasses.dataclass
class _Seat:
    """A filter at the look store. good: the last look that the worker drew. drawn, generation: what it acknowledged.
    previewed: it has a twin on air, which is the one to tell of."""

    slot: Area
    previewed: bool = False
    origin: str = ""
    good: Look | None = None
    drawn: int = 0
    generation: int = 0


class LookStore:
    """`wake`: called when the supervisor has something to fetch. `scene_wish`: the OBS scene a preset asked for."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.RLock()
        self._state = LookState()
        self._seats: dict[int, _Seat] = {}
        self._waiting: list[PendingCommand] = []
        self._running = False
        self._listeners: list[Callable[[Any], None]] = []
        self.presets_file = self.problem = self.scene_wish = ""

    @property
    def state(self) -> LookState:
        """All looks and presets now."""
        return self._state

    def on_event(self, listener: Callable[[Any], None]) -> None:
        """Call `listener` with every event of look_events.py; it must not wait."""
        self._listeners.append(listener)

    def submit(self, command: LookCommand, instance: int = 0) -> PendingCommand:
        """Do a command; `instance`: for this filter alone, whatever its target. Raises LookError, and then nothing has
        changed."""
        with self._lock:
            if isinstance(command, RandomPreset) and command.draw == AS_IT_IS:
                command = dataclasses.replace(command, draw=random.randrange(1 << 30))
            try:
                numbers = [instance] if instance in self._state.filters else self._state.targets(command.target)
                after = look_state.apply(self._state, command, numbers)
            except MirageError as error:
                self._tell(LookRefused(self._state.revision, command.origin, name_of(command), error.code, _cut(error)))
                raise
            self._take(after, command.origin, name_of(command))
            self._wish_scene(command, numbers)
            needs = {number: after.filters[number].revision for number in numbers}
            pending = PendingCommand(command, after.revision, needs)
            self._waiting.append(pending)
            self._answer_waiting()
        self._wake()
        return pending

    def add(self, instance: int, name: str, look: Look, slot: Area) -> None:
        """A filter appears with this look."""
        with self._lock:
            self._seats[instance] = _Seat(slot)
            slot.put("off", int(look.off))
            self._take(look_state.with_filter(self._state, instance, name, look), "obs", "appeared")

    def add_twin(self, instance: int, twin: int, slot: Area) -> None:
        """A filter appears that begins as its twin is now."""
        with self._lock:
            self._seats[instance] = _Seat(slot, good=self._seats[twin].good)
            slot.put("off", int(self._state.filters[twin].look.off))
            self._take(look_state.with_twin(self._state, instance, twin), "obs", "appeared")

    def has(self, instance: int) -> bool:
        """Whether a filter is at the look store."""
        return instance in self._seats

    def set_previewed(self, instances: set[int]) -> None:
        """Which filters have a twin on air."""
        with self._lock:
            shown = [n for n, seat in self._seats.items() if seat.previewed and n not in instances]
            for number, seat in self._seats.items():
                seat.previewed = number in instances
            if shown:  # its look is on air now, and nobody has been told of it
                after = dataclasses.replace(self._state, revision=self._state.revision + 1)
                self._take(after, "obs", "on_air", shown)

    def rename(self, instance: int, name: str) -> None:
        """A filter or its source is called otherwise now."""
        with self._lock:
            self._state = look_state.renamed(self._state, instance, name)

    def remove(self, instance: int) -> None:
        """A filter is gone; its slot is no longer touched."""
        with self._lock:
            if self._seats.pop(instance, None) is not None:
                self._state = look_state.without_filter(self._state, instance)
                self._answer_waiting()

    def set_presets(self, presets: Mapping[str, Preset], problem: str, file: str) -> None:
        """Another list, or the same one with another problem."""
        with self._lock:
            changed = dict(presets) != dict(self._state.presets) or problem != self.problem
            self.problem, self.presets_file = problem[:MAX_TEXT_CHARS], file
            if changed:
                self._take(look_state.with_presets(self._state, presets), "presets", "reread")
                self._tell(PresetsChanged(len(presets), self.problem))
        self._wake()

    def look(self, instance: int) -> tuple[Look, int, str]:
        """A filter's look, the revision of it, and the origin of that."""
        with self._lock:
            one = self._state.filters[instance]
            return one.look, one.revision, self._seats[instance].origin

    def drawn(self, instance: int, revision: int, generation: int) -> None:
        """The worker draws the look of this revision under this generation of the settings."""
        with self._lock:
            seat = self._seats.get(instance)
            if seat is not None and revision >= seat.drawn:
                seat.drawn, seat.generation = revision, generation
                if self._state.filters[instance].revision == revision:
                    seat.good = self._state.filters[instance].look
                self._answer_waiting()

    def refused(self, instance: int, look: Look, revision: int, error: MirageError) -> None:
        """The worker does not know what this look asks for: put the last good one back and tell who asked."""
        with self._lock:
            seat = self._seats.get(instance)
            if seat is None:
                return
            answer = ErrorReply(error.code, _cut(error), getattr(error, "field", ""))
            asked = [one for one in self._waiting if one.needs.get(instance, revision + 1) <= revision]
            self._waiting = [one for one in self._waiting if one not in asked]
            origin, command = seat.origin, name_of(asked[-1].command) if asked else "look"
            good = seat.good if seat.good is not None else Look(off=look.off)
            self._take(look_state.put_back(self._state, instance, look, good), f"{WORKER}:{origin}", "put_back")
            self._tell(LookRefused(self._state.revision, origin, command, error.code, _cut(error)))
        for pending in asked:
            pending.close(answer)

    def set_running(self, running: bool) -> None:
        """Whether there is a worker that could draw; without one nobody is kept waiting."""
        with self._lock:
            self._running = running
            self._answer_waiting()

    def reports(self, instances: list[int] | None = None) -> tuple[FilterReport, ...]:
        """All filters, or those of these instances that exist; of twins the one on air."""
        with self._lock:
            numbers = self._state.filters if instances is None else instances
            there = [number for number in numbers if number in self._seats and not self._seats[number].previewed]
            return tuple(self._report(number) for number in there)

    def report(self) -> LooksReport:
        """Everything there is."""
        with self._lock:
            return LooksReport(self._state.revision, self.reports(), self.presets_file, self.problem)

    def close(self) -> None:
        """The plugin stops: touch no slot any more, keep nobody waiting."""
        with self._lock:
            self._running = False
            self._answer_waiting()
            self._seats.clear()
            self._state = LookState()
            self._listeners.clear()

    def _take(self, after: LookState, origin: str, command: str, more: Sequence[int] = ()) -> None:
        """Make `after` the state, write the off words, and tell who did what; `more`: further filters to tell of."""
        before, self._state = self._state, after
        changed = [n for n, one in after.filters.items() if one.revision > before.revision]
        for number in changed:
            seat = self._seats[number]
            seat.origin = origin
            seat.slot.put("off", int(after.filters[number].look.off))
        if after.revision != before.revision:
            self._tell(LookChanged(after.revision, origin, command, self.reports([*changed, *more])))

    def _wish_scene(self, command: LookCommand, targets: list[int]) -> None:
        """A preset may carry an OBS scene; never when a scene brought the preset, so that they cannot chase."""
        if command.origin != "scene" and _wears(command) and targets:
            worn = self._state.presets.get(self._state.filters[targets[0]].look.preset)
            if worn is not None and worn.obs_scene:
                self.scene_wish = worn.obs_scene

    def _answer_waiting(self) -> None:
        left = []
        for pending in self._waiting:
            open_needs = [n for n, revision in pending.needs.items() if not self._settled(n, revision)]
            if open_needs and self._running and time.monotonic() < pending.deadline:
                left.append(pending)
                continue
            drawn = not open_needs and all(self._draws(n) for n in pending.needs)
            pending.close(LookDone(pending.revision, drawn, self.reports(list(pending.needs))))
        self._waiting = left

    def _settled(self, instance: int, revision: int) -> bool:
        seat = self._seats.get(instance)
        return seat is None or self._state.filters[instance].look.off or seat.drawn >= revision

    def _draws(self, instance: int) -> bool:
        seat = self._seats.get(instance)
        return seat is not None and seat.drawn > 0 and not self._state.filters[instance].look.off

    def _report(self, instance: int) -> FilterReport:
        one, seat = self._state.filters[instance], self._seats[instance]
        status = (seat.slot.text("status") or "")[:MAX_STATUS_CHARS]
        return FilterReport(one.name, one.look, seat.generation, status)

    def _tell(self, event: Any) -> None:
        for listener in self._listeners:
            listener(event)


def name_of(command: Any) -> str:
    """A command's name on the wire, for the event stream."""
    return wire.wire_name(type(command))


def _wears(command: LookCommand) -> bool:
    return isinstance(command, ApplyPreset) or name_of(command) in ("next_preset", "previous_preset", "random_preset")


def _cut(error: MirageError) -> str:
    return str(error)[:MAX_TEXT_CHARS]

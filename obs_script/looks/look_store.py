# SPDX-License-Identifier: Apache-2.0
"""The look store: owns every filter's look, takes look commands from any thread, knows what the worker applied of it.

Hotkeys, controllers, voice, scenes and properties call submit(); the supervisor fetches the looks, tells the worker
and reports back. Invariants: no call waits (the lock is held for a small pure computation only), so a look can be
changed or switched off while the worker hangs; a filter that is off shows its source in OBS's next frame; words that a
filter's model does not know are refused here, before anything is sent; revisions are published in their order; whoever
commands last wins; each pending command is answered exactly once.
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
from mirage_lsd.obs_script.looks.filter_entry import FilterEntry
from mirage_lsd.obs_script.looks.look_state import FilterLook, LookState
from mirage_lsd.obs_script.looks.pending_command import PendingCommand
from mirage_lsd.shared.channel import wire
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.look import FilterReport, Look, Preset
from mirage_lsd.shared.messages.look_commands import AS_IT_IS, PRESET_COMMANDS, LookCommand, RandomPreset
from mirage_lsd.shared.messages.look_events import LookChanged, LookDone, LookRefused, LooksReport, PresetsChanged
from mirage_lsd.shared.messages.worker_events import MAX_TEXT_CHARS
from mirage_lsd.shared.vocabulary import UnknownWordError


class LookStore:
    """`wake`: called when the supervisor has something to fetch. `scene_wish`: the OBS scene a preset asked for."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.RLock()
        self._state = LookState()
        self._entries: dict[int, FilterEntry] = {}
        self._pending: list[PendingCommand] = []
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
        changed, or UnknownWordError, and then nothing has but in filters whose model knows the words."""
        with self._lock:
            if isinstance(command, RandomPreset) and command.draw == AS_IT_IS:
                command = dataclasses.replace(command, draw=random.randrange(1 << 30))
            try:
                pending = self._obey(command, instance)
            except MirageError as error:
                text = str(error)[:MAX_TEXT_CHARS]
                self.notify(LookRefused(self._state.revision, command.origin, name_of(command), error.code, text))
                raise
            self._pending.append(pending)
            self._answer_pending()
        return pending

    def add(self, instance: int, name: str, look: Look, slot: Area) -> None:
        """A filter appears with this look."""
        with self._lock:
            self._entries[instance] = FilterEntry(slot)
            self._take(look_state.with_filter(self._state, instance, name, look), "obs", "appeared")

    def add_twin(self, instance: int, twin: int, slot: Area) -> None:
        """A filter appears that begins as its twin is now."""
        with self._lock:
            self._entries[instance] = FilterEntry(slot)
            self._take(look_state.with_twin(self._state, instance, twin), "obs", "appeared")

    def has(self, instance: int) -> bool:
        """Whether a filter has appeared here."""
        return instance in self._entries

    def set_model(self, instance: int, takes_any_words: bool) -> None:
        """takes_any_words: a filter's model has no vocabulary."""
        self._entries[instance].takes_any_words = takes_any_words

    def set_previewed(self, instances: set[int]) -> None:
        """Which filters have a twin on air."""
        with self._lock:
            shown = [n for n, entry in self._entries.items() if entry.previewed and n not in instances]
            for number, entry in self._entries.items():
                entry.previewed = number in instances
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
            if self._entries.pop(instance, None) is not None:
                self._state = look_state.without_filter(self._state, instance)
                self._answer_pending()

    def set_presets(self, presets: Mapping[str, Preset], problem: str, file: str) -> None:
        """Another list, or the same one with another problem."""
        with self._lock:
            changed = dict(presets) != dict(self._state.presets) or problem != self.problem
            self.problem, self.presets_file = problem[:MAX_TEXT_CHARS], file
            if changed:
                after = look_state.with_presets(self._state, presets, lambda n, wish: self._admit(n, wish, {}))
                self._take(after, "presets", "reread")
                self.notify(PresetsChanged(len(presets), self.problem))
        self._wake()

    def look(self, instance: int) -> FilterLook:
        """A filter's look and the revision of it."""
        return self._state.filters[instance]

    def unknown_word(self, instance: int) -> UnknownWordError | None:
        """The refusal of what a filter came with, or wore with another model; None where its model knows it all."""
        return self._entries[instance].unknown_word(self._state.filters[instance].look.layers)

    def refusal(self, instance: int) -> str:
        """What a filter was asked and refused a moment ago, "" for nothing."""
        entry = self._entries.get(instance)
        return entry.refusal if entry is not None else ""

    def applied(self, instance: int, revision: int, generation: int) -> None:
        """The worker draws the look of this revision under this generation of the settings."""
        with self._lock:
            entry = self._entries.get(instance)
            if entry is not None and revision >= entry.applied:
                entry.applied, entry.generation = revision, generation
                self._answer_pending()

    def set_running(self, running: bool) -> None:
        """Whether there is a worker that could draw; without one nobody is kept waiting."""
        with self._lock:
            self._running = running
            self._answer_pending()

    def reports(self, instances: list[int] | None = None) -> tuple[FilterReport, ...]:
        """All filters, or those of these instances that exist; of twins the one on air."""
        with self._lock:
            numbers = self._state.filters if instances is None else instances
            there = [number for number in numbers if number in self._entries and not self._entries[number].previewed]
            return tuple(self._report(number) for number in there)

    def report(self) -> LooksReport:
        """Everything there is."""
        with self._lock:
            return LooksReport(self._state.revision, self.reports(), self.presets_file, self.problem)

    def close(self) -> None:
        """The plugin stops: touch no slot any more, keep nobody waiting."""
        with self._lock:
            self._running = False
            self._answer_pending()
            self._entries.clear()
            self._state = LookState()
            self._listeners.clear()

    def _obey(self, command: LookCommand, instance: int) -> PendingCommand:
        numbers = [instance] if instance in self._state.filters else self._state.targets(command.target)
        refused: dict[int, UnknownWordError] = {}

        def admit(number: int, wish: FilterLook) -> FilterLook:
            admitted = self._admit(number, wish, refused)
            return admitted if number in refused else self._entries[number].without_unknown(admitted)

        self._take(look_state.apply(self._state, command, numbers, admit), command.origin, name_of(command))
        self._wish_scene(command, [number for number in numbers if number not in refused])
        self._wake()
        if refused:
            raise next(iter(refused.values()))
        needs = {number: self._state.filters[number].revision for number in numbers}
        return PendingCommand(self._state.revision, needs)

    def _admit(self, instance: int, wish: FilterLook, refused: dict[int, UnknownWordError]) -> FilterLook:
        """What a filter shall look like: as wished, or as it does where its model does not know what is new in that."""
        now = self._state.filters[instance]
        try:
            return self._entries[instance].admit(now, wish)
        except UnknownWordError as error:
            refused[instance] = error
            return now

    def _take(self, after: LookState, origin: str, command: str, more: Sequence[int] = ()) -> None:
        """Make `after` the state, write the off words, and tell who did what; `more`: further filters to tell of."""
        before, self._state = self._state, after
        changed = [n for n, filter_look in after.filters.items() if filter_look.revision > before.revision]
        for number in changed:
            self._entries[number].show(after.filters[number].look)
        if after.revision != before.revision:
            self.notify(LookChanged(after.revision, origin, command, self.reports([*changed, *more])))

    def _wish_scene(self, command: LookCommand, targets: list[int]) -> None:
        """A preset may carry an OBS scene; never when a scene brought the preset, so that they cannot chase."""
        if command.origin != "scene" and isinstance(command, PRESET_COMMANDS) and targets:
            worn = self._state.presets.get(self._state.filters[targets[0]].look.preset)
            if worn is not None and worn.obs_scene:
                self.scene_wish = worn.obs_scene

    def _answer_pending(self) -> None:
        left = []
        for pending in self._pending:
            open_needs = [n for n, revision in pending.needs.items() if not self._settled(n, revision)]
            if open_needs and self._running and time.monotonic() < pending.deadline:
                left.append(pending)
                continue
            applied = not open_needs and all(self._draws(n) for n in pending.needs)
            pending.close(LookDone(pending.revision, applied, self.reports(list(pending.needs))))
        self._pending = left

    def _settled(self, instance: int, revision: int) -> bool:
        entry = self._entries.get(instance)
        return entry is None or self._state.filters[instance].look.off or entry.applied >= revision

    def _draws(self, instance: int) -> bool:
        entry = self._entries.get(instance)
        return entry is not None and entry.applied > 0 and not self._state.filters[instance].look.off

    def _report(self, instance: int) -> FilterReport:
        filter_look, entry = self._state.filters[instance], self._entries[instance]
        return FilterReport(filter_look.name, filter_look.look, entry.generation, entry.status)

    def notify(self, event: Any) -> None:
        """Tell every listener."""
        for listener in self._listeners:
            listener(event)


def name_of(command: Any) -> str:
    """A command's name on the wire, for the event stream."""
    return wire.wire_name(type(command))

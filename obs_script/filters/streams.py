# SPDX-License-Identifier: Apache-2.0
"""One stream as the Python half sees it: its settings and look, and what the worker was told of them.

A stream is one filter's, or that of twins which agree (streams.lua). Used by the supervisor thread
(filter_host.py). Invariants: `ready` is 1 only while the worker serves the epoch that Lua was given; every change of
settings is a new generation; a problem is told until what it is about succeeds, and no longer.
"""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any, Callable

from mirage_lsd.obs_script.filters.look_settings import LookSettings
from mirage_lsd.obs_script.filters.ring_pair import RingKeeper
from mirage_lsd.obs_script.host.control_block import SHOWS, Area
from mirage_lsd.obs_script.looks.look_state import WINDOW
from mirage_lsd.obs_script.looks.look_store import WORKER, LookStore
from mirage_lsd.obs_script.processes.worker_process import RUNNING, WorkerProcess
from mirage_lsd.shared.errors import FieldError, MirageError, RequestRefused
from mirage_lsd.shared.messages.look import OWN_SEED, Look
from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.messages.worker_commands import ApplySettings, CloseStream, OpenStream
from mirage_lsd.shared.messages.worker_events import State, Stats

RETRY_S = 1.0
SEEN_WITHIN_S = 0.4
PRESETS_WITHIN_S = 5.0
REFUSAL_TOLD_S = 10.0
LOOK_FIELDS = ("enabled", "layers", "prompt", "fade_ms")
_FIELDS = [field.name for field in dataclasses.fields(StreamSettings) if field.name not in LOOK_FIELDS]
_PROBLEMS = ("settings", "size", "worker", "look", "window")
"""What a problem may be about; the worst first."""


class FilterStream:
    """`stats` and `problem` are for the status line; `raw` are the filter's settings as Lua sent them; `to_write` is
    what OBS's copy of them lacks. `twin`: a stream of the same names when this one appeared; it begins in that look."""

    def __init__(
        self,
        slot: Area,
        path_of: Callable[[str], str],
        log: Callable[..., None],
        looks: LookStore,
        twin_of: Callable[[str, int], FilterStream | None] = lambda name, instance: None,
    ) -> None:
        """`twin_of`: another stream of that name, for the instance that asks, or None."""
        self.slot, self.instance = slot, slot.get("instance")
        self._path_of, self._log, self._looks, self._twin_of = path_of, log, looks, twin_of
        self.settings, self.raw, self.generation = StreamSettings(enabled=False), {}, 0
        self.stats: Stats | None = None
        self.state: State | None = None
        self.parent_name = self.filter_name = ""
        self.to_write: dict[str, Any] = {}
        self.look_settings = LookSettings()
        self._problems: dict[str, str] = {}
        self._own = self.settings
        self._entered_as, self._since = "", time.monotonic()
        self._look, self._look_revision = Look(), 0
        self._settings_revision = -1
        self._rings = RingKeeper(slot, path_of, self.instance, log)
        self._opened = self._applied = (0, 0)
        self._declined = (0, 0, 0)
        self._undressed = False
        self._retry_at = self._applied_at = self._refused_at = 0.0
        for name in ("ready", "generation", "hold_ns", "off", "settings_read", "look_written", "join"):
            slot.put(name, 0)
        slot.put_text("status", "Starting")
        slot.put("served", self.instance)

    @property
    def name(self) -> str:
        """What commands call it; "" until OBS has told."""
        return f"{self.parent_name}/{self.filter_name}" if self.parent_name and self.filter_name else ""

    @property
    def problem(self) -> str:
        """What keeps the user's wishes from being fulfilled, "" if nothing does; the worst first."""
        return next((self._problems[what] for what in _PROBLEMS if what in self._problems), "")

    @property
    def input_ring(self) -> str:
        """Path of the ring with the source's pictures, "" while there is none."""
        return self._path_of(self._rings.now.input_name) if self._rings.now is not None else ""

    def step(self, worker: WorkerProcess) -> None:
        """Follow the filter's wishes. May wait for the worker's answer."""
        self._read_names()
        self._read_settings()
        self._follow_look()
        self._follow_size()
        if worker.state != RUNNING:
            self.slot.put("ready", 0)
            self.stats = self.state = None
            self._problems.pop("worker", None)
        elif time.monotonic() >= self._retry_at:
            try:
                self._tell(worker)
                self._problems.pop("worker", None)
            except MirageError as error:
                self._retry_at = time.monotonic() + RETRY_S
                self._note_problem("worker", error)

    def note(self, event: Any) -> None:
        """Take an event of the worker about this stream."""
        if isinstance(event, Stats):
            self.stats = event
        elif isinstance(event, State):
            self.state = event

    def may_join(self, other: FilterStream) -> bool:
        """Whether this stream and its twin `other` do the same thing twice."""
        agree = (self._look, self.settings) == (other._look, other.settings)
        alike = self.raw.get("when_unstyled") == other.raw.get("when_unstyled")
        apart = any(one._problems or not one._entered_as or one.slot.get("apart") for one in (self, other))
        return agree and alike and not apart

    def close(self, worker: WorkerProcess) -> None:
        """The filter is gone, or the Lua half is: give everything back."""
        self._looks.remove(self.instance)
        if worker.state == RUNNING and self._opened[0] == worker.launch:
            try:
                worker.request(CloseStream(self.instance, self._opened[1]))
            except MirageError as error:
                self._log(f"stream {self.instance} was not closed: {error}")
        self._rings.close()

    def _read_names(self) -> None:
        self.parent_name = self.slot.text("parent_name") or self.parent_name
        self.filter_name = self.slot.text("filter_name") or self.filter_name
        if self._entered_as and self._entered_as != self.name:
            self._entered_as = self.name
            self._looks.rename(self.instance, self.name)

    def _read_settings(self) -> None:
        revision = self.slot.revision("settings")
        text = self.slot.text("settings") if revision != self._settings_revision else None
        if text is None:
            return
        try:
            raw = json.loads(text)
            own = StreamSettings(**{name: raw[name] for name in _FIELDS if name in raw})
        except (ValueError, TypeError, FieldError) as error:
            self._settings_revision = revision
            self._problems["settings"] = f"settings not usable: {error}"
            return
        if not self._entered_as and not self._enter(raw):
            return  # look again: the name or the presets have not come yet
        self._settings_revision = revision
        self.raw, self._own = raw, own
        self._problems.pop("settings", None)
        self._problems.pop("window", None)
        for command in self.look_settings.commands(raw, self.name):
            try:
                self._looks.submit(command, self.instance)
            except MirageError as error:
                self._note_problem("window", error)
        self.slot.put("settings_read", revision)

    def _enter(self, raw: dict[str, Any]) -> bool:
        """Bring the filter to the look store with the look it was saved in, or with its twin's."""
        waited = time.monotonic() - self._since > PRESETS_WITHIN_S
        if not self.name or (raw.get("preset") and not self._looks.state.presets and not waited):
            return False
        self._entered_as = self.name
        twin = self._twin_of(self.name, self.instance)
        if twin is not None and twin._entered_as:
            self.look_settings = twin.look_settings.copy()
            self._looks.add_twin(self.instance, twin.instance, self.slot)
        else:
            look = self.look_settings.first_look(raw, self._looks.state)
            self._looks.add(self.instance, self.name, look, self.slot)
        return True

    def _follow_look(self) -> None:
        """The settings the worker should have: the filter's own and the look store's look."""
        if not self._entered_as:
            return
        look, self._look_revision, origin = self._looks.look(self.instance)
        self._look = look
        changed = dataclasses.replace(
            self._own,
            enabled=not look.off,
            layers=look.layers,
            fade_ms=look.fade_ms,
            strength=self._own.strength * look.strength,
            seed=self._own.seed if look.seed == OWN_SEED else look.seed,
        )
        if changed != self.settings:
            self.settings = changed
            self.generation += 1
        # What the user is just typing stays in the window although the worker does not know that word.
        typing = origin == f"{WORKER}:{WINDOW}"
        if self.look_settings.shows_prompt(look) and (typing or not origin.startswith(WORKER)):
            self._problems.pop("look", None)
        elif not typing and not self._undressed and time.monotonic() - self._refused_at > REFUSAL_TOLD_S:
            self._problems.pop("look", None)  # it was put back: whoever asked has had an answer
        self._undressed = self._undressed and origin.startswith(WORKER)
        if self._look_revision != self.look_settings.written and not typing:
            self.to_write = {**self.to_write, **self.look_settings.to_write(look, self._look_revision)}
            self.slot.put("look_written", self._look_revision)

    def _follow_size(self) -> None:
        try:
            if self._rings.follow():
                self._problems.pop("size", None)
        except MirageError as error:
            self._note_problem("size", error)

    def _tell(self, worker: WorkerProcess) -> None:
        rings = self._rings.now
        if rings is None or not self._entered_as:
            return
        opened = (worker.launch, rings.epoch)
        if self._opened != opened:
            worker.request(OpenStream(self.instance, rings.epoch, rings.input_name, rings.output_name))
            self._opened = opened
        asked = (worker.launch, self.generation)
        if self._applied == asked:
            self._looks.drawn(self.instance, self._look_revision, self.generation)
        elif self._declined != (*asked, self._look_revision) and self._last_one_is_seen():
            self._apply(worker)
        # A look refused at the start leaves the picture bare, which whoever hides behind the look does not want seen.
        hiding = self._undressed and self.raw.get("when_unstyled", SHOWS[0]) != SHOWS[0]
        self.slot.put("ready", int(not hiding))

    def _last_one_is_seen(self) -> bool:
        """Whether a frame of the last settings was shown, or none will be. A slider that is being dragged, or a crowd
        of controllers, must not outdate every frame before it is shown."""
        shown = self.slot.get("shown_generation") >= self.slot.get("generation")
        patience_s = SEEN_WITHIN_S + self.slot.get("hold_ns") / 1e9
        return shown or time.monotonic() - self._applied_at > patience_s

    def _apply(self, worker: WorkerProcess) -> None:
        """Lua learns of the generation before whoever asked for it: no older frame is shown after the answer. Who asks
        again for what was refused is refused again, even if the look was never put back in between."""
        asked, self._applied_at = (worker.launch, self.generation), time.monotonic()
        try:
            worker.request(ApplySettings(self.instance, self.generation, self.settings))
        except RequestRefused as error:
            self._declined = (*asked, self._look_revision)
            self._note_problem("look", error)
            self._refused_at, self._undressed = time.monotonic(), self._undressed or self._applied == (0, 0)
            self._looks.refused(self.instance, self._look, self._look_revision, error)
            return
        self._applied = asked
        self.slot.put("generation", self.generation)
        self._looks.drawn(self.instance, self._look_revision, self.generation)

    def _note_problem(self, what: str, error: MirageError) -> None:
        text = str(error)
        if text != self._problems.get(what):
            self._problems[what] = text
            self._log(f"stream {self.instance}: {text}")

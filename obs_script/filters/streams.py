# SPDX-License-Identifier: Apache-2.0
"""One stream as the Python half sees it: what its filter asks for, and what keeps that from being so.

A stream is one filter's, or that of twins which agree (streams.lua). Used by the supervisor thread
(filter_host.py). Invariants: `ready` is 1 only while the worker serves the epoch that Lua was given; every change of
settings is a new generation; a problem is told until what it is about succeeds, and no longer.
"""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any, Callable

from mirage_lsd.obs_script.filters.ring_pair import RingKeeper
from mirage_lsd.obs_script.filters.stream_look import StreamLook, TwinOf
from mirage_lsd.obs_script.filters.worker_link import WorkerLink
from mirage_lsd.obs_script.host.control_block import SHOWS, Area
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.obs_script.processes.worker_process import RUNNING, WorkerProcess
from mirage_lsd.shared.errors import FieldError, MirageError
from mirage_lsd.shared.messages.look import OWN_SEED, Look
from mirage_lsd.shared.messages.settings import V1, StreamSettings

RETRY_S = 1.0
LOOK_FIELDS = ("enabled", "layers", "prompt", "fade_ms")
_FIELDS = [field.name for field in dataclasses.fields(StreamSettings) if field.name not in LOOK_FIELDS]
_PROBLEMS = ("settings", "size", "worker", "look", "window")
"""What a problem may be about; the worst first."""


class SavedSettings:
    """A filter's settings as Lua hands them over. `raw`: all of them; `own`: those that are no part of its look.
    `names`: OBS's of the source and of the filter, "" until it has told."""

    def __init__(self, slot: Area) -> None:
        self._slot = slot
        self.names = ("", "")
        self.raw: dict[str, Any] = {}
        self.own = StreamSettings(enabled=False)
        self.revision = -1

    def read_names(self) -> None:
        """Follow a source or filter that gets another name."""
        source_name, filter_name = self.names
        self.names = self._slot.text("parent_name") or source_name, self._slot.text("filter_name") or filter_name

    def changed(self) -> tuple[int, str] | None:
        """The revision and text of other settings than the last; None where there are none to be had now."""
        revision = self._slot.revision("settings")
        text = self._slot.text("settings") if revision != self.revision else None
        return None if text is None else (revision, text)

    def with_look(self, look: Look, bare: bool) -> StreamSettings:
        """The settings that the worker should have. bare: without the look's words."""
        return dataclasses.replace(
            self.own,
            enabled=not look.off,
            layers=() if bare else look.layers,
            fade_ms=look.fade_ms,
            strength=self.own.strength * look.strength,
            seed=self.own.seed if look.seed == OWN_SEED else look.seed,
        )


class FilterStream:
    """`saved`: the filter's settings. `look`: what it wears. `link`: what the worker was told. `settings`: what the
    worker should have, by `generation`. `twin_of`: finds a stream of the same names; this one begins in its look."""

    def __init__(
        self,
        slot: Area,
        path_of: Callable[[str], str],
        log: Callable[..., None],
        looks: LookStore,
        twin_of: TwinOf = lambda name, instance: None,
    ) -> None:
        self.slot, self.instance = slot, slot.get("instance")
        self._log, self._looks = log, looks
        self.saved, self.look, self.link = SavedSettings(slot), StreamLook(slot, looks, twin_of), WorkerLink(slot)
        self._rings = RingKeeper(slot, path_of, self.instance, log)
        self.settings, self.generation = StreamSettings(enabled=False), 0
        self._problems: dict[str, str] = {}
        self._retry_at = 0.0
        for name in ("ready", "generation", "hold_ns", "off", "settings_read", "look_written", "join"):
            slot.put(name, 0)
        slot.put_text("status", "Starting")
        slot.put("served", self.instance)

    @property
    def names(self) -> tuple[str, str]:
        """OBS's of the source and of the filter, "" until it has told."""
        return self.saved.names

    @property
    def name(self) -> str:
        """What commands call it; "" until OBS has told."""
        return "/".join(self.names) if all(self.names) else ""

    @property
    def problem(self) -> str:
        """What keeps the user's wishes from being fulfilled, "" if nothing does; the worst first."""
        worst = next((self._problems[what] for what in _PROBLEMS if what in self._problems), "")
        return worst or self._looks.refusal(self.instance)

    @property
    def input_ring(self) -> str:
        """Path of the ring with the source's pictures, "" while there is none."""
        return self._rings.input_path

    def step(self, worker: WorkerProcess) -> None:
        """Follow the filter's wishes. May wait for the worker's answer."""
        self.saved.read_names()
        self.look.rename(self.name)
        self._read_settings()
        self._follow_look()
        self._follow_size()
        if worker.state != RUNNING:
            self.link.forget()
            self._problems.pop("worker", None)
        elif time.monotonic() >= self._retry_at:
            try:
                self._tell(worker)
                self._problems.pop("worker", None)
            except MirageError as error:
                self._retry_at = time.monotonic() + RETRY_S
                self._note_problem("worker", str(error))

    def may_join(self, other: FilterStream) -> bool:
        """Whether this stream and its twin `other` do the same thing twice."""
        agree = (self.look.worn.look, self.settings) == (other.look.worn.look, other.settings)
        alike = self.saved.raw.get("when_unstyled") == other.saved.raw.get("when_unstyled")
        pair = (self, other)
        return agree and alike and not any(s._problems or not s.look.entered_as or s.slot.get("apart") for s in pair)

    def close(self, worker: WorkerProcess) -> None:
        """The filter is gone, or the Lua half is: give everything back."""
        self._looks.remove(self.instance)
        try:
            self.link.close(worker)
        except MirageError as error:
            self._log(f"stream {self.instance} was not closed: {error}")
        self._rings.close()

    def _read_settings(self) -> None:
        changed = self.saved.changed()
        if changed is None:
            return
        revision, text = changed
        try:
            raw = json.loads(text)
            own = StreamSettings(**{name: raw[name] for name in _FIELDS if name in raw})
        except (ValueError, TypeError, FieldError) as error:
            self.saved.revision = revision
            self._problems["settings"] = f"settings not usable: {error}"
            return
        if not self.look.entered_as and not self.look.enter(self.name, raw):
            return  # look again
        self._looks.set_model(self.instance, takes_any_words=own.model == V1)
        self.saved.revision, self.saved.raw, self.saved.own = revision, raw, own
        self._problems.pop("settings", None)
        self.look.read(raw)
        self.slot.put("settings_read", revision)

    def _follow_look(self) -> None:
        if not self.look.entered_as:
            return
        self.look.follow()
        unknown = self._looks.unknown_word(self.instance)
        settings = self.saved.with_look(self.look.worn.look, bare=unknown is not None)
        if settings != self.settings:
            self.settings = settings
            self.generation += 1
        self._note_problem("look", str(unknown) if unknown is not None else "")
        self._note_problem("window", self.look.refusal)

    def _follow_size(self) -> None:
        try:
            if self._rings.follow():
                self._problems.pop("size", None)
        except MirageError as error:
            self._note_problem("size", str(error))

    def _tell(self, worker: WorkerProcess) -> None:
        if self._rings.now is None or not self.look.entered_as:
            return
        if self.link.tell(worker, self._rings.now, self.settings, self.generation):
            self._looks.applied(self.instance, self.look.worn.revision, self.generation)
        # Unknown words leave the picture bare, which whoever hides behind the look does not want seen.
        hiding = "look" in self._problems and self.saved.raw.get("when_unstyled", SHOWS[0]) != SHOWS[0]
        self.slot.put("ready", int(not hiding))

    def _note_problem(self, what: str, text: str) -> None:
        if not text:
            self._problems.pop(what, None)
        elif text != self._problems.get(what):
            self._problems[what] = text
            self._log(f"stream {self.instance}: {text}")

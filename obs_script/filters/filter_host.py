# SPDX-License-Identifier: Apache-2.0
"""Loads the Lua half through libobs-scripting and follows the filters it makes.

load() and unload() are called on OBS's UI thread (libobs-scripting expects that); step() on the supervisor
thread. Invariants: the user adds one script, this loads the other; the control block, the doorbells and every
ring stay mapped until the Lua half is gone; graphics objects of destroyed filters are freed here, never by Lua.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterable
from typing import Any, Callable

from mirage_lsd.obs_script.filters.status import refresh_window
from mirage_lsd.obs_script.filters.streams import FilterStream
from mirage_lsd.obs_script.host.control_block import LAYOUT_VERSION, ControlBlock
from mirage_lsd.obs_script.host.libobs import LibObs
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.obs_script.processes.worker_process import WorkerProcess
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.release import RELEASE
from mirage_lsd.shared.ring.mapping import Mapping, open_mapping

LUA_FILE = "render/filter.lua"
SWITCHED_OFF = b"switched_off_without_script"
HIDING = (b"last", b"nothing")  # of when_unstyled: who chose so is shown nothing untouched, also without the script
NO_LOOK = {"preset": "", "outfit": "", "hair": "", "scene": "", "light": "", "look": ""}


class FilterHost:
    """`streams`: the filters that exist, by their instance number."""

    def __init__(self, libobs: LibObs, block: ControlBlock, path_of: Callable[[str], str], looks: LookStore) -> None:
        self._libobs, self._block, self._path_of, self._looks = libobs, block, path_of, looks
        self._script: int | None = None
        self._bell_mappings: list[Mapping] = []
        self.streams: dict[int, FilterStream] = {}
        self._new: set[int] = set()

    def load(self, folder: str, worker_bell: Any, plugin_bell: Any, refusal: str = "") -> None:
        """Load filter.lua; its filters appear. Raises MirageError if OBS refuses it (see OBS's script log). `refusal`:
        why the filters shall do nothing but show their source and say this."""
        content = {
            "refusal": refusal,
            "release": RELEASE,
            "layout_version": LAYOUT_VERSION,
            "control_block": str(self._block.address),
            "worker_bell": str(self._handle(worker_bell)),
            "plugin_bell": str(self._handle(plugin_bell)),
            "defaults": {**dataclasses.asdict(StreamSettings()), **NO_LOOK},
        }
        settings = self._libobs.obs_data_create_from_json(json.dumps(content).encode())
        path = os.path.join(folder, LUA_FILE).replace(os.sep, "/")  # libobs-scripting cuts at "/"
        try:
            self._script = self._libobs.obs_script_create(path.encode(), settings)
        finally:
            self._libobs.obs_data_release(settings)
        if not self._script or not self._libobs.obs_script_loaded(self._script):
            self.unload()
            raise MirageError(f"OBS could not load {path}: see Tools, Scripts, Script Log", "lua_not_loaded")

    def unload(self, obs_is_ending: bool = False) -> None:
        """Unload filter.lua. A script source without its script draws nothing at all, so filters that may show their
        source are switched off first: OBS then shows it, in its next frame. step() switches them on again, in whichever
        OBS."""
        if self._script:
            for _, slot in self._block.used() if not obs_is_ending else ():
                self._switch(slot.text("parent_name") or "", slot.text("filter_name") or "", False)
            self._libobs.obs_script_destroy(self._script)
            self._script = None

    def step(self, worker: WorkerProcess) -> None:
        """Follow filters that came and went, and each one's wishes."""
        present = {slot.get("instance"): slot for _, slot in self._block.used()}
        for instance in [known for known in self.streams if known not in present]:
            self._forget(instance, worker)
        for instance, slot in present.items():
            if instance not in self.streams:
                self._new.add(instance)
                self.streams[instance] = FilterStream(
                    slot, self._path_of, self._libobs.log, self._looks, self._twin_of
                )
            self.streams[instance].step(worker)
            if instance in self._new and self.streams[instance].name:
                self._new.remove(instance)
                self._switch(*self.streams[instance].names, True)
            self._write_settings(self.streams[instance])
        self._follow_twins()
        self.free_graphics()

    def observe(self, events: Iterable[Any]) -> None:
        """Hand the worker's events to the streams they are about."""
        for event in events:
            stream = self.streams.get(getattr(event, "stream_id", 0))
            if stream is not None:
                stream.link.observe(event)

    def wants_worker(self) -> bool:
        """Whether any filter has something to do."""
        return any(stream.settings.enabled for stream in self.streams.values())

    def close(self, worker: WorkerProcess) -> None:
        """After unload(): give back what is left."""
        for instance in list(self.streams):
            self._forget(instance, worker)
        self.free_graphics()
        for mapping in self._bell_mappings:
            mapping.close()

    def free_graphics(self) -> None:
        """Free what destroyed filters left behind."""
        discarded = self._block.trash()
        if discarded:
            self._libobs.free_graphics(discarded)
            self._block.trash_done(len(discarded))

    def refresh_windows(self) -> None:
        """Open properties windows show the new lists."""
        for stream in self.streams.values():
            refresh_window(self._libobs, stream)

    def _twin_of(self, name: str, instance: int) -> FilterStream | None:
        """The newest other stream of this name."""
        others = [other for other in self.streams.values() if other.name == name and other.instance != instance]
        return max(others, key=lambda other: other.instance, default=None)

    def _follow_twins(self) -> None:
        """Of streams with one name (studio mode) the saved scene's is the one that is previewed. A younger one that
        agrees with an older is given up: its filters go over."""
        named: dict[str, list[FilterStream]] = {}
        for stream in self.streams.values():
            named.setdefault(stream.name, []).append(stream)
        previewed: set[int] = set()
        for twins in (group for name, group in named.items() if name and len(group) > 1):
            saved = [twin for twin in twins if self._is_saved(twin)]
            on_air = max((twin.instance for twin in twins if twin not in saved), default=twins[-1].instance)
            previewed |= {twin.instance for twin in twins if twin.instance != on_air}
            for older, younger in zip(twins, twins[1:]):
                if younger.may_join(older):
                    younger.slot.put("join", older.instance)
        self._looks.set_previewed(previewed)

    def _is_saved(self, stream: FilterStream) -> bool:
        """Whether one of the stream's filters is in the scene collection, and no copy of studio mode's."""
        with self._libobs.filter_of(*stream.names) as (_, filter_):
            return bool(filter_) and filter_ == stream.slot.get("source")

    def _switch(self, parent_name: str, filter_name: str, on: bool) -> None:
        """Off: and note it in the filter's settings. On: if that is noted; what the user switched off stays off."""
        with self._libobs.filter_of(parent_name, filter_name) as (_, filter_):
            if not filter_:
                return
            with self._libobs.settings(filter_) as data:
                if not on and self._libobs.obs_data_get_string(data, b"when_unstyled") in HIDING:
                    return
                noted = self._libobs.obs_data_get_bool(data, SWITCHED_OFF)
                if noted if on else self._libobs.obs_source_enabled(filter_):
                    self._libobs.obs_data_set_bool(data, SWITCHED_OFF, not on)
                    self._libobs.obs_source_set_enabled(filter_, on)

    def _write_settings(self, stream: FilterStream) -> None:
        """Give OBS the look to save and to show."""
        content, stream.look.to_write = stream.look.to_write, {}
        if not content:
            return
        with self._libobs.filter_of(*stream.names) as (_, filter_):
            if filter_ and filter_ == stream.slot.get("source"):
                self._libobs.update(filter_, content)
        if set(content) - {"look"}:
            refresh_window(self._libobs, stream)

    def _forget(self, instance: int, worker: WorkerProcess) -> None:
        self.streams.pop(instance).close(worker)
        self._new.discard(instance)
        self._libobs.log(f"stream {instance} closed")

    def _handle(self, bell: Any) -> int:
        """What Lua needs to ring a doorbell from inside this process, see ffi.lua."""
        if sys.platform == "linux":
            from mirage_lsd.shared.doorbell.doorbell_semaphore import SEMAPHORE_OFFSET

            mapping = open_mapping(bell.path)
            self._bell_mappings.append(mapping)
            return mapping.address + SEMAPHORE_OFFSET
        return bell._handle if sys.platform == "win32" else bell._descriptor

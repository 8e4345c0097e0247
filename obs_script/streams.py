# SPDX-License-Identifier: Apache-2.0
"""One filter as the Python half sees it: its rings, its settings, and what the worker was told of both.

Used by the supervisor thread (filter_host.py). Invariants: Lua is given a new epoch's rings before the old
ones are unmapped, and the old ones go only after Lua has taken the new ones or the filter is gone; `ready`
is 1 only while the worker serves the epoch that Lua was given; every change of settings is a new generation.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import time
from typing import Any, Callable

from mirage_lsd.obs_script.control_block import Area
from mirage_lsd.obs_script.worker_process import RUNNING, WorkerProcess
from mirage_lsd.shared.commands import ApplySettings, CloseStream, OpenStream
from mirage_lsd.shared.errors import FieldError, MirageError, RequestRefused
from mirage_lsd.shared.events import State, Stats
from mirage_lsd.shared.ring import Ring
from mirage_lsd.shared.settings import MAX_PROMPT_CHARS, StreamSettings

SIZE_SETTLES_S = 0.15
RETRY_S = 1.0
_FIELDS = [field.name for field in dataclasses.fields(StreamSettings)]


class RingPair:
    """The two rings of one epoch, mapped in OBS's process."""

    def __init__(self, path_of: Callable[[str], str], stream_id: int, epoch: int, size_px: tuple[int, int]) -> None:
        """Raises RingError (no_space, bad_geometry)."""
        self.epoch, self.size_px = epoch, size_px
        self.input_name, self.output_name = f"in-{stream_id}-{epoch}", f"out-{stream_id}-{epoch}"
        self._input = Ring.create(path_of(self.input_name), *size_px, epoch=epoch)
        try:
            self._output = Ring.create(path_of(self.output_name), *size_px, epoch=epoch)
        except MirageError:
            self._drop(self._input)
            raise

    def addresses(self) -> tuple[int, int]:
        """Where both are mapped here; valid until close()."""
        return _address(self._input), _address(self._output)

    def close(self) -> None:
        """Unmap and remove both."""
        self._drop(self._input)
        self._drop(self._output)

    @staticmethod
    def _drop(ring: Ring) -> None:
        ring.unlink()
        ring.close()


class FilterStream:
    """`stats` and `problem` are for the status line; `raw` are the filter's settings as Lua sent them."""

    def __init__(self, slot: Area, path_of: Callable[[str], str], log: Callable[..., None]) -> None:
        self.slot, self.instance = slot, slot.get("instance")
        self._path_of, self._log = path_of, log
        self.settings, self.raw, self.generation = StreamSettings(enabled=False), {}, 0
        self.stats: Stats | None = None
        self.state: State | None = None
        self.problem = ""
        self.parent_name = self.filter_name = ""
        self._settings_revision = -1
        self._rings: RingPair | None = None
        self._former: list[RingPair] = []
        self._wanted, self._wanted_since = (0, 0), 0.0
        self._opened = self._applied = (0, 0)
        self._retry_at = 0.0
        for name in ("ready", "generation", "hold_ns"):
            slot.put(name, 0)
        slot.put_text("status", "Starting")

    @property
    def alive(self) -> bool:
        """False once the filter was removed, or its slot given to another one."""
        return self.slot.get("instance") == self.instance

    def step(self, worker: WorkerProcess) -> None:
        """Follow the filter's wishes. May wait for the worker's answer."""
        self._read_names()
        self._read_settings()
        self._follow_size()
        if self._former and self.slot.get("mapped_epoch") == self._rings.epoch:
            self._drop_former()
        if worker.state == RUNNING and time.monotonic() >= self._retry_at:
            try:
                self._tell(worker)
            except MirageError as error:
                self._refused(error)
        if worker.state != RUNNING:
            self.slot.put("ready", 0)
            self.stats = None

    def note(self, event: Any) -> None:
        """Take an event of the worker about this stream."""
        if isinstance(event, Stats):
            self.stats = event
        elif isinstance(event, State):
            self.state = event

    def close(self, worker: WorkerProcess) -> None:
        """The filter is gone, or the Lua half is: give everything back."""
        if worker.state == RUNNING and self._opened[0] == worker.launch:
            try:
                worker.request(CloseStream(self.instance, self._opened[1]))
            except MirageError as error:
                self._log(f"stream {self.instance} was not closed: {error}")
        self._drop_former()
        if self._rings is not None:
            self._rings.close()
            self._rings = None

    def _read_names(self) -> None:
        self.parent_name = self.slot.text("parent_name") or self.parent_name
        self.filter_name = self.slot.text("filter_name") or self.filter_name

    def _read_settings(self) -> None:
        revision = self.slot.revision("settings")
        text = self.slot.text("settings") if revision != self._settings_revision else None
        if text is None:
            return
        self._settings_revision = revision
        try:
            self.raw = json.loads(text)
            known = {name: self.raw[name] for name in _FIELDS if name in self.raw}
            known["prompt"] = known.get("prompt", "")[:MAX_PROMPT_CHARS]
            changed = StreamSettings(**known)
        except (ValueError, TypeError, FieldError) as error:
            self.problem = f"settings not usable: {error}"
            return
        if self.problem.startswith("settings"):
            self.problem = ""
        if changed != self.settings:
            self.settings = changed
            self.generation += 1

    def _follow_size(self) -> None:
        wanted = (self.slot.get("want_width_px"), self.slot.get("want_height_px"))
        now = time.monotonic()
        if wanted != self._wanted:
            self._wanted, self._wanted_since = wanted, now
        if 0 in wanted or (self._rings is not None and self._rings.size_px == wanted) or now < self._retry_at:
            return
        if self._rings is None or now - self._wanted_since >= SIZE_SETTLES_S:
            self._replace_rings(wanted)

    def _replace_rings(self, size_px: tuple[int, int]) -> None:
        epoch = self.slot.get("epoch") + 1
        try:
            rings = RingPair(self._path_of, self.instance, epoch, size_px)
        except MirageError as error:
            self._refused(error)
            return
        if self._rings is not None:
            self._former.append(self._rings)
        self._rings = rings
        self.slot.put("ready", 0)
        for name, address in zip(("input_address", "output_address"), rings.addresses()):
            self.slot.put(name, address)
        self.slot.put("epoch", epoch)
        self._log(f"stream {self.instance}: rings {epoch} for {size_px[0]}x{size_px[1]}")

    def _drop_former(self) -> None:
        for rings in self._former:
            rings.close()
        self._former.clear()

    def _tell(self, worker: WorkerProcess) -> None:
        if self._rings is None:
            return
        rings, opened = self._rings, (worker.launch, self._rings.epoch)
        if self._opened != opened:
            worker.request(OpenStream(self.instance, rings.epoch, rings.input_name, rings.output_name))
            if self._opened[0] != worker.launch:
                self._applied = (0, 0)
            self._opened = opened
        if self._applied != (worker.launch, self.generation):
            self._apply(worker)
        self.slot.put("ready", 1)

    def _apply(self, worker: WorkerProcess) -> None:
        """Settings that are refused (an unknown word) leave the former look; where there is none, no prompt."""
        first = self._applied[0] != worker.launch
        self._applied = (worker.launch, self.generation)
        try:
            worker.request(ApplySettings(self.instance, self.generation, self.settings))
            self.problem = ""
        except RequestRefused as error:
            self._note_problem(error)
            if not first:
                return
            plain = dataclasses.replace(self.settings, prompt="", preset="")
            worker.request(ApplySettings(self.instance, self.generation, plain))
        self.slot.put("generation", self.generation)

    def _refused(self, error: MirageError) -> None:
        self._retry_at = time.monotonic() + RETRY_S
        self._note_problem(error)

    def _note_problem(self, error: MirageError) -> None:
        text = str(error)
        if text != self.problem:
            self.problem = text
            self._log(f"stream {self.instance}: {text}")


def _address(ring: Ring) -> int:
    first = ctypes.c_char.from_buffer(ring.buffer)
    address = ctypes.addressof(first)
    del first
    return address

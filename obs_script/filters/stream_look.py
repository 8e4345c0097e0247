# SPDX-License-Identifier: Apache-2.0
"""A stream's look on its way between OBS's settings and the look store.

Used by streams.py on the supervisor thread. Invariants: a filter enters the look store once, in the look it was saved
in or in its twin's; what the store holds reaches OBS's settings, what the user edits there reaches the store.
"""

from __future__ import annotations

import time
from typing import Any, Callable

from mirage_lsd.obs_script.filters.look_settings import LookSettings
from mirage_lsd.obs_script.host.control_block import Area
from mirage_lsd.obs_script.looks.look_state import FilterLook
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.shared.errors import MirageError

PRESETS_WITHIN_S = 5.0

TwinOf = Callable[[str, int], Any]
"""Another stream of a name, for the instance that asks, or None."""


class StreamLook:
    """`worn`: the look of the store. `entered_as`: the filter's name there, "" until it is. `to_write`: what OBS's
    settings lack. `refusal`: what the store said to the window's last edits, "" if nothing."""

    def __init__(self, slot: Area, looks: LookStore, twin_of: TwinOf) -> None:
        self._slot, self._instance = slot, slot.get("instance")
        self._looks, self._twin_of = looks, twin_of
        self._settings, self._since = LookSettings(), time.monotonic()
        self.worn = FilterLook("")
        self.entered_as = self.refusal = ""
        self.to_write: dict[str, Any] = {}

    def enter(self, name: str, raw: dict[str, Any]) -> bool:
        """Bring the filter to the look store; False while its name or the presets have not come."""
        waited = time.monotonic() - self._since > PRESETS_WITHIN_S
        if not name or (raw.get("preset") and not self._looks.state.presets and not waited):
            return False
        self.entered_as = name
        twin = self._twin_of(name, self._instance)
        if twin is not None and twin.look.entered_as:
            self._settings = twin.look._settings.copy()
            self._looks.add_twin(self._instance, twin.instance, self._slot)
        else:
            look = self._settings.first_look(raw, self._looks.state)
            self._looks.add(self._instance, name, look, self._slot)
        return True

    def rename(self, name: str) -> None:
        """The filter is called so now."""
        if self.entered_as and self.entered_as != name:
            self.entered_as = name
            self._looks.rename(self._instance, name)

    def read(self, raw: dict[str, Any]) -> None:
        """Submit what the user changed in the window."""
        for command in self._settings.commands(raw, self.entered_as):
            try:
                self._looks.submit(command, self._instance)
            except MirageError as error:
                self.refusal = str(error)

    def follow(self) -> None:
        """Take the store's look; note what OBS's settings lack of it."""
        self.worn = self._looks.look(self._instance)
        if self.worn.revision != self._settings.written:
            self.to_write = {**self.to_write, **self._settings.to_write(self.worn.look, self.worn.revision)}
            self._slot.put("look_written", self.worn.revision)
        if self._settings.shows(self.worn.look):
            self.refusal = ""  # else the window still shows what was refused

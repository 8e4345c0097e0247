# SPDX-License-Identifier: Apache-2.0
"""The buttons of the properties window: Lua counts the presses, this turns them into look commands.

Used by the plugin's listener thread alone, which never waits for the worker: "Off" works while the worker hangs.
Invariant: each press is one command.
"""

from __future__ import annotations

from typing import Callable

from mirage_lsd.obs_script.host.control_block import BUTTONS, Area, ControlBlock
from mirage_lsd.obs_script.looks.look_state import WINDOW
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.look_commands import (
    ClearLook,
    NextPreset,
    PreviousPreset,
    RandomPreset,
    Redo,
    TurnOff,
    Undo,
)

_COMMANDS = {
    "undo": Undo, "redo": Redo, "next": NextPreset, "previous": PreviousPreset, "random": RandomPreset, "off": TurnOff,
    "clear": ClearLook,
}


class Buttons:
    """`open_presets`: called when the user wants to see the preset file."""

    def __init__(self, block: ControlBlock, looks: LookStore, open_presets: Callable[[], None]) -> None:
        self._block, self._looks, self._open_presets = block, looks, open_presets
        self._seen: dict[tuple[int, str], int] = {}

    def step(self) -> None:
        """Do what was pressed since the last look."""
        present = set()
        for _, slot in self._block.used():
            instance = slot.get("instance")
            present.add(instance)
            if not self._looks.has(instance):
                continue  # a press waits until its filter is at the look store
            for name in BUTTONS:
                presses = slot.get(f"{name}_presses")
                for _ in range(presses - self._seen.get((instance, name), 0)):
                    self._press(name, slot)
                self._seen[instance, name] = presses
        self._seen = {key: count for key, count in self._seen.items() if key[0] in present}

    def _press(self, name: str, slot: Area) -> None:
        if name == "open_presets":
            self._open_presets()
            return
        target = f"{slot.text('parent_name')}/{slot.text('filter_name')}"
        try:
            self._looks.submit(_COMMANDS[name](target=target, origin=WINDOW), slot.get("instance"))
        except MirageError:
            return  # the look store has told everyone

# SPDX-License-Identifier: Apache-2.0
"""The script's gesture settings as one checked value.

Read on OBS's UI thread whenever the script's settings change. Invariant: an instance is valid; what is not known is
taken for its default and never refused, as OBS stores whatever was set once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mirage_lsd.shared.messages.gesture_lines import ORIGIN
from mirage_lsd.shared.messages.look import GESTURES
from mirage_lsd.shared.messages.look_commands import (
    LookCommand,
    NextPreset,
    PreviousPreset,
    RandomPreset,
    Redo,
    TurnOff,
    TurnOn,
    Undo,
)

ACTIONS: dict[str, tuple[str, LookCommand | None]] = {
    "": ("Nothing", None),
    "next": ("Next preset", NextPreset(origin=ORIGIN)),
    "previous": ("Previous preset", PreviousPreset(origin=ORIGIN)),
    "random": ("Any preset", RandomPreset(origin=ORIGIN)),
    "undo": ("Undo", Undo(origin=ORIGIN)),
    "redo": ("Redo", Redo(origin=ORIGIN)),
    "off": ("Off: the source untouched", TurnOff(origin=ORIGIN)),
    "on": ("On", TurnOn(origin=ORIGIN)),
}
"""Key in the settings -> (what the list shows, the command)."""
KEY = "gesture:"
DEFAULTS: dict[str, Any] = {
    "gestures_on": False, "gestures_mirrored": False, "gestures_source": "", KEY + "open_palm": "on",
    KEY + "fist": "off", KEY + "thumbs_up": "", KEY + "victory": "undo", KEY + "swipe_left": "previous",
    KEY + "swipe_right": "next",
}


@dataclass(frozen=True)
class GestureSettings:
    """source: the filtered source in which hands are looked for, "" for the first. actions: a key of ACTIONS for each
    gesture; a preset that names the gesture wins."""

    on: bool = False
    mirrored: bool = False
    source: str = ""
    actions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> GestureSettings:
        """From the script's settings; what is missing has its default."""
        got = {key: content.get(key, default) for key, default in DEFAULTS.items()}
        actions = {gesture: str(got[KEY + gesture]) for gesture in GESTURES[1:]}
        known = {gesture: action if action in ACTIONS else "" for gesture, action in actions.items()}
        return cls(bool(got["gestures_on"]), bool(got["gestures_mirrored"]), str(got["gestures_source"]), known)

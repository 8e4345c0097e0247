# SPDX-License-Identifier: Apache-2.0
"""A sense's line in the filters' status: what it is doing, or for a while what it just noticed.

Used by the supervisor thread. Invariant: one line a sense, none while it is off.
"""

from __future__ import annotations

import time

SHOWN_S = 8.0


class StatusNote:
    """`notes`: the plugin's lines; the one called `name` is written here."""

    def __init__(self, notes: dict[str, str], name: str) -> None:
        self._notes, self._name = notes, name
        self._said, self._said_until = "", 0.0

    def say(self, text: str) -> None:
        """Something worth showing for SHOWN_S."""
        self._said, self._said_until = text, time.monotonic() + SHOWN_S

    @property
    def said(self) -> str:
        """What was said last, "" once it has been shown for long enough."""
        return self._said if time.monotonic() < self._said_until else ""

    def write(self, text: str) -> None:
        """What it is doing; "" takes the line away."""
        if text:
            self._notes[self._name] = f"{self._name.capitalize()}: {text}"
        else:
            self._notes.pop(self._name, None)

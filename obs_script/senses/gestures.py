# SPDX-License-Identifier: Apache-2.0
"""Gestures in OBS: the process that looks at a filter's source, and the way of a gesture to the look store.

set() is called on OBS's UI thread, step() on the supervisor thread, which never waits here. Invariants: a gesture is a
look command like any other, with origin "gesture"; without gestures wanted there is no process; the process only reads
the ring that the filter writes for the worker anyway.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from mirage_lsd.obs_script.host.libobs import LibObs
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.obs_script.processes.line_process import LineProcess
from mirage_lsd.obs_script.senses.gesture_settings import ACTIONS, GestureSettings
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.gesture_lines import LINES, ORIGIN, GestureLaunch, Seen, Watch
from mirage_lsd.shared.messages.look_commands import ApplyPreset, LookCommand
from mirage_lsd.shared.messages.process_lines import Failed

SHOWN_S = 8.0


class Gestures:
    """`settings`: how to look. `notes`: the plugin's; the line called "gestures" is written here."""

    def __init__(self, libobs: LibObs, looks: LookStore, notes: dict, wake: Callable[[], None]) -> None:
        self._libobs, self._looks, self._notes, self._wake = libobs, looks, notes, wake
        self.settings = GestureSettings()
        self._process = LineProcess("gestures", LINES, libobs.log, wake)
        self._watched = ""
        self._said, self._said_until = "", 0.0

    def set(self, settings: GestureSettings) -> None:
        """Look in this manner from now on."""
        self.settings = settings
        self._wake()

    def start(self, python: str, folder: str) -> None:
        """There is an installation: from now on a process can run."""
        self._process.install(python, folder)

    def step(self, streams: Mapping[int, Any]) -> None:
        """One round; `streams`: the filters, as FilterHost has them."""
        settings = self.settings
        self._process.step(GestureLaunch(settings.mirrored) if settings.on else None)
        ring = self._ring(streams, settings.source)
        if not self._process.ready:
            self._watched = ""
        elif ring != self._watched:
            self._watched = ring
            self._process.send(Watch(ring))
        while not self._process.heard.empty():
            self._take(self._process.heard.get())
        self._tell(settings.on)

    def close(self) -> None:
        """The plugin stops."""
        self._process.end()

    @staticmethod
    def _ring(streams: Mapping[int, Any], source: str) -> str:
        """The input ring of the first filter on that source, "" while there is none."""
        wanted = (stream for stream in streams.values() if source in ("", stream.names[0]))
        return next((stream.input_ring for stream in wanted if stream.input_ring), "")

    def _take(self, message: Any) -> None:
        if isinstance(message, Seen):
            self._do(message.gesture)
        elif isinstance(message, Failed):
            self._say(message.text)
            self._libobs.log(f"gestures: {message.text}")

    def _do(self, gesture: str) -> None:
        command = self._command(gesture)
        shown = gesture.replace("_", " ")
        self._libobs.log(f"gestures: {shown}")
        try:
            if command is not None:
                self._looks.submit(command)
            self._say(shown if command is not None else f"{shown} (bound to nothing)")
        except MirageError as error:
            self._say(f"{shown}: {error}")

    def _command(self, gesture: str) -> LookCommand | None:
        for preset in self._looks.state.presets.values():
            if preset.gesture == gesture:
                return ApplyPreset(preset.id, origin=ORIGIN)
        return ACTIONS[self.settings.actions.get(gesture, "")][1]

    def _say(self, text: str) -> None:
        self._said, self._said_until = text, time.monotonic() + SHOWN_S

    def _tell(self, on: bool) -> None:
        """Write the status line."""
        if not on:
            self._notes.pop("gestures", None)
            return
        shown = "looking for hands" if self._watched else "waiting for a filter's picture"
        if self._process.problem:
            shown = self._process.problem
        elif not self._process.ready:
            shown = "starting"
        elif time.monotonic() < self._said_until:
            shown = self._said
        self._notes["gestures"] = f"Gestures: {shown}"

# SPDX-License-Identifier: Apache-2.0
"""Gestures in OBS: the process that looks at a filter's source, and the way of a gesture to the look store.

set() is called on OBS's UI thread, step() on the supervisor thread, which never waits here. Invariants: a gesture is a
look command like any other, with origin "gesture"; without gestures wanted there is no process; the process only reads
the ring that the filter writes for the worker anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mirage_lsd.obs_script.host.libobs import LibObs
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.obs_script.processes.line_process import LineProcess
from mirage_lsd.obs_script.senses.gesture_settings import ACTIONS, GestureSettings
from mirage_lsd.obs_script.senses.status_note import StatusNote
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.gesture_lines import LINES, ORIGIN, GestureLaunch, Seen, Watch
from mirage_lsd.shared.messages.look_commands import ApplyPreset, LookCommand
from mirage_lsd.shared.messages.process_lines import Failed


class Gestures:
    """`settings`: how to look. `notes`: the plugin's; the line called "gestures" is written here."""

    def __init__(self, libobs: LibObs, looks: LookStore, notes: dict[str, str], wake: Callable[[], None]) -> None:
        self._libobs, self._looks, self._wake = libobs, looks, wake
        self._note = StatusNote(notes, "gestures")
        self.settings = GestureSettings()
        self._process = LineProcess("gestures", LINES, libobs.log, wake)
        self._watched = ""

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
        self._note.write(self._status() if settings.on else "")

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
            self._note.say(message.text)
            self._libobs.log(f"gestures: {message.text}")

    def _do(self, gesture: str) -> None:
        command = self._command(gesture)
        shown = gesture.replace("_", " ")
        self._libobs.log(f"gestures: {shown}")
        try:
            if command is not None:
                self._looks.submit(command)
            self._note.say(shown if command is not None else f"{shown} (bound to nothing)")
        except MirageError as error:
            self._note.say(f"{shown}: {error}")

    def _command(self, gesture: str) -> LookCommand | None:
        for preset in self._looks.state.presets.values():
            if preset.gesture == gesture:
                return ApplyPreset(preset.id, origin=ORIGIN)
        return ACTIONS[self.settings.actions.get(gesture, "")][1]

    def _status(self) -> str:
        if self._process.problem:
            return self._process.problem
        if not self._process.ready:
            return "starting"
        return self._note.said or ("looking for hands" if self._watched else "waiting for a filter's picture")

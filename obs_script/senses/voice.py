# SPDX-License-Identifier: Apache-2.0
"""Voice in OBS: the source that is listened to, the process that recognises, how a command gets to the look store.

set() is called on OBS's UI thread, talk() on a hotkey's, step() on the supervisor thread, which does everything else
and never waits here. Invariants: a voice command is a look command like any other, with origin "voice"; without voice
wanted there is no process, no tap and no ring; whatever goes wrong is a line of the filters' status.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

from mirage_lsd.obs_script.host.libobs import LibObs
from mirage_lsd.obs_script.looks.look_store import LookStore
from mirage_lsd.obs_script.processes.line_process import LineProcess
from mirage_lsd.obs_script.senses.source_sound import RING_FILE, SourceSound
from mirage_lsd.obs_script.senses.status_note import StatusNote
from mirage_lsd.obs_script.senses.voice_settings import MICROPHONE, VoiceSettings
from mirage_lsd.shared.channel.session_folder import SessionFolder
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.process_lines import Failed
from mirage_lsd.shared.messages.voice_lines import (
    LINES,
    LOST,
    PUSH_TO_TALK,
    Awake,
    Ready,
    Rejected,
    Talk,
    Tune,
    Understood,
    VoiceLaunch,
)

REASONS = {"unsure": "not sure enough", "cooldown": "too soon after the last", "not_understood": "not understood"}
TOO_BUSY = "the machine is too busy to listen all the time; say it again"


class Voice:
    """`settings`: how to listen. `notes`: the plugin's; the line called "voice" is written here."""

    def __init__(self, libobs: LibObs, looks: LookStore, notes: dict[str, str], wake: Callable[[], None]) -> None:
        self._libobs, self._looks, self._wake = libobs, looks, wake
        self.settings = VoiceSettings()
        self._keys: queue.SimpleQueue = queue.SimpleQueue()
        self._process = LineProcess("voice", LINES, libobs.log, wake)
        self._sound = SourceSound(libobs)
        self._note = StatusNote(notes, "voice")
        self._tuned: Tune | None = None
        self._state = self._remarks = ""

    def set(self, settings: VoiceSettings) -> None:
        """Listen in this manner from now on."""
        self.settings = settings
        self._wake()

    def talk(self, held: bool) -> None:
        """The push-to-talk key went down or up."""
        self._keys.put(held)
        self._wake()

    def start(self, python: str, session: SessionFolder) -> None:
        """There is an installation: from now on a process can run."""
        self._sound.ring_path = session.path_of(RING_FILE)
        self._process.install(python, session.path)

    def step(self) -> None:
        """One round of everything."""
        if not self._sound.ring_path:
            return
        settings = self.settings
        if settings.on and settings.source != MICROPHONE:
            self._sound.tap(settings.source)
        else:
            self._sound.stop()
        self._process.step(self._launch(settings) if settings.on else None)
        self._tune(settings)
        while not self._keys.empty():
            self._process.send(Talk(self._keys.get()))
        while not self._process.heard.empty():
            self._take(self._process.heard.get())
        self._note.write(self._status(settings))

    def close(self) -> None:
        """The plugin stops."""
        self._process.end()
        self._sound.stop()

    def _launch(self, settings: VoiceSettings) -> VoiceLaunch:
        """The first line for a process; what Tune can change later is left at its default, so that it never ends it."""
        ring = "" if settings.source == MICROPHONE else self._sound.ring_path
        return VoiceLaunch(ring, settings.microphone, settings.engine, settings.model, settings.language)

    def _tune(self, settings: VoiceSettings) -> None:
        wanted = Tune(settings.mode, settings.wake_word, settings.threshold, settings.cooldown_ms)
        if not self._process.ready:
            self._tuned = Tune()
        elif wanted != self._tuned:
            self._tuned = wanted
            self._process.send(wanted)

    def _take(self, message: Any) -> None:
        if isinstance(message, Understood):
            self._do(message)
        elif isinstance(message, Awake):
            self._note.say("listening ...")
        elif isinstance(message, Rejected) and message.reason == LOST:
            self._note.say(TOO_BUSY)
            self._libobs.log(f"voice: {TOO_BUSY}")
        elif isinstance(message, Rejected):
            self._note.say(f'heard "{message.text}": {REASONS.get(message.reason, message.reason)}')
        elif isinstance(message, Ready):
            call = "hold the push-to-talk key" if not message.wake_word else f'say "{message.wake_word}, undo"'
            self._state = f"{message.engine} ({message.language}) knows {message.commands} commands; {call}"
            self._remarks = "; ".join(message.remarks)
            self._libobs.log(f"voice: {self._state}. {self._remarks}")
        elif isinstance(message, Failed):
            self._note.say(message.text)
            self._libobs.log(f"voice: {message.text}")

    def _do(self, heard: Understood) -> None:
        try:
            self._looks.submit(heard.look_command)
        except MirageError as error:
            self._note.say(f'heard "{heard.text}": {error}')
            return
        self._note.say(f'"{heard.text}" ({heard.confidence:.0%} sure)')
        self._libobs.log(f"voice: {heard.text!r}, confidence {heard.confidence:.2f}, {heard.latency_ms:.0f} ms")

    def _status(self, settings: VoiceSettings) -> str:
        if not settings.on:
            return ""
        shown = self._state if self._process.ready else "starting"
        if self._process.problem or self._sound.problem:
            return self._process.problem or self._sound.problem
        if self._note.said:
            return self._note.said
        return f"{shown}. {self._remarks}" if settings.mode != PUSH_TO_TALK and self._remarks else shown

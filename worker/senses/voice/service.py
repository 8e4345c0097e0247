# SPDX-License-Identifier: Apache-2.0
"""The voice process's loop: sound in, the owner's lines in, events out; presets are read again when their file changes.

Runs on the process's main thread, started by __main__.py: the owner, the OBS half or the CLI, writes one launch line
(voice_lines.VoiceLaunch) to standard input and reads events, one JSON object a line, from standard output. It keeps
OBS's own priority: it works for a moment after a phrase, and at a lower one a busy machine answers seconds later.
Invariants: that of worker/processes/line_process.py; a bad preset file or line never ends it, the last good presets
stay.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.process_lines import Failed, LineMessage
from mirage_lsd.shared.messages.voice_lines import (
    LINES,
    LOST,
    WAKE_WORD,
    Ready,
    Rejected,
    Reload,
    Talk,
    Tune,
    VoiceLaunch,
)
from mirage_lsd.shared.ring.audio_ring import AudioRing
from mirage_lsd.worker.presets import presets
from mirage_lsd.worker.processes.line_process import run
from mirage_lsd.worker.senses.voice.engines.engine import farewell, load
from mirage_lsd.worker.senses.voice.intents import SpokenPreset, spoken_presets
from mirage_lsd.worker.senses.voice.listener import Listener, Manner
from mirage_lsd.worker.senses.voice.microphone import Microphone

POLL_S = 0.02
PRESETS_POLL_S = 0.5


class RingSource:
    """The audio ring as a source: `read` waits a poll and returns what has come."""

    def __init__(self, path: str) -> None:
        self._ring = AudioRing.open(path)

    @property
    def lost_samples(self) -> int:
        """How many were overwritten before they were read."""
        return self._ring.lost_samples

    def read(self) -> np.ndarray:
        """int16 samples since the last read, maybe none."""
        time.sleep(POLL_S)
        return np.frombuffer(self._ring.read(), np.int16)

    def close(self) -> None:
        """Unmap."""
        self._ring.close()


class VoiceService:
    """One voice process: made from its launch line and a function that sends events."""

    def __init__(self, launch: VoiceLaunch, tell: Callable[[LineMessage], None]) -> None:
        self._launch = launch
        self._tell = tell
        self._files: tuple[Path, ...] = ()
        self._spoken: tuple[SpokenPreset, ...] = ()
        self._problem = self._read_presets()
        self._stamps, self._next_look_s = self._stamps_now(), 0.0
        self._tune = Tune(launch.mode, launch.wake_word, launch.confidence, launch.cooldown_ms)
        self._held, self._lost_samples = False, 0
        self._engine = load(launch.engine, launch.model, launch.threads, launch.language)
        self._listener = Listener(self._engine)

    def run(self, lines: queue.SimpleQueue) -> None:
        """Until the process ends."""
        source = RingSource(self._launch.audio_ring) if self._launch.audio_ring else Microphone(self._launch.microphone)
        try:
            self._use()
            self._tell_problem()
            while True:
                self._obey(lines)
                self._watch_presets()
                samples = source.read()
                self._notice_loss(source.lost_samples)
                if self._held or self._tune.mode == WAKE_WORD:
                    for event in self._listener.hear(samples):
                        self._tell(event)
        finally:
            source.close()
            self._engine.close()

    def _notice_loss(self, lost_samples: int) -> None:
        """What was said before a gap and after it is not one phrase."""
        if lost_samples != self._lost_samples:
            self._lost_samples = lost_samples
            self._listener.forget()
            self._tell(Rejected(LOST, "", 0.0))

    def _use(self) -> None:
        """Take over presets and manner; says so."""
        wake_word = self._tune.wake_word if self._tune.mode == WAKE_WORD else ""
        remarks = farewell(self._launch.engine) + self._listen_for(wake_word)
        commands = len(self._listener.book.fixed)
        self._tell(Ready(self._engine.name, self._launch.language, wake_word, commands, remarks))

    def _listen_for(self, wake_word: str) -> tuple[str, ...]:
        threshold = self._tune.confidence or self._engine.threshold
        return self._listener.use(self._spoken, Manner(wake_word, threshold, self._tune.cooldown_ms))

    def _obey(self, lines: queue.SimpleQueue) -> None:
        while not lines.empty():
            try:
                self._do(LINES.read(lines.get()))
            except MirageError as error:
                self._tell(Failed(error.code, str(error)))

    def _do(self, message: object) -> None:
        if isinstance(message, Reload):
            self._reload()
        elif isinstance(message, Tune):
            self._tune = message
            self._use()
        elif isinstance(message, Talk):
            self._talk(message.held)

    def _talk(self, held: bool) -> None:
        """The key went down or up. While it is down no wake word is needed, whatever the mode."""
        if held and not self._held:
            if self._tune.mode == WAKE_WORD:
                self._listen_for("")
            self._listener.start_talking()
        elif self._held and not held:
            for event in self._listener.stop_talking():
                self._tell(event)
            if self._tune.mode == WAKE_WORD:
                self._listen_for(self._tune.wake_word)
        self._held = held

    def _watch_presets(self) -> None:
        if time.monotonic() < self._next_look_s:
            return
        self._next_look_s = time.monotonic() + PRESETS_POLL_S
        stamps = self._stamps_now()
        if stamps != self._stamps:
            self._stamps = stamps
            self._reload()

    def _reload(self) -> None:
        self._problem = self._read_presets()
        if not self._problem:
            self._use()
        self._tell_problem()

    def _tell_problem(self) -> None:
        if self._problem:
            self._tell(Failed(presets.PresetError.code, self._problem))

    def _read_presets(self) -> str:
        """What is wrong with them, "" if nothing is; then the last good ones stay (the shipped ones at the start)."""
        if self._launch.presets:
            file = Path(self._launch.presets)
            self._files = (file,)
            try:
                library, problem = presets.load_library(file), ""
            except presets.PresetError as error:
                library, problem = {}, str(error)
        else:
            found = presets.load_presets()
            self._files, library, problem = found.files, found.by_id, found.problem
        if not problem or not self._spoken:
            self._spoken = spoken_presets(library)
        return problem

    def _stamps_now(self) -> tuple[int, ...]:
        """When each file was written last; 0 for one that is missing, as editors replace files."""
        return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in self._files)


def main() -> int:
    """Runs the process; returns its exit status."""
    return run(LINES, lambda line, tell: VoiceService(VoiceLaunch.from_line(line), tell))

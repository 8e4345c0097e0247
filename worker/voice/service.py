# SPDX-License-Identifier: Apache-2.0
"""The voice process's loop: sound in, the owner's lines in, events out; presets are read again when their file changes.

Runs on the process's main thread. Invariant: a bad preset file or line never ends it; the last good presets stay.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker import presets
from mirage_lsd.worker.voice.audio_ring import AudioRing
from mirage_lsd.worker.voice.engine import load
from mirage_lsd.worker.voice.intents import SpokenPreset, spoken_presets
from mirage_lsd.worker.voice.listener import Listener, Manner
from mirage_lsd.worker.voice.microphone import Microphone
from mirage_lsd.worker.voice.protocol import Event, Failed, Ready, Reload, Talk, Tune, VoiceLaunch, read_message

POLL_S = 0.02
PRESETS_POLL_S = 0.5


class RingSource:
    """The audio ring as a source: `read` waits a poll and returns what has come."""

    def __init__(self, path: str) -> None:
        self._ring = AudioRing.open(path)

    def read(self) -> np.ndarray:
        """int16 samples since the last read, maybe none."""
        time.sleep(POLL_S)
        return np.frombuffer(self._ring.read(), np.int16)

    def close(self) -> None:
        """Unmap."""
        self._ring.close()


class VoiceService:
    """One voice process: made from its launch line and a function that sends events."""

    def __init__(self, launch: VoiceLaunch, tell: Callable[[Event], None]) -> None:
        self._launch = launch
        self._tell = tell
        self._file = Path(launch.presets) if launch.presets else presets.LIBRARY
        self._file_changed_ns = self._changed_ns()
        self._next_look_s = 0.0
        self._spoken: tuple[SpokenPreset, ...] = spoken_presets(presets.load_library(self._file))
        self._tune = Tune(launch.mode, launch.wake_word, launch.confidence, launch.cooldown_ms)
        self._held = False
        self._engine = load(launch.engine, launch.model, launch.threads)
        self._listener = Listener(self._engine)

    def run(self, lines: queue.SimpleQueue) -> None:
        """Until the process ends."""
        source = RingSource(self._launch.audio_ring) if self._launch.audio_ring else Microphone(self._launch.microphone)
        try:
            self._use()
            while True:
                self._obey(lines)
                self._watch_presets()
                samples = source.read()
                if self._held or self._tune.mode == "wake_word":
                    for event in self._listener.hear(samples):
                        self._tell(event)
        finally:
            source.close()
            self._engine.close()

    def _use(self) -> None:
        """Take over presets and manner; says so."""
        wake_word = self._tune.wake_word if self._tune.mode == "wake_word" else ""
        threshold = self._tune.confidence or self._engine.threshold
        remarks = self._listener.use(self._spoken, Manner(wake_word, threshold, self._tune.cooldown_ms))
        self._tell(Ready(self._engine.name, wake_word, len(self._listener.book.fixed), remarks))

    def _obey(self, lines: queue.SimpleQueue) -> None:
        while not lines.empty():
            try:
                self._do(read_message(lines.get()))
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
        if held and not self._held:
            self._listener.start_talking()
        elif self._held and not held:
            for event in self._listener.stop_talking():
                self._tell(event)
        self._held = held

    def _watch_presets(self) -> None:
        if time.monotonic() < self._next_look_s:
            return
        self._next_look_s = time.monotonic() + PRESETS_POLL_S
        changed_ns = self._changed_ns()
        if changed_ns and changed_ns != self._file_changed_ns:
            self._file_changed_ns = changed_ns
            self._reload()

    def _reload(self) -> None:
        try:
            self._spoken = spoken_presets(presets.load_library(self._file))
            self._use()
        except MirageError as error:
            self._tell(Failed(error.code, str(error)))

    def _changed_ns(self) -> int:
        """When the file was written last; 0 while it is missing, as editors replace files."""
        try:
            return self._file.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

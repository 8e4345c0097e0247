# SPDX-License-Identifier: Apache-2.0
"""A system microphone through SpeechRecognition, as blocks of 16 kHz mono int16.

Called by the voice process when no audio ring is given. SpeechRecognition opens the device (PyAudio or, where that is
missing, sounddevice behind the same two calls). Invariant: `read` returns what has come and never waits longer than a
block.
"""

from __future__ import annotations

import importlib
from collections import deque
from typing import Any

import numpy as np

from mirage_lsd.worker.senses.voice.errors import VoiceError

RATE_HZ = 16_000
BLOCK_SAMPLES = 512
_MAX_BLOCKS = 8 * RATE_HZ // BLOCK_SAMPLES
_INSTALL = "install it with: pip install 'mirage-lsd[voice]'"


class Microphone:
    """An open microphone; `read` for what has come, `close` when done."""

    def __init__(self, name: str = "") -> None:
        try:
            self._source: Any = _SpeechRecognitionSource(name)
        except ImportError:
            self._source = _SoundDeviceSource(name)

    def read(self) -> np.ndarray:
        """int16 samples since the last read; waits for at least a block."""
        return self._source.read()

    @property
    def lost_samples(self) -> int:
        """How many were dropped before they were read, as far as the library says."""
        return self._source.lost_samples

    def close(self) -> None:
        """Close the device."""
        self._source.close()


class _SpeechRecognitionSource:
    """SpeechRecognition's Microphone, which needs PyAudio. ImportError without either."""

    lost_samples = 0  # it does not say

    def __init__(self, name: str) -> None:
        speech = importlib.import_module("speech_recognition")
        importlib.import_module("pyaudio")
        names = speech.Microphone.list_microphone_names()
        index = _index_of(name, names)
        try:
            self._microphone = speech.Microphone(device_index=index, sample_rate=RATE_HZ, chunk_size=BLOCK_SAMPLES)
            self._stream = self._microphone.__enter__().stream
        except (OSError, AttributeError) as error:
            raise VoiceError(f"the microphone cannot be opened: {error}", "microphone_missing") from error

    def read(self) -> np.ndarray:
        return np.frombuffer(self._stream.read(BLOCK_SAMPLES), np.int16)

    def close(self) -> None:
        self._microphone.__exit__(None, None, None)


class _SoundDeviceSource:
    """sounddevice, which brings its own PortAudio on Windows and macOS; its callback runs on a thread of its own."""

    def __init__(self, name: str) -> None:
        try:
            device = importlib.import_module("sounddevice")
        except ImportError as error:
            raise VoiceError(f"no microphone library: {_INSTALL}", "engine_missing") from error
        except OSError as error:  # its import fails where PortAudio is missing
            text = "PortAudio is missing; on Debian or Ubuntu: apt-get install libportaudio2"
            raise VoiceError(text, "microphone_missing") from error
        self._blocks: deque[np.ndarray] = deque(maxlen=_MAX_BLOCKS)
        self.lost_samples = 0
        try:
            names = [str(found["name"]) if found["max_input_channels"] else "" for found in device.query_devices()]
            self._stream = device.InputStream(
                samplerate=RATE_HZ, channels=1, dtype="int16", blocksize=BLOCK_SAMPLES, device=_index_of(name, names),
                callback=self._keep,
            )
            self._stream.start()
        except device.PortAudioError as error:
            raise VoiceError(f"the microphone cannot be opened: {error}", "microphone_missing") from error
        self._sleep = device.sleep

    def _keep(self, data: np.ndarray, *_: object) -> None:
        if len(self._blocks) == _MAX_BLOCKS:
            self.lost_samples += BLOCK_SAMPLES
        self._blocks.append(data[:, 0].copy())

    def read(self) -> np.ndarray:
        self._sleep(BLOCK_SAMPLES * 1000 // RATE_HZ)
        blocks = [self._blocks.popleft() for _ in range(len(self._blocks))]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)

    def close(self) -> None:
        self._stream.close()


def _index_of(name: str, names: list[str]) -> int | None:
    """Index of the microphone whose name has `name` in it; None, the system's own, for "". VoiceError if none has."""
    if not name:
        return None
    for index, found in enumerate(names):
        if name.lower() in found.lower():
            return index
    known = ", ".join(sorted({found for found in names if found})) or "none"
    raise VoiceError(f"no microphone is called {name!r}; there are: {known}", "microphone_missing")

# SPDX-License-Identifier: Apache-2.0
"""The real voice process: launched over pipes, hears speech from a real audio ring, answers, ends with its owner."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import pytest

from mirage_lsd.shared import clock
from mirage_lsd.shared.messages.look_commands import ApplyPreset, Redo, Undo
from mirage_lsd.shared.messages.process_lines import Failed, LineError
from mirage_lsd.shared.messages.voice_lines import (
    LINES,
    LOST,
    Awake,
    Ready,
    Rejected,
    Reload,
    Talk,
    Tune,
    Understood,
    VoiceLaunch,
)
from mirage_lsd.shared.ring.audio_ring import AudioRing

PRESETS = '[forest]\nname = "Forest"\nprompt = "forest"\n'
LONG_S = 120


def spoken(text: str, folder: Path) -> np.ndarray:
    """The text by espeak-ng as int16 at 16 kHz, with silence around it."""
    if shutil.which("espeak-ng") is None:
        pytest.fail("espeak-ng is not installed: apt-get install espeak-ng")
    file = folder / "speech.wav"
    subprocess.run(["espeak-ng", "-v", "en-us+f3", "-s", "150", "-w", str(file), text], check=True)
    with wave.open(str(file)) as opened:
        rate_hz = opened.getframerate()
        samples = np.frombuffer(opened.readframes(opened.getnframes()), "<i2").astype(np.float32)
    places = np.arange(0, samples.size - 1, rate_hz / 16_000)
    speech = np.interp(places, np.arange(samples.size), samples) * 0.5
    quiet = np.random.default_rng(0).standard_normal(16_000) * 20
    return np.concatenate([quiet, speech, quiet]).astype(np.int16)


class Process:
    """A voice process on a ring, with its events as they come."""

    def __init__(self, folder: Path, **launch: object) -> None:
        self.folder = folder
        self.ring = AudioRing.create(str(folder / "audio"), capacity_samples=60 * 16_000)
        self.presets = folder / "presets.toml"
        self.presets.write_text(PRESETS)
        line = VoiceLaunch(audio_ring=self.ring.path, presets=str(self.presets), **launch).to_line()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mirage_lsd.worker.senses.voice"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )
        self.events: Queue = Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.send(line)

    def _read(self) -> None:
        for line in self.process.stdout:
            self.events.put(LINES.read(line))

    def send(self, line: str) -> None:
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def event(self, kind: str) -> Any:
        """The next event, which must be of this type."""
        event = self.events.get(timeout=LONG_S)
        assert type(event).__name__.lower() == kind, event
        return event

    def say(self, text: str) -> None:
        self.ring.write(spoken(text, self.folder).tobytes(), clock.now_ns())


@pytest.fixture
def started(tmp_path: Path) -> Iterator:
    made: list[Process] = []

    def start(**launch: object) -> Process:
        made.append(Process(tmp_path, **launch))
        return made[-1]

    yield start
    for each in made:
        each.process.kill()
        each.process.wait()
        each.process.stdin.close()
        each.process.stdout.close()
        each.ring.close()


def test_speech_becomes_commands_and_a_new_preset_can_be_said_at_once(started) -> None:
    voice = started(engine="whisper", cooldown_ms=0)
    ready = voice.event("ready")
    assert (ready.engine, ready.language, ready.wake_word) == ("whisper", "en", "mirage")
    voice.say("Mirage, undo")
    heard = voice.event("understood")
    assert (heard.look_command, heard.text) == (Undo(origin="voice"), "undo")
    voice.say("The weather is lovely today")
    voice.presets.write_text(PRESETS + '[space]\nname = "Outer galaxy"\nprompt = "space"\n')
    assert voice.event("ready").commands > ready.commands
    voice.say("Mirage, outer galaxy")
    assert voice.event("understood").look_command == ApplyPreset("space", origin="voice")


def test_a_broken_preset_file_leaves_the_last_good_one_and_pipes_end_the_process(started) -> None:
    voice = started(engine="pocketsphinx")
    voice.event("ready")
    voice.presets.write_text("[forest\n")
    assert voice.event("failed").code == "bad_preset"
    voice.send('{"type": "sing"}\n')
    assert voice.event("failed").code == "bad_settings"
    voice.send('{"type": "tune", "mode": "push_to_talk"}\n')
    assert voice.event("ready").wake_word == ""
    voice.process.stdin.close()
    assert voice.process.wait(timeout=LONG_S) == 0


@pytest.mark.parametrize(
    ("launch", "code"),
    [({"engine": "psychic"}, "bad_settings"), ({"engine": "whisper", "model": "/none"}, "model_missing")],
)
def test_what_cannot_work_is_said_and_the_process_ends(started, launch: dict, code: str) -> None:
    voice = started(**launch)
    assert voice.event("failed").code == code
    assert voice.process.wait(timeout=LONG_S) == 2


def test_an_engine_that_is_no_more_is_told_of_once_and_another_listens(started) -> None:
    voice = started(engine="moonshine", model="/somewhere/tiny-en")
    ready = voice.event("ready")
    assert ready.engine == "whisper" and sum("moonshine is no longer" in remark for remark in ready.remarks) == 1
    voice.say("Mirage, undo")
    assert voice.event("understood").look_command == Undo(origin="voice")


def test_lost_sound_is_told_and_the_halves_around_it_are_not_one_phrase(started) -> None:
    voice = started(engine="whisper", cooldown_ms=0)
    voice.event("ready")
    said = spoken("Mirage, undo", voice.folder)
    voice.ring.write(said[: said.size // 2].tobytes(), clock.now_ns())
    os.kill(voice.process.pid, signal.SIGSTOP)
    voice.ring.write(np.zeros(voice.ring.capacity_samples, np.int16).tobytes(), clock.now_ns())
    os.kill(voice.process.pid, signal.SIGCONT)
    assert voice.event("rejected").reason == LOST
    voice.say("Mirage, redo")
    assert voice.event("understood").look_command == Redo(origin="voice")


def test_it_keeps_its_owners_priority(started) -> None:
    voice = started(engine="pocketsphinx")
    voice.event("ready")
    assert os.getpriority(os.PRIO_PROCESS, voice.process.pid) == os.getpriority(os.PRIO_PROCESS, 0)


def test_killing_it_leaves_the_ring_to_its_owner(started) -> None:
    voice = started(engine="pocketsphinx")
    voice.event("ready")
    voice.process.kill()
    voice.process.wait()
    started_at = time.monotonic()
    voice.ring.write(np.zeros(160_000, np.int16).tobytes(), clock.now_ns())  # never waits for the dead
    assert time.monotonic() - started_at < LONG_S
    assert voice.ring.head == 160_000


def test_lines_of_the_owner_are_read_strictly() -> None:
    assert LINES.read('{"type": "talk", "held": true}') == Talk(True)
    assert LINES.read('{"type": "tune", "wake_word": "hey mirror"}') == Tune(wake_word="hey mirror")
    for wrong in ("", "[]", "{}", '{"type": "talk"}', '{"type": "talk", "held": 1}', '{"type": "tune", "x": 1}', "\0"):
        with pytest.raises(LineError):
            LINES.read(wrong)


@pytest.mark.parametrize(
    "message",
    [
        Understood.of(ApplyPreset("forest", origin="voice"), "forest", 0.5, 301.2),
        Understood.of(Undo(origin="voice"), "undo", 0.25, 1.0),
        Ready("whisper", "en", "mirage", 70, ("a remark",)),
        Awake(),
        Rejected("unsure", "forest", 0.2),
        Failed("bad_preset", "line 3 is wrong"),
        Talk(True),
        Tune(wake_word="hey mirror"),
        Reload(),
    ],
)
def test_every_message_comes_back_from_its_line(message: object) -> None:
    line = LINES.write(message)
    assert line.endswith("}\n") and line.count("\n") == 1
    assert LINES.read(line) == message

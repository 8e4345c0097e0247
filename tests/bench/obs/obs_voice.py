#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many commands that a media source speaks are understood in a real OBS, on an idle or a busy machine.

    python tests/bench/obs/obs_voice.py [--times 50] [--load 4] [--voices tuning] [--json FILE]

Each command is said once. It counts when exactly one command comes of it and means what was said; the same sound is
given to a listener without OBS beside it, so that what the machine does is told from what the recogniser does. What
the audio ring got is compared with what was played: the ms of it that are missing or changed. answered_ms is from the
last of the speech in the ring to the command in OBS's log, by the wall clock, within POLL_S. Exits 1 if a command
that the listener alone understands is not understood in OBS.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

CHECKOUT = Path(__file__).resolve().parents[3]
FOLDERS = ("installers", "installers/obs", "tests/support", "tests/support/obs", "tests/bench")
sys.path[:0] = [str(CHECKOUT / folder) for folder in FOLDERS]

from bench_options import add_load_option, load_beside_obs
from obs_scene import Script, image_source, media_source, mirage_filter
from studio import MIRAGE_SCRIPT, Studio, picture_file
from voice_accuracy import COMMANDS, VOICES

from mirage_lsd.shared.messages.voice_lines import Understood
from mirage_lsd.shared.ring.audio_ring import AudioRing
from mirage_lsd.worker.bench.machine import describe
from mirage_lsd.worker.presets.presets import load_library
from mirage_lsd.worker.senses.voice.engines.engine import load
from mirage_lsd.worker.senses.voice.intents import Phrasebook, spoken_presets
from mirage_lsd.worker.senses.voice.listener import Listener, Manner
from mirage_lsd.worker.train.voice.speech import RATE_HZ, pcm16, speak, write_wav

LEAD_S, TAIL_S = 1.2, 1.2
HEARD_WITHIN_S, SETTLES_S, POLL_S = 60.0, 1.5, 0.02
HEARD = re.compile(r"voice: '([^']*)', confidence")
PIECE_S, ALIKE, LOUD = 0.1, 0.9, 300


@dataclass
class Outcome:
    """One command: said by whom, what OBS and the listener alone made of it, and what became of its sound."""

    command: str
    voice: str
    alone: list[str]
    heard: list[str] = field(default_factory=list)
    answered_ms: int = 0
    damaged_ms: int = 0


class RingRecorder:
    """Keeps what an audio ring gets, read by a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._ring, self._ended = AudioRing.open(str(path)), threading.Event()
        self._pieces: list[tuple[float, bytes]] = []
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def take(self) -> tuple[np.ndarray, np.ndarray]:
        """int16 samples since the last take, and when each was there in s of the monotonic clock."""
        taken, self._pieces = self._pieces, []
        samples = np.frombuffer(b"".join(data for _, data in taken), np.int16)
        return samples, np.repeat([when for when, _ in taken], [len(data) // 2 for _, data in taken])

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._ring.close()

    def _follow(self) -> None:
        while not self._ended.wait(POLL_S):
            self._pieces.append((time.monotonic(), self._ring.read()))


class Bench:
    """An OBS with voice, and the listener beside it."""

    def __init__(self, folder: Path, pipeline: str, processors: int) -> None:
        self._folder = folder
        presets, engine = spoken_presets(load_library()), load("auto")
        self.book = Phrasebook(presets)
        self._listener = Listener(engine)
        self._listener.use(presets, Manner("mirage", engine.threshold, 0))
        picture_file(folder / "still.png", 120, 80)
        write_wav(folder / "0.wav", _quiet(LEAD_S))
        still = image_source("Still", folder / "still.png", filters=[mirage_filter(pipeline=pipeline)])
        speaker = media_source("Speaker", folder / "0.wav", looping=False)
        script = Script(MIRAGE_SCRIPT, {"voice_on": True, "voice_source": "Speaker", "voice_cooldown_ms": 0})
        worker = "marking" if pipeline == "passthrough" else "real"
        environment = load_beside_obs(folder, processors)
        self.studio = Studio(
            folder / "obs", [still, speaker], worker=worker, scripts=[script], environment=environment
        )

    def start(self) -> None:
        self.studio.start()
        slot = self.studio.slot("Still")
        self.studio.wait_until(lambda: "knows" in (slot.text("status") or ""), "voice listening", 120)
        (session,) = self.studio.sessions()
        self._recorder = RingRecorder(session / "voice.audio")

    def close(self) -> None:
        self._recorder.close()
        self.studio.close()

    def say(self, number: int, command: str, voice: Any) -> Outcome:
        """Once, and wait for what comes of it."""
        sound = np.concatenate([_quiet(LEAD_S), speak(f"Mirage, {command}", voice), _quiet(TAIL_S)])
        alone = [one.text for one in self._listener.hear(pcm16(sound)) if isinstance(one, Understood)]
        outcome = Outcome(command, voice.name, alone)
        file = self._folder / f"{number}.wav"
        write_wav(file, sound)
        before = len(self.studio.log())
        self._recorder.take()
        self.studio.request("SetInputSettings", inputName="Speaker", inputSettings={"local_file": str(file)})
        deadline = time.monotonic() + sound.size / RATE_HZ + HEARD_WITHIN_S
        while not HEARD.search(self.studio.log()[before:]) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        answered = time.monotonic()
        time.sleep(SETTLES_S)
        outcome.heard = HEARD.findall(self.studio.log()[before:])
        ended, outcome.damaged_ms = compared(pcm16(sound), *self._recorder.take())
        outcome.answered_ms = 0 if math.isnan(ended) else round((answered - ended) * 1000)
        return outcome

    def is_right(self, command: str, heard: list[str]) -> bool:
        """Whether exactly one command came, and the right one."""
        return len(heard) == 1 and self.book.read(heard[0]) == self.book.read(command)


def compared(played: np.ndarray, got: np.ndarray, there_s: np.ndarray) -> tuple[float, int]:
    """(when the loud part of what was played had come, ms of it that are not as they were played)."""
    loud = np.flatnonzero(np.abs(played.astype(int)) > LOUD)
    speech = played[loud[0] : loud[-1]].astype(np.float64)
    if got.size < speech.size:
        return math.nan, speech.size * 1000 // RATE_HZ
    size = 1 << (got.size + speech.size).bit_length()
    matches = np.fft.irfft(np.fft.rfft(got.astype(np.float64), size) * np.fft.rfft(speech, size).conj(), size)
    at = int(matches[: got.size - speech.size + 1].argmax())
    piece, bad = int(PIECE_S * RATE_HZ), 0
    for start in range(0, speech.size - piece, piece):
        one, other = speech[start : start + piece], got[at + start : at + start + piece].astype(np.float64)
        if np.abs(one).max() > LOUD:
            bad += bool(one @ other < ALIKE * np.sqrt((one @ one) * (other @ other)) or not other.any())
    return float(there_s[at + speech.size - 1]), bad * int(PIECE_S * 1000)


def _quiet(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(int(seconds * RATE_HZ)).astype(np.float32) * 0.0005


def main() -> int:
    options = _options()
    print("machine:", describe(), flush=True)
    voices = VOICES[options.voices]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.pipeline, options.load)
        try:
            bench.start()
            outcomes = []
            for number in range(1, options.times + 1):
                command = options.commands[number * options.step % len(options.commands)]
                one = bench.say(number, command, voices[number % len(voices)])
                outcomes.append(one)
                right = bench.is_right(command, one.heard)
                print("ok    " if right else "MISSED", number, one, f"load {os.getloadavg()[0]:.1f}", flush=True)
        finally:
            bench.close()
    right = [bench.is_right(one.command, one.heard) for one in outcomes]
    alone = [bench.is_right(one.command, one.alone) for one in outcomes]
    waits = [one.answered_ms for one in outcomes if one.heard] or [0]
    report = {"said": len(outcomes), "understood": sum(right), "understood_by_the_listener_alone": sum(alone),
              "damaged_ms": sum(one.damaged_ms for one in outcomes), "answered_ms": {
                  name: int(np.percentile(waits, share)) for name, share in (("p50", 50), ("p95", 95), ("most", 100))
              }, "load": round(os.getloadavg()[0], 1)}
    print(json.dumps(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return int(any(known and not done for known, done in zip(alone, right, strict=True)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--commands", nargs="+", default=COMMANDS, help="in turns; default: those of voice_accuracy.py")
    parser.add_argument("--step", type=int, default=11, help="from one command of the list to the next")
    parser.add_argument("--voices", choices=VOICES, default="tuning")
    parser.add_argument("--pipeline", default="passthrough", choices=("passthrough", "lsd"), help="lsd: it loads too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    return add_load_option(parser).parse_args()


if __name__ == "__main__":
    sys.exit(main())

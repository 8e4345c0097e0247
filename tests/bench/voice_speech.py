# SPDX-License-Identifier: Apache-2.0
"""Speech, noise and music for the voice benchmarks and tests: made here, seeded, never committed.

Needs espeak-ng, and for the flite voices an ffmpeg built with libflite (Debian's is). All audio is float32 in
-1 … 1, 16 kHz, mono. Invariant: the same arguments give the same samples on the same versions of the programs.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RATE_HZ = 16_000
CACHE = Path(os.environ.get("MIRAGE_LSD_VOICE_CACHE", Path(__file__).resolve().parents[2] / ".cache" / "voice"))
SPEECH_RMS = 0.06


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


# Thresholds were chosen with these voices only.
TUNING_VOICES = (
    Voice("espeak", "en-us+m3", 150, 45),
    Voice("espeak", "en-gb+f2", 140, 60),
    Voice("espeak", "en-gb-scotland+m1", 135, 40),
    Voice("espeak", "en-us-nyc+f4", 160, 55),
    Voice("flite", "rms"),
)
# These were not tuned on directly, but their results were seen in between: an acceptance run needs fresh voices.
HELD_OUT_VOICES = (
    Voice("espeak", "en-us+f3", 155, 60),
    Voice("espeak", "en-gb+m2", 145, 42),
    Voice("espeak", "en-gb-x-rp+m4", 165, 50),
    Voice("espeak", "en-gb-x-gbclan+f1", 140, 58),
    Voice("espeak", "en-029+m5", 140, 48),
    Voice("flite", "slt"),
    Voice("flite", "awb"),
)


def speak(text: str, voice: Voice) -> np.ndarray:
    """The spoken text at SPEECH_RMS, without leading or trailing silence; kept in CACHE."""
    key = hashlib.sha256(f"{text}|{voice}".encode()).hexdigest()[:24]
    file = CACHE / f"{key}.wav"
    if not file.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        made = file.with_suffix(f".{os.getpid()}.wav")
        _synthesise(text, voice, made)
        made.replace(file)
    return _levelled(read_wav(file))


def _synthesise(text: str, voice: Voice, file: Path) -> None:
    raw = file.with_suffix(".raw.wav")
    if voice.program == "espeak":
        rate, pitch = str(voice.words_per_minute), str(voice.pitch)
        subprocess.run(["espeak-ng", "-v", voice.code, "-s", rate, "-p", pitch, "-w", str(raw), text], check=True)
        source = ["-i", str(raw)]
    else:
        spoken = "".join(letter for letter in text if letter.isalnum() or letter in " .-")
        source = ["-f", "lavfi", "-i", f"flite=voice={voice.code}:text='{spoken}'"]
    convert = ["ffmpeg", "-v", "error", "-y", *source, "-ar", str(RATE_HZ), "-ac", "1", "-c:a", "pcm_s16le", str(file)]
    subprocess.run(convert, check=True)
    raw.unlink(missing_ok=True)


def read_wav(file: Path) -> np.ndarray:
    """Samples of a 16-bit file, brought to 16 kHz mono by ffmpeg where it is neither."""
    with wave.open(str(file)) as opened:
        if (opened.getframerate(), opened.getnchannels(), opened.getsampwidth()) == (RATE_HZ, 1, 2):
            return np.frombuffer(opened.readframes(opened.getnframes()), "<i2").astype(np.float32) / 32768
    convert = ["ffmpeg", "-v", "error", "-i", str(file), "-ar", str(RATE_HZ), "-ac", "1", "-f", "s16le", "-"]
    return np.frombuffer(subprocess.run(convert, check=True, capture_output=True).stdout, "<i2") / np.float32(32768)


def _levelled(samples: np.ndarray) -> np.ndarray:
    loud = np.flatnonzero(np.abs(samples) > 0.02 * max(float(np.abs(samples).max()), 1e-6))
    samples = samples[loud[0] : loud[-1] + 1] if loud.size else samples
    return (samples * (SPEECH_RMS / max(float(np.sqrt(np.mean(samples**2))), 1e-9))).astype(np.float32)


def noise(kind: str, count: int, seed: int) -> np.ndarray:
    """`count` samples of unit power: "white", "pink" or "music" (chords, bass and drums)."""
    rng = np.random.default_rng(seed)
    if kind == "music":
        made = _music(count, rng)
    else:
        made = rng.standard_normal(count)
        if kind == "pink":
            spectrum = np.fft.rfft(made)
            made = np.fft.irfft(spectrum / np.sqrt(np.arange(1, spectrum.size + 1)), count)
    return (made / np.sqrt(np.mean(made**2))).astype(np.float32)


def _music(count: int, rng: np.random.Generator) -> np.ndarray:
    """Four chords in a loop at a seeded tempo, each note with five overtones, and noise bursts as drums."""
    beat = int(RATE_HZ * 60 / rng.integers(85, 135))
    out = np.zeros(count + 4 * beat)
    roots_hz = 110.0 * 2 ** (rng.choice([0, 3, 5, 7, 8, 10], 4) / 12)
    for number, start in enumerate(range(0, count, beat)):
        time_s = np.arange(2 * beat) / RATE_HZ
        root_hz = roots_hz[number // 4 % 4]
        for step in (-12, 0, rng.choice([3, 4]), 7, rng.choice([10, 12])):
            for overtone in range(1, 6):
                tone = np.sin(2 * np.pi * root_hz * 2 ** (step / 12) * overtone * time_s + rng.uniform(0, 6.28))
                out[start : start + 2 * beat] += tone * np.exp(-2.5 * time_s) / overtone**1.5
        drum_s = np.arange(beat // 2) / RATE_HZ
        out[start : start + beat // 2] += rng.standard_normal(beat // 2) * np.exp(-40 * drum_s) * (1 + number % 2)
    return out[:count]


def in_noise(speech: np.ndarray, kind: str, snr_db: float, seed: int, lead_s: float = 0.8, tail_s: float = 1.2):
    """(samples, sample at which speech ends): the phrase with `kind` noise before, under and after it."""
    lead, tail = int(lead_s * RATE_HZ), int(tail_s * RATE_HZ)
    samples = np.concatenate([np.zeros(lead, np.float32), speech, np.zeros(tail, np.float32)])
    power = float(np.sqrt(np.mean(speech**2))) * 10 ** (-snr_db / 20)
    return samples + power * noise(kind, samples.size, seed), lead + speech.size


def pcm16(samples: np.ndarray) -> np.ndarray:
    """float32 -1 … 1 to int16."""
    return (np.clip(samples, -1, 1) * 32767).astype(np.int16)

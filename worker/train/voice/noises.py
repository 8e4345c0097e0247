# SPDX-License-Identifier: Apache-2.0
"""What else there is to hear: white and pink noise, a fan, a keyboard, people talking, music.

Called by the adapter's training, tests/bench and the tests. Invariant: float32 at 16 kHz of unit power, and the same
seed gives the same samples; for people talking, the caller names the voices.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mirage_lsd.worker.train.voice.speech import RATE_HZ, Voice, speak

BABBLE_TALKERS = 5
BABBLE = (
    "I was at the market this morning and they had no apples left", "the train leaves at nine from the other platform",
    "we could paint the kitchen before the guests arrive", "he plays the piano much better than last year",
    "most of the garden needs some rain again", "she told me the story twice and laughed both times",
    "put the boxes in the cellar when you are done", "nobody has seen the cat since Tuesday",
)  # fmt: skip


def noise(kind: str, count: int, seed: int, talkers: tuple[Voice, ...] = ()) -> np.ndarray:
    """`count` samples of one of KINDS; talkers: the voices of "babble"."""
    rng = np.random.default_rng(seed)
    made = _babble(count, rng, talkers) if kind == "babble" else KINDS[kind](count, rng)
    return (made / np.sqrt(np.mean(made**2))).astype(np.float32)


def _white(count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(count)


def _pink(count: int, rng: np.random.Generator) -> np.ndarray:
    spectrum = np.fft.rfft(rng.standard_normal(count))
    return np.fft.irfft(spectrum / np.sqrt(np.arange(1, spectrum.size + 1)), count)


def _fan(count: int, rng: np.random.Generator) -> np.ndarray:
    """Rushing air, low and broad, with the blades' hum and its overtones."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hz = np.arange(spectrum.size) * RATE_HZ / count
    air = np.fft.irfft(spectrum / (1 + (hz / 500) ** 2) ** 0.75, count)
    blade_hz, time_s = rng.uniform(80, 160), np.arange(count) / RATE_HZ
    hum = sum(np.sin(2 * np.pi * blade_hz * n * time_s + rng.uniform(0, 6.28)) / n for n in range(1, 5))
    return air / air.std() + 0.5 * hum


def _keyboard(count: int, rng: np.random.Generator) -> np.ndarray:
    """Six to nine key presses a second, each a click down and a weaker one up, over a faint hiss."""
    out = 0.02 * rng.standard_normal(count)
    at = 0.0
    while at * RATE_HZ < count:
        for delay_s, loud in ((0.0, 1.0), (rng.uniform(0.05, 0.09), 0.5)):
            start = int((at + delay_s) * RATE_HZ)
            size = min(int(0.03 * RATE_HZ), count - start)
            if size > 0:
                time_s = np.arange(size) / RATE_HZ
                body = np.sin(2 * np.pi * rng.uniform(900, 3500) * time_s) + rng.standard_normal(size)
                out[start : start + size] += loud * rng.uniform(0.5, 1.2) * body * np.exp(-180 * time_s)
        at += rng.exponential(0.09) + 0.04
    return out


def _babble(count: int, rng: np.random.Generator, talkers: tuple[Voice, ...]) -> np.ndarray:
    out = np.zeros(count)
    for _ in range(BABBLE_TALKERS):
        voice = talkers[rng.integers(len(talkers))]
        said = np.concatenate([speak(BABBLE[i], voice) for i in rng.permutation(len(BABBLE))[:3]])
        said = np.roll(np.tile(said, count // said.size + 1), -int(rng.integers(said.size)))[:count]
        out += said * rng.uniform(0.6, 1.2)
    return out


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


KINDS: dict[str, Callable[[int, np.random.Generator], np.ndarray]] = {
    "white": _white, "pink": _pink, "fan": _fan, "keyboard": _keyboard, "music": _music,
}  # fmt: skip
ALL_KINDS = (*KINDS, "babble")

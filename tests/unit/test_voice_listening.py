# SPDX-License-Identifier: Apache-2.0
"""Phrases are cut where people pause, and at most one command comes of each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mirage_lsd.shared.look_commands import ApplyPreset, Undo
from mirage_lsd.shared.voice_lines import Awake, Rejected, Understood
from mirage_lsd.worker.train.voice.noises import noise
from mirage_lsd.worker.train.voice.speech import TUNING_VOICES, in_noise, pcm16, speak
from mirage_lsd.worker.voice.endpointer import END_BY_LEVEL_MS, FRAME_MS, FRAME_SAMPLES, LEAD_MS, Edge, Endpointer
from mirage_lsd.worker.voice.engine import Heard
from mirage_lsd.worker.voice.intents import SpokenPreset
from mirage_lsd.worker.voice.listener import WHOLE_MS, Listener, Manner
from mirage_lsd.worker.voice.speech_detector import speech_detector

RATE_HZ = 16_000
PRESETS = (SpokenPreset("forest", ("Forest",)),)


def room(seconds: float, level: float = 0.003, seed: int = 0) -> np.ndarray:
    """Steady noise, int16."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(int(seconds * RATE_HZ)) * level * 32767).astype(np.int16)


def voice(seconds: float, level: float = 0.2) -> np.ndarray:
    """A buzz with the loudness of speech, int16."""
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    buzz = sum(np.sin(2 * np.pi * hz * time_s) for hz in (220, 440, 1100, 2300)) / 4
    return (buzz * (0.7 + 0.3 * np.sin(2 * np.pi * 4 * time_s)) * level * 32767).astype(np.int16)


def everything(frame: np.ndarray) -> float:
    """A detector that takes any sound for speech, so that levels alone decide."""
    return 1.0


def edges(
    sound: np.ndarray, hears: Callable[[np.ndarray], float] = everything, whole_ms: int = 0
) -> list[tuple[Edge, int, int]]:
    """(edge, ms of sound so far, samples of the phrase)."""
    finder, found = Endpointer(hears, whole_ms), []
    for start in range(0, sound.size - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        edge = finder.feed(sound[start : start + FRAME_SAMPLES])
        if edge:
            found.append((edge, (start + FRAME_SAMPLES) * 1000 // RATE_HZ, finder.phrase.size))
    return found


@pytest.mark.parametrize("level", [0.0, 0.003, 0.03])
def test_a_phrase_ends_soon_after_its_last_sound_by_its_level_alone(level: float) -> None:
    said = voice(1.2).astype(np.int32)
    sound = np.concatenate([room(1.5, level), (said + room(1.2, level, 1)).astype(np.int16), room(1.0, level, 2)])
    kinds = [edge for edge, *_ in edges(sound)]
    assert kinds == [Edge.BEGAN, Edge.PAUSED, Edge.ENDED]
    _, ended_ms, samples = edges(sound)[-1]
    assert 0 < ended_ms - 2700 <= END_BY_LEVEL_MS + 2 * FRAME_MS
    assert samples * 1000 / RATE_HZ == pytest.approx(1200 + LEAD_MS + END_BY_LEVEL_MS, abs=120)


@pytest.mark.parametrize(("kind", "snr_db"), [("white", 50.0), ("pink", 10.0), ("music", 10.0), ("keyboard", 10.0)])
def test_the_end_of_real_speech_is_found_within_300_ms_in_noise_and_music(kind: str, snr_db: float) -> None:
    speech = speak("Mirage, red leather jacket", TUNING_VOICES[0])
    mixed, end = in_noise(speech, noise(kind, speech.size + 2 * RATE_HZ, 5), snr_db)
    found = edges(pcm16(mixed), speech_detector())
    (ended_ms,) = [ms for edge, ms, _ in found if edge is Edge.ENDED]
    assert -60 < ended_ms - end * 1000 / RATE_HZ <= 300


def test_music_alone_is_no_phrase_to_the_detector_though_it_is_loud() -> None:
    sound = np.concatenate([room(2), pcm16(0.05 * noise("music", 4 * RATE_HZ, 3)), room(1, seed=1)])
    assert edges(sound, speech_detector()) == []
    assert edges(sound) != []


def test_a_short_pause_does_not_end_a_phrase_and_a_longer_one_does() -> None:
    def said_with_pause(ms: int) -> list[Edge]:
        parts = [room(1), voice(0.5), room(ms / 1000, seed=3), voice(0.5), room(1, seed=4)]
        return [edge for edge, *_ in edges(np.concatenate(parts))]

    assert said_with_pause(200).count(Edge.ENDED) == 1
    assert said_with_pause(500).count(Edge.ENDED) == 2


def test_clicks_and_endless_sound_are_dropped() -> None:
    click = np.concatenate([room(1), voice(0.07), room(1, seed=1)])
    assert Edge.ENDED not in [edge for edge, *_ in edges(click)]
    talking = [edge for edge, *_ in edges(np.concatenate([room(1), voice(9), room(1, seed=1)]))]
    assert Edge.ENDED not in talking
    assert Edge.DROPPED in talking


def test_louder_noise_is_the_new_floor_after_some_seconds() -> None:
    sound = np.concatenate([room(2, 0.002), room(8, 0.05), voice(1.0, 0.5), room(1, 0.05, 1)])
    assert edges(sound)[-1][0] is Edge.ENDED


class ScriptedEngine:
    """Answers in the order given; keeps what it was asked, so that the listener's own part is seen alone."""

    name, threshold, guesses = "scripted", 0.5, True

    def __init__(self, *answers: Heard | None) -> None:
        self.answers = list(answers)
        self.asked: list[np.ndarray] = []

    def use(self, book, grammar):
        return ()

    def begin(self) -> None:
        self.fed = np.zeros(0, np.int16)

    def feed(self, samples: np.ndarray) -> None:
        self.fed = np.concatenate([self.fed, samples])

    def finish(self, phrase: np.ndarray) -> Heard | None:
        self.asked.append(phrase)
        return self.answers.pop(0)

    def close(self) -> None:
        pass


def listening(*answers: Heard | None, cooldown_ms: int = 0) -> tuple[Listener, ScriptedEngine]:
    engine = ScriptedEngine(*answers)
    listener = Listener(engine, everything)
    listener.use(PRESETS, Manner("mirage", 0.5, cooldown_ms))
    list(listener.hear(room(1)))
    return listener, engine


def phrase(pause_s: float = 0.6) -> np.ndarray:
    return np.concatenate([voice(0.8), room(pause_s, seed=5)])


def test_a_phrase_is_one_command_and_the_engine_is_asked_once() -> None:
    listener, engine = listening(Heard("forest", 0.9))
    (event,) = listener.hear(phrase())
    assert isinstance(event, Understood)
    assert (event.look_command, event.text) == (ApplyPreset("forest", origin="voice"), "forest")
    assert len(engine.asked) == 1
    assert np.array_equal(engine.fed[: engine.asked[0].size], engine.asked[0])


def test_a_guess_in_a_pause_is_thrown_away_when_the_phrase_goes_on() -> None:
    listener, engine = listening(Heard("undo", 0.9), Heard("forest", 0.9))
    sound = np.concatenate([voice(0.8), room(0.2, seed=6), voice(0.5), room(0.6, seed=7)])
    (event,) = listener.hear(sound)
    assert event.text == "forest"
    assert engine.asked[1].size > engine.asked[0].size


def test_after_an_unsure_guess_the_pause_may_be_longer_and_what_follows_belongs_to_the_phrase() -> None:
    listener, engine = listening(Heard("tee", 0.7, whole=False), Heard("forest", 0.9), Heard("tee", 0.7, whole=False))
    sound = np.concatenate([voice(0.8), room(0.35, seed=6), voice(0.5), room(0.6, seed=7)])
    (event,) = listener.hear(sound)
    assert event.text == "forest"
    assert engine.asked[1].size > engine.asked[0].size + RATE_HZ // 2
    (event,) = listener.hear(phrase())  # nothing follows: it was all
    assert event.text == "tee"


def slow_detector() -> Callable[[np.ndarray], float]:
    """Knows the buzz from noise, and like the real one notices its end some frames late."""
    left = 0

    def hears(frame: np.ndarray) -> float:
        nonlocal left
        power = np.sort(np.abs(np.fft.rfft(frame)) ** 2)
        left = 4 if power[-16:].sum() > 0.8 * power.sum() else max(left - 1, 0)
        return float(left > 0)

    return hears


def test_the_breath_before_a_command_does_not_end_the_phrase_after_the_wake_word() -> None:
    """A consonant's hiss is loud before it is a voice, and must not make a whole command of the wake word."""
    parts = room(1), voice(0.52), room(0.256, seed=6), room(0.064, 0.1, seed=8), voice(0.48), room(1, seed=7)
    kinds = [edge for edge, *_ in edges(np.concatenate(parts), slow_detector(), WHOLE_MS)]
    assert kinds.count(Edge.BEGAN) == kinds.count(Edge.ENDED) == 1


def test_a_phrase_without_the_wake_word_is_asked_about_once() -> None:
    listener, engine = listening(None)
    sound = np.concatenate([voice(0.8), room(0.2, seed=6), voice(0.5), room(0.2, seed=8), voice(0.5), room(0.6)])
    assert list(listener.hear(sound)) == []
    assert len(engine.asked) == 1


@pytest.mark.parametrize(
    ("heard", "reason"),
    [(Heard("forest", 0.2), "unsure"), (Heard("banana", 0.9), "not_understood")],
)
def test_what_is_unsure_or_no_command_is_rejected(heard: Heard, reason: str) -> None:
    listener, _ = listening(heard)
    (event,) = listener.hear(phrase())
    assert isinstance(event, Rejected)
    assert event.reason == reason


def test_other_speech_brings_nothing() -> None:
    listener, _ = listening(None)
    assert list(listener.hear(phrase())) == []


def test_no_second_command_within_the_cooldown() -> None:
    listener, _ = listening(*[Heard("undo", 0.9)] * 3, cooldown_ms=2000)
    events = list(listener.hear(np.concatenate([phrase(), phrase(1.5), phrase()])))
    assert [type(event) for event in events] == [Understood, Rejected, Understood]
    assert events[1].reason == "cooldown"
    assert events[0].look_command == Undo(origin="voice")


def test_the_wake_word_alone_waits_for_its_command() -> None:
    listener, engine = listening(Heard("", 0.9), Heard("forest", 0.9))
    events = list(listener.hear(np.concatenate([phrase(0.7), phrase()])))
    assert [type(event) for event in events] == [Awake, Understood]
    assert engine.asked[1].size > 1.5 * engine.asked[0].size  # both phrases together


def test_a_wake_word_long_ago_does_not_count() -> None:
    listener, engine = listening(Heard("", 0.9), Heard("forest", 0.9))
    list(listener.hear(np.concatenate([phrase(3.5), phrase()])))
    assert engine.asked[1].size == pytest.approx(engine.asked[0].size, abs=4 * FRAME_SAMPLES)


def test_while_the_key_is_down_all_sound_is_one_phrase_decided_when_it_goes_up() -> None:
    listener, engine = listening(Heard("undo", 0.9))
    listener.start_talking()
    said = np.concatenate([voice(0.4), room(0.9, seed=6), voice(0.4)])
    assert list(listener.hear(said)) == []
    (event,) = listener.stop_talking()
    assert event.look_command == Undo(origin="voice")
    assert np.array_equal(engine.asked[0], said)
    assert list(listener.stop_talking()) == []


def test_sound_may_come_in_any_pieces() -> None:
    whole, pieces = listening(Heard("undo", 0.9))[0], listening(Heard("undo", 0.9))[0]
    sound = phrase()
    together = list(whole.hear(sound))
    apart = [event for start in range(0, sound.size, 77) for event in pieces.hear(sound[start : start + 77])]
    for events in (together, apart):
        assert [event.look_command for event in events] == [Undo(origin="voice")]
    assert FRAME_MS * RATE_HZ // 1000 == FRAME_SAMPLES

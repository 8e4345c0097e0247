# SPDX-License-Identifier: Apache-2.0
"""Phrases are cut where people pause: not at a click, a breath or a short pause, and soon after the last sound."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sounds import RATE_HZ, everything, room, slow_detector, voice

from mirage_lsd.worker.senses.voice.endpointer import (
    END_BY_LEVEL_MS,
    FRAME_MS,
    FRAME_SAMPLES,
    LEAD_MS,
    Edge,
    Endpointer,
)
from mirage_lsd.worker.senses.voice.listener import WHOLE_MS
from mirage_lsd.worker.senses.voice.speech_detector import speech_detector
from mirage_lsd.worker.train.voice.noises import noise
from mirage_lsd.worker.train.voice.speech import TUNING_VOICES, in_noise, pcm16, speak


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


def test_the_breath_before_a_command_does_not_end_the_phrase_after_the_wake_word() -> None:
    """A consonant's hiss is loud before it is a voice, and must not make a whole command of the wake word."""
    parts = room(1), voice(0.52), room(0.256, seed=6), room(0.064, 0.1, seed=8), voice(0.48), room(1, seed=7)
    kinds = [edge for edge, *_ in edges(np.concatenate(parts), slow_detector(), WHOLE_MS)]
    assert kinds.count(Edge.BEGAN) == kinds.count(Edge.ENDED) == 1


def test_what_is_known_of_the_room_outlives_other_settings() -> None:
    """Otherwise someone who talks while the wake word is changed is the room for the next seconds."""
    finder, sound = Endpointer(everything), np.concatenate([room(1), voice(0.6), room(0.6, seed=6), voice(0.8)])
    frames = sound[: sound.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    kinds = []
    for number, frame in enumerate(frames):
        if number * FRAME_MS // 100 == 12:  # within the first voice
            finder.expect(WHOLE_MS)
        kinds.append((finder.feed(frame), number * FRAME_MS))
    assert [at_ms // 100 for edge, at_ms in kinds if edge is Edge.BEGAN][-1] == 22

# SPDX-License-Identifier: Apache-2.0
"""At most one command comes of each phrase, and a phrase is judged when it is whole."""

from __future__ import annotations

import numpy as np
import pytest
from sounds import RATE_HZ, everything, room, voice

from mirage_lsd.shared.messages.look_commands import ApplyPreset, Undo
from mirage_lsd.shared.messages.voice_lines import Awake, Rejected, Understood
from mirage_lsd.worker.senses.voice.endpointer import FRAME_MS, FRAME_SAMPLES
from mirage_lsd.worker.senses.voice.engines.engine import Heard
from mirage_lsd.worker.senses.voice.intents import SpokenPreset
from mirage_lsd.worker.senses.voice.listener import Listener, Manner

PRESETS = (SpokenPreset("forest", ("Forest",)),)


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


def test_who_breaks_off_and_begins_again_is_understood() -> None:
    listener, engine = listening(Heard("tee", 0.4), Heard("forest", 0.3), Heard("forest", 0.9))
    events = list(listener.hear(np.concatenate([phrase(0.7), phrase()])))
    assert [type(event) for event in events] == [Rejected, Understood]
    assert engine.asked[1].size > 1.5 * engine.asked[2].size  # together, and as that made no sense, the last alone


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

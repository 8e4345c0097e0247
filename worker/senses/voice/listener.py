# SPDX-License-Identifier: Apache-2.0
"""From sound to commands: cuts phrases out of the stream, has the engine hear them, decides what is a command.

Called by the voice process's loop, one thread, with whatever sound has come. Engines may take a while for a phrase;
meanwhile sound waits in the ring. While a pause may be the end of the phrase the engine is asked already, so that
its time overlaps the wait. Invariant: at most one command for a phrase and for each cooldown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from mirage_lsd.shared.messages.process_lines import LineMessage
from mirage_lsd.shared.messages.voice_lines import Awake, Rejected, Understood
from mirage_lsd.worker.senses.voice import grammar
from mirage_lsd.worker.senses.voice.endpointer import (
    FRAME_MS,
    FRAME_SAMPLES,
    LEAD_MS,
    PAUSE_MS,
    RATE_HZ,
    Edge,
    Endpointer,
)
from mirage_lsd.worker.senses.voice.engines.engine import Engine, Heard
from mirage_lsd.worker.senses.voice.intents import Phrasebook, SpokenPreset
from mirage_lsd.worker.senses.voice.speech_detector import speech_detector

JOIN_MS = 1600
WHOLE_MS = 560  # the wake word and the shortest command
MS_PER_S = 1000
MAX_HELD_S = 10
UNSURE = "unsure"


@dataclass(frozen=True)
class Manner:
    """How to listen. wake_word: "" in push-to-talk. threshold: least confidence. cooldown_ms: after a
    command; a key that is pressed needs none."""

    wake_word: str
    threshold: float
    cooldown_ms: int


@dataclass(frozen=True)
class Guess:
    """The engine's answer in a pause; None: the phrase does not begin with the wake word."""

    heard: Heard | None
    took_ms: float


@dataclass(frozen=True)
class Unfinished:
    """A phrase that waits for more, and the frame at which it ended."""

    phrase: np.ndarray
    ended: int

    def followed_by(self, phrase: np.ndarray, began: int) -> np.ndarray:
        """Both in one, where the second began shortly after; its lead may have been heard already."""
        gap = began - self.ended - LEAD_MS // FRAME_MS
        if gap * FRAME_MS > JOIN_MS:
            return phrase
        return np.concatenate([self.phrase, phrase[max(-gap, 0) * FRAME_SAMPLES :]])


class Stopwatch:
    """Times calls. total_s: of all of them."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s, self.total_s = clock_s, 0.0

    def timed(self, call: Callable[[], Heard | None]) -> Guess:
        """What the call gives, and how long it took."""
        started_s = self._clock_s()
        heard = call()
        took_s = self._clock_s() - started_s
        self.total_s += took_s
        return Guess(heard, took_s * MS_PER_S)


class Listener:
    """Feed `hear` with int16 samples at 16 kHz; it yields events."""

    def __init__(
        self,
        engine: Engine,
        hears: Callable[[np.ndarray], float] | None = None,
        clock_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        """hears: how likely a frame is speech; None for the detector that there is. clock_s: what the engine's time is
        taken with."""
        self._engine, self._stopwatch = engine, Stopwatch(clock_s)
        self._endpointer = Endpointer(hears or speech_detector())
        self._rest = np.zeros(0, np.int16)
        self._frames = 0  # since the start: the sound's own clock
        self._guess: Guess | None = None
        self._waking: Unfinished | None = None
        self._silent_until = 0
        self._held: list[np.ndarray] | None = None  # what was said since the push-to-talk key went down
        self._phrase_began = 0

    @property
    def engine_s(self) -> float:
        """How long the engine has worked in all."""
        return self._stopwatch.total_s

    @property
    def quiet_ms(self) -> int:
        """How long the pause was in which the last phrase ended."""
        return self._endpointer.quiet_ms

    def use(self, presets: tuple[SpokenPreset, ...], manner: Manner) -> tuple[str, ...]:
        """Listen for these presets in this manner from now on; returns the engine's remarks. VoiceError."""
        book = Phrasebook(presets, manner.wake_word)
        remarks = self._engine.use(book, grammar.build(book))
        self.book, self._manner = book, manner
        self._endpointer.expect(WHOLE_MS if manner.wake_word else 0)
        self._guess = self._waking = self._held = None
        return remarks

    def hear(self, samples: np.ndarray) -> Iterator[LineMessage]:
        """More sound, any amount. Yields what it brought."""
        if self._held is not None:
            self._hold(samples)
            return
        samples = np.concatenate([self._rest, samples])
        whole = samples.size // FRAME_SAMPLES * FRAME_SAMPLES
        self._rest = samples[whole:]
        for frame in samples[:whole].reshape(-1, FRAME_SAMPLES):
            self._frames += 1
            yield from self._frame(frame)

    def forget(self) -> None:
        """Sound was lost: what came before is not the beginning of what comes now."""
        self._endpointer.reset()
        self._guess, self._waking, self._rest = None, None, np.zeros(0, np.int16)
        if self._held:
            self._held = []
        self._engine.begin()

    def start_talking(self) -> None:
        """The push-to-talk key went down: all sound from now on is one phrase."""
        self._endpointer.reset()
        self._guess, self._waking, self._held = None, None, []
        self._engine.begin()

    def stop_talking(self) -> Iterator[LineMessage]:
        """The push-to-talk key went up: what was said counts as a whole."""
        held, self._held = self._held, None
        if held:
            yield from self._decide(np.concatenate(held))

    def _hold(self, samples: np.ndarray) -> None:
        """Sound while the key is down, up to MAX_HELD_S."""
        if sum(piece.size for piece in self._held) < MAX_HELD_S * RATE_HZ:
            self._held.append(samples)
            self._engine.feed(samples)

    def _frame(self, frame: np.ndarray) -> Iterator[LineMessage]:
        edge = self._endpointer.feed(frame)
        if edge is Edge.BEGAN:
            self._guess = None
            self._phrase_began = self._frames
            self._engine.begin()
            self._engine.feed(self._endpointer.phrase)
        elif self._endpointer.speaking:
            self._engine.feed(frame)
        refused = self._guess is not None and self._guess.heard is None
        if edge is Edge.PAUSED and self._engine.guesses and not refused:
            self._guess_at()
        elif edge is Edge.ENDED:
            yield from self._decide(self._endpointer.phrase)
        elif self._endpointer.resumed and not refused:
            self._guess = None  # a phrase that does not begin with the wake word will not do so later

    def _guess_at(self) -> None:
        """Ask in a pause. It may be longer after the wake word alone, and after what may not be all of a command."""
        self._guess = self._stopwatch.timed(partial(self._ask, self._endpointer.phrase))
        heard = self._guess.heard
        if heard is not None and not (heard.command and heard.whole):
            self._endpointer.may_go_on()

    def _decide(self, phrase: np.ndarray) -> Iterator[LineMessage]:
        """The phrase is over. Its latency counts from its last frame of speech."""
        quiet_ms = self._endpointer.quiet_ms
        if self._guess is None:
            guess = self._stopwatch.timed(partial(self._ask, phrase))
            latency_ms = quiet_ms + guess.took_ms
        else:  # asked at PAUSE_MS, and answered while the pause went on
            guess, latency_ms = self._guess, max(quiet_ms, PAUSE_MS + self._guess.took_ms)
        heard, whole = guess.heard, self._with_waking(phrase)
        self._guess = self._waking = None
        if heard is None:
            return
        if not heard.command:
            self._wait_for_more(phrase)
            yield Awake()
            return
        event = self._judged(heard, latency_ms)
        if isinstance(event, Rejected) and event.reason == UNSURE:
            self._wait_for_more(whole)  # a weak sound within a phrase may have been taken for its end
        yield event

    def _wait_for_more(self, phrase: np.ndarray) -> None:
        """The wake word was there and what follows is not clear yet: the next phrase may be the rest of this one."""
        self._waking = Unfinished(phrase, self._frames)

    def _judged(self, heard: Heard, latency_ms: float) -> LineMessage:
        command = self.book.read(heard.command)
        if heard.confidence < self._manner.threshold:
            return Rejected(UNSURE, heard.command, heard.confidence)
        if command is None:
            return Rejected("not_understood", heard.command, heard.confidence)
        if self._manner.wake_word and self._frames < self._silent_until:
            return Rejected("cooldown", heard.command, heard.confidence)
        self._silent_until = self._frames + self._manner.cooldown_ms // FRAME_MS
        return Understood.of(command, heard.command, heard.confidence, latency_ms)

    def _is_sure(self, heard: Heard | None) -> bool:
        return heard is not None and heard.whole and heard.confidence >= self._manner.threshold

    def _with_waking(self, phrase: np.ndarray) -> np.ndarray:
        """The phrase, after what was said shortly before and waits for more."""
        return self._waking.followed_by(phrase, self._phrase_began) if self._waking else phrase

    def _ask(self, phrase: np.ndarray) -> Heard | None:
        """The engine's answer. Who breaks off may go on or begin again: where the two together make no sense, what was
        said last may."""
        whole = self._with_waking(phrase)
        heard = self._engine.finish(whole)
        if whole is not phrase and self._engine.guesses and not self._is_sure(heard):
            heard = max(heard, self._engine.finish(phrase), key=lambda one: one.confidence if one else 0.0)
        return heard

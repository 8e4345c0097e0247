# SPDX-License-Identifier: Apache-2.0
"""Cuts a stream of sound into phrases: where someone begins to speak, pauses, and is done.

Called by the recogniser's loop with whatever sound has come. Two things tell speech: the level rises above what the
room did in the last seconds, which tells the speaker from people further away, and the detector (speech_detector.py)
hears a voice, which music, keys and fans are not. A phrase begins when both say so and ends when one of them has said
otherwise for long enough: the detector soon, and sooner in noise, where it notices late; the level later, as weak
sounds drown in noise. Invariant: a phrase is ended so, or given up when it is longer than any command.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from mirage_lsd.worker.senses.voice.speech_detector import FRAME_SAMPLES

RATE_HZ = 16_000
FRAME_MS = FRAME_SAMPLES * 1000 // RATE_HZ
LEAD_MS = 288
PAUSE_MS = 64
END_MS, END_IN_NOISE_MS, END_BY_LEVEL_MS = 160, 96, 320
END_EARLY_MS = 448
MAX_PHRASE_MS = 6000
MIN_VOICED_MS = 120
_FLOOR_MS = 4000
_FLOOR_PERCENTILE, _CEILING_PERCENTILE = 20, 90
_RISE_DB, _OVER_DB = 6.0, 2.0  # above floor and ceiling: a phrase begins
_STAY_DB, _SHARE = 3.0, 0.2  # above the floor, and of the way from there to the loudest frame: it goes on
_CLEAR_DB = 25.0  # from the floor to the loudest frame: there is little noise
_ONSET_FRAMES = 2
_HEARING_FRAMES = 320 // FRAME_MS
_BEGINS, _GOES_ON = 0.5, 0.4  # least probability of speech: hysteresis
_PAUSE_FRAMES, _END_BY_LEVEL_FRAMES, _END_EARLY_FRAMES = (
    ms // FRAME_MS for ms in (PAUSE_MS, END_BY_LEVEL_MS, END_EARLY_MS)
)
_QUIETEST_DB = -65.0
_BAND = slice(200 * FRAME_MS // 1000, 3200 * FRAME_MS // 1000)  # of the bins of a frame's spectrum


class Edge(Enum):
    """What a frame brought: BEGAN, PAUSED (the phrase may be over), ENDED, DROPPED (too short or too long)."""

    BEGAN = 1
    PAUSED = 2
    ENDED = 3
    DROPPED = 4


@dataclass
class _Phrase:
    """frames so far, the lead included; the loudest level; the room when it began; frames of speech; frames since the
    last with a voice, and since the last loud one. said: frames until the last of speech, which is loud and a voice.
    is_part: what was said until this pause is known to be no whole phrase, or not known to be one."""

    frames: list[np.ndarray]
    peak_db: float
    floor_db: float
    ceiling_db: float
    voiced: int
    voiceless: int = 0
    faint: int = 0
    said: int = 0
    is_part: bool = False
    levels_db: list[float] = field(default_factory=list)

    @property
    def quiet(self) -> int:
        """Frames since the last of speech."""
        return max(self.voiceless, self.faint)


class Endpointer:
    """Feed `frames` one after the other; `phrase` is the sound of the phrase under way or just ended."""

    def __init__(self, hears: Callable[[np.ndarray], float], whole_ms: int = 0) -> None:
        """hears: how likely a frame is speech (speech_detector.py). whole_ms: see `expect`."""
        self._hears = hears
        self._hearing = 0  # frames for which the detector goes on listening
        self._levels_db: deque[float] = deque(maxlen=_FLOOR_MS // FRAME_MS)
        self._lead: deque[np.ndarray] = deque(maxlen=LEAD_MS // FRAME_MS)
        self._loud_in_a_row = 0
        self._now: _Phrase | None = None
        self._ended: list[np.ndarray] = []
        self._quiet_wanted = 0
        self.quiet_ms = 0
        """How long the pause was that ended the last phrase."""
        self.expect(whole_ms)

    @property
    def phrase(self) -> np.ndarray:
        """int16 samples of the phrase under way, else of the last one."""
        frames = self._now.frames if self._now else self._ended
        return np.concatenate(frames) if frames else np.zeros(0, np.int16)

    @property
    def speaking(self) -> bool:
        """True while a phrase is under way."""
        return self._now is not None

    @property
    def resumed(self) -> bool:
        """True when the phrase under way has no pause now: what was guessed in the last one is out of date."""
        return self._now is not None and self._now.quiet == 0

    def may_go_on(self) -> None:
        """Somebody doubts that what was said until this pause is a whole phrase."""
        if self._now is not None:
            self._now.is_part = True

    def feed(self, frame: np.ndarray) -> Edge | None:
        """One frame of FRAME_SAMPLES int16 samples; returns the edge it brings, if any."""
        level_db = _level_db(frame)
        return self._within(frame, level_db) if self._now else self._before(frame, level_db)

    def expect(self, whole_ms: int) -> None:
        """Other phrases from now on: what is shorter than this cannot be a whole one, as it has but the wake word, and
        may pause for longer."""
        self._whole_frames = whole_ms // FRAME_MS
        self.reset()

    def reset(self) -> None:
        """Forget the phrase under way; what is known of the room is kept."""
        self._now, self._loud_in_a_row, self.quiet_ms = None, 0, 0

    def _before(self, frame: np.ndarray, level_db: float) -> Edge | None:
        self._levels_db.append(level_db)
        floor_db, ceiling_db = self._room_db()
        loud = level_db > max(floor_db + _RISE_DB, ceiling_db + _OVER_DB)
        loud = self._is_voice(frame, loud) and loud
        self._lead.append(frame)
        self._loud_in_a_row = self._loud_in_a_row + 1 if loud else 0
        if self._quiet_wanted:  # after a phrase that was too long: its rest is no new phrase
            self._quiet_wanted = _END_BY_LEVEL_FRAMES if loud else self._quiet_wanted - 1
            return None
        if self._loud_in_a_row < _ONSET_FRAMES:
            return None
        self._now = _Phrase(list(self._lead), level_db, *self._room_db(), self._loud_in_a_row)
        self._loud_in_a_row = 0
        self._lead.clear()
        return Edge.BEGAN

    def _is_voice(self, frame: np.ndarray, loud: bool) -> bool:
        """Asks the detector while there was something loud lately: most of the time there is not, and it costs most."""
        if loud and not self._hearing:
            for earlier in self._lead:
                self._hears(earlier)
        self._hearing = _HEARING_FRAMES if loud else max(self._hearing - 1, 0)
        return self._hearing > 0 and self._hears(frame) > _BEGINS

    def _within(self, frame: np.ndarray, level_db: float) -> Edge | None:
        now = self._now
        now.frames.append(frame)
        now.levels_db.append(level_db)
        now.peak_db = max(level_db, now.peak_db)
        rise_db = max(_STAY_DB, _SHARE * (now.peak_db - now.floor_db))
        loud = level_db > min(max(now.floor_db + rise_db, now.ceiling_db), now.peak_db - _STAY_DB)
        voice = self._hears(frame) > _GOES_ON
        now.voiced += loud and voice
        now.faint = 0 if loud else now.faint + 1
        now.voiceless = 0 if voice else now.voiceless + 1
        if now.quiet == 0:
            now.is_part, now.said = False, len(now.levels_db)
        if self._is_over(now):
            self._levels_db.extend(now.levels_db[-now.quiet :])
            return self._end(Edge.ENDED if now.voiced * FRAME_MS >= MIN_VOICED_MS else Edge.DROPPED)
        if len(now.frames) * FRAME_MS > MAX_PHRASE_MS:
            self._levels_db.extend(now.levels_db)  # louder for so long: it may be the room
            self._quiet_wanted = _END_BY_LEVEL_FRAMES
            return self._end(Edge.DROPPED)
        return Edge.PAUSED if now.quiet == _PAUSE_FRAMES and self._is_long(now) else None

    def _is_long(self, now: _Phrase) -> bool:
        """Too long for the wake word alone. The pause after it does not count, nor the breath before the command."""
        return now.said >= self._whole_frames

    def _is_over(self, now: _Phrase) -> bool:
        if now.is_part or not self._is_long(now):
            return now.quiet >= _END_EARLY_FRAMES
        end_ms = END_MS if now.peak_db - now.floor_db > _CLEAR_DB else END_IN_NOISE_MS
        return now.voiceless * FRAME_MS >= end_ms or now.faint >= _END_BY_LEVEL_FRAMES

    def _end(self, edge: Edge) -> Edge:
        self.quiet_ms = self._now.quiet * FRAME_MS
        self._ended, self._now = self._now.frames, None
        self._lead.extend(self._ended[-self._lead.maxlen :])
        return edge

    def _room_db(self) -> tuple[float, float]:
        """(floor, ceiling): what most and what few of the last seconds' frames outside of phrases stay under."""
        floor_db, ceiling_db = np.percentile(self._levels_db, (_FLOOR_PERCENTILE, _CEILING_PERCENTILE))
        return max(float(floor_db), _QUIETEST_DB), max(float(ceiling_db), _QUIETEST_DB)


def _level_db(frame: np.ndarray) -> float:
    """Level of a frame between 200 and 3200 Hz, where voices are and hum and hiss are not, in dB of full scale."""
    power = np.abs(np.fft.rfft(frame.astype(np.float32) / 32768)[_BAND]) ** 2
    return 10 * float(np.log10(power.sum() * 2 / FRAME_SAMPLES**2 + 1e-10))

# SPDX-License-Identifier: Apache-2.0
"""Cuts a stream of sound into phrases: where someone begins to speak, pauses, and is done.

Called by the recogniser's loop with whatever sound has come. Works on the level alone: speech is what rises above
what the room did in the last seconds, so steady noise and music below the voice do not count. Invariant: a phrase ends
END_MS after its last loud frame, or is given up when it is longer than any command.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

RATE_HZ = 16_000
FRAME_MS = 20
FRAME_SAMPLES = RATE_HZ * FRAME_MS // 1000
LEAD_MS = 260
PAUSE_MS = 140
END_MS = 260
END_EARLY_MS = 480
MAX_PHRASE_MS = 6000
MIN_VOICED_MS = 120
_FLOOR_MS = 4000
_FLOOR_PERCENTILE, _CEILING_PERCENTILE = 20, 90
_RISE_DB, _OVER_DB = 6.0, 2.0  # above floor and ceiling: a phrase begins
_STAY_DB, _SHARE = 3.0, 0.2  # above the floor, and of the way from there to the loudest frame: it goes on
_ONSET_FRAMES = 3
_PAUSE_FRAMES, _END_FRAMES, _END_EARLY_FRAMES = PAUSE_MS // FRAME_MS, END_MS // FRAME_MS, END_EARLY_MS // FRAME_MS
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
    """frames so far, the lead included; the loudest level; the room when it began; loud frames, and frames since the
    last of them."""

    frames: list[np.ndarray]
    peak_db: float
    floor_db: float
    ceiling_db: float
    voiced: int
    quiet: int = 0
    levels_db: list[float] = field(default_factory=list)


class Endpointer:
    """Feed `frames` one after the other; `phrase` is the sound of the phrase under way or just ended."""

    def __init__(self, whole_ms: int = 0) -> None:
        """whole_ms: what is shorter cannot be a whole phrase, as it has but the wake word: it may pause for longer."""
        self._whole_frames = whole_ms // FRAME_MS
        self._levels_db: deque[float] = deque(maxlen=_FLOOR_MS // FRAME_MS)
        self._lead: deque[np.ndarray] = deque(maxlen=LEAD_MS // FRAME_MS)
        self._loud_in_a_row = 0
        self._now: _Phrase | None = None
        self._ended: list[np.ndarray] = []
        self._quiet_wanted = 0

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

    def feed(self, frame: np.ndarray) -> Edge | None:
        """One frame of FRAME_SAMPLES int16 samples; returns the edge it brings, if any."""
        level_db = _level_db(frame)
        return self._within(frame, level_db) if self._now else self._before(frame, level_db)

    def reset(self) -> None:
        """Forget the phrase under way; what is known of the room is kept."""
        self._now, self._loud_in_a_row = None, 0

    def _before(self, frame: np.ndarray, level_db: float) -> Edge | None:
        self._lead.append(frame)
        self._levels_db.append(level_db)
        floor_db, ceiling_db = self._room_db()
        loud = level_db > max(floor_db + _RISE_DB, ceiling_db + _OVER_DB)
        self._loud_in_a_row = self._loud_in_a_row + 1 if loud else 0
        if self._quiet_wanted:  # after a phrase that was too long: its rest is no new phrase
            self._quiet_wanted = _END_FRAMES if loud else self._quiet_wanted - 1
            return None
        if self._loud_in_a_row < _ONSET_FRAMES:
            return None
        self._now = _Phrase(list(self._lead), level_db, *self._room_db(), self._loud_in_a_row)
        self._loud_in_a_row = 0
        self._lead.clear()
        return Edge.BEGAN

    def _within(self, frame: np.ndarray, level_db: float) -> Edge | None:
        now = self._now
        now.frames.append(frame)
        now.levels_db.append(level_db)
        now.peak_db = max(level_db, now.peak_db)
        rise_db = max(_STAY_DB, _SHARE * (now.peak_db - now.floor_db))
        loud = level_db > min(max(now.floor_db + rise_db, now.ceiling_db), now.peak_db - _STAY_DB)
        now.voiced += loud
        now.quiet = 0 if loud else now.quiet + 1
        whole = len(now.levels_db) - now.quiet >= self._whole_frames
        if now.quiet >= (_END_FRAMES if whole else _END_EARLY_FRAMES):
            self._levels_db.extend(now.levels_db[-now.quiet :])
            return self._end(Edge.ENDED if now.voiced * FRAME_MS >= MIN_VOICED_MS else Edge.DROPPED)
        if len(now.frames) * FRAME_MS > MAX_PHRASE_MS:
            self._levels_db.extend(now.levels_db)  # louder for so long: it may be the room
            self._quiet_wanted = _END_FRAMES
            return self._end(Edge.DROPPED)
        return Edge.PAUSED if now.quiet == _PAUSE_FRAMES and whole else None

    def _end(self, edge: Edge) -> Edge:
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

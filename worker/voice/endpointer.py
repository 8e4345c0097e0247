# SPDX-License-Identifier: Apache-2.0
"""Cuts a stream of sound into phrases: where someone begins to speak, pauses, and is done.

Called by the recogniser's loop with whatever sound has come. Works on the level alone: speech is what rises above
the room's floor, which is followed, so steady noise and music below the voice do not count. Invariant: a phrase ends
END_MS after its last loud frame, or is given up when it is longer than any command.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

import numpy as np

RATE_HZ = 16_000
FRAME_MS = 20
FRAME_SAMPLES = RATE_HZ * FRAME_MS // 1000
LEAD_MS = 260
PAUSE_MS = 140
END_MS = 260
MAX_PHRASE_MS = 6000
MIN_VOICED_MS = 120
_FLOOR_MS = 4000
_FLOOR_PERCENTILE = 20
_RISE_DB = 6.0
_ONSET_FRAMES = 3
_QUIETEST_DB = -65.0


class Edge(Enum):
    """What a frame brought: BEGAN, PAUSED (the phrase may be over), ENDED, DROPPED (too short or too long)."""

    BEGAN = 1
    PAUSED = 2
    ENDED = 3
    DROPPED = 4


@dataclass
class _Phrase:
    """frames so far, the lead included; loudest levels; frames since the last loud one."""

    frames: list[np.ndarray]
    peak_db: float
    voiced: int = 0
    quiet: int = 0


class Endpointer:
    """Feed `frames` one after the other; `phrase` is the sound of the phrase under way or just ended."""

    def __init__(self, end_ms: int = END_MS, pause_ms: int = PAUSE_MS) -> None:
        self._end_frames = end_ms // FRAME_MS
        self._pause_frames = pause_ms // FRAME_MS
        self._levels_db: deque[float] = deque(maxlen=_FLOOR_MS // FRAME_MS)
        self._lead: deque[np.ndarray] = deque(maxlen=LEAD_MS // FRAME_MS)
        self._loud_in_a_row = 0
        self._now: _Phrase | None = None
        self._ended: list[np.ndarray] = []
        self._waiting_for_quiet = False

    @property
    def floor_db(self) -> float:
        """Level of the room: what is quieter than four fifths of the last seconds."""
        return max(float(np.percentile(self._levels_db, _FLOOR_PERCENTILE)), _QUIETEST_DB)

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
        self._levels_db.append(level_db)
        return self._within(frame, level_db) if self._now else self._before(frame, level_db)

    def reset(self) -> None:
        """Forget the phrase under way; the floor is kept."""
        self._now, self._loud_in_a_row = None, 0

    def _before(self, frame: np.ndarray, level_db: float) -> Edge | None:
        self._lead.append(frame)
        loud = level_db > self.floor_db + _RISE_DB
        self._loud_in_a_row = self._loud_in_a_row + 1 if loud else 0
        if self._waiting_for_quiet:  # after a phrase that was too long: its rest is no new phrase
            self._waiting_for_quiet = loud
            return None
        if self._loud_in_a_row < _ONSET_FRAMES:
            return None
        self._now = _Phrase(list(self._lead), level_db, self._loud_in_a_row)
        self._loud_in_a_row = 0
        self._lead.clear()
        return Edge.BEGAN

    def _within(self, frame: np.ndarray, level_db: float) -> Edge | None:
        now = self._now
        now.frames.append(frame)
        now.peak_db = max(level_db, now.peak_db - 0.05)
        floor_db = min(self.floor_db, now.peak_db - 6)
        loud = level_db > floor_db + max(0.4 * (now.peak_db - floor_db), 3.0)
        now.voiced += loud
        now.quiet = 0 if loud else now.quiet + 1
        if now.quiet == self._end_frames:
            return self._end(Edge.ENDED if now.voiced * FRAME_MS >= MIN_VOICED_MS else Edge.DROPPED)
        if len(now.frames) * FRAME_MS > MAX_PHRASE_MS:
            self._waiting_for_quiet = True
            return self._end(Edge.DROPPED)
        return Edge.PAUSED if now.quiet == self._pause_frames else None

    def _end(self, edge: Edge) -> Edge:
        self._ended, self._now = self._now.frames, None
        self._lead.extend(self._ended[-self._lead.maxlen :])
        return edge


def _level_db(frame: np.ndarray) -> float:
    """Level of a frame with its lowest tones taken down (hum, bass), in dB below full scale."""
    samples = frame.astype(np.float32) / 32768
    return 10 * float(np.log10(np.mean(np.diff(samples, prepend=samples[:1]) ** 2) * 4 + 1e-10))

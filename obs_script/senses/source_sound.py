# SPDX-License-Identifier: Apache-2.0
"""The sound of an OBS source, tapped into a ring that the voice process reads.

Used by voice.py on the supervisor thread. Invariant: without a source wanted there is no tap and no ring.
"""

from __future__ import annotations

import time

from mirage_lsd.obs_script.host.audio_tap import AudioTap
from mirage_lsd.obs_script.host.libobs import LibObs
from mirage_lsd.shared.ring.audio_ring import AudioRing

RING_FILE = "voice.audio"
LOOK_FOR_SOURCE_S = 0.5


class SourceSound:
    """`ring_path`: set once, before tap()."""

    def __init__(self, libobs: LibObs) -> None:
        self._libobs = libobs
        self.ring_path = ""
        self._ring: AudioRing | None = None
        self._tap: AudioTap | None = None
        self._next_look = 0.0

    @property
    def problem(self) -> str:
        """Why nothing is heard, "" if something is."""
        return self._tap.problem if self._tap is not None else ""

    def tap(self, name: str) -> None:
        """Have the source's sound go into the ring; looks for a missing source now and then."""
        if self._tap is None:
            self._ring = AudioRing.create(self.ring_path)
            self._tap = AudioTap(self._libobs, self._ring)
        if time.monotonic() >= self._next_look or self._tap.name != name:
            self._next_look = time.monotonic() + LOOK_FOR_SOURCE_S
            if self._tap.name != name or not self._tap.attached:
                self._tap.attach(name)

    def stop(self) -> None:
        """No source is listened to any more."""
        if self._tap is not None:
            self._tap.detach()
            self._ring.close()
            self._ring.unlink()
            self._ring = self._tap = None

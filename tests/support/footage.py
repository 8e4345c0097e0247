# SPDX-License-Identifier: Apache-2.0
"""What a viewer saw: OBS records, and every frame of the recording is told apart by its colour.

Used from one thread, with a Studio whose source is a plain colour and whose worker inverts it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2
import numpy as np
from studio import Studio

SOURCE_RGB = (40, 120, 200)
KINDS = {"untouched": SOURCE_RGB, "styled": tuple(255 - one for one in SOURCE_RGB), "nothing": (0, 0, 0)}
BESIDE = 48
"""Largest difference at which a colour still counts as one of KINDS; frames of a fade or of a torn picture do not."""


@dataclass
class Footage:
    """frames: what each recorded frame shows, one of KINDS or "other"; there once the recording has been read."""

    frames: list[str] = field(default_factory=list)

    def count(self, kind: str) -> int:
        """How many frames show this."""
        return self.frames.count(kind)


@contextmanager
def recording(studio: Studio, at: tuple[int, int] = (4, 4)) -> Iterator[Footage]:
    """Record what happens meanwhile; afterwards the footage holds what was seen in the 8x8 pixels from `at` on."""
    footage = Footage()
    studio.request("StartRecord")
    studio.wait_until(lambda: studio.request("GetRecordStatus")["outputDuration"] > 200, "the recording to run")
    yield footage
    path = studio.request("StopRecord")["outputPath"]
    studio.wait_until(lambda: not studio.request("GetRecordStatus")["outputActive"], "the recording to end")
    footage.frames = [kind_of(frame, at) for frame in _frames(path)]
    assert footage.frames, "nothing was recorded"


def kind_of(frame: np.ndarray, at: tuple[int, int]) -> str:
    """What a frame uint8 [height, width, 3] BGR shows in the 8x8 pixels from (x, y) on."""
    x_px, y_px = at
    seen = frame[y_px : y_px + 8, x_px : x_px + 8].mean(axis=(0, 1))[::-1]
    away = {kind: float(np.abs(seen - rgb).max()) for kind, rgb in KINDS.items()}
    nearest = min(away, key=away.get)
    return nearest if away[nearest] < BESIDE else "other"


def _frames(path: str) -> Iterator[np.ndarray]:
    video = cv2.VideoCapture(path)
    while (read := video.read())[0]:
        yield read[1]

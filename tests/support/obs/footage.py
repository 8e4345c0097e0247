# SPDX-License-Identifier: Apache-2.0
"""What a viewer saw: OBS records, and every frame of the recording is told apart by its colour.

Used from one thread, with a Studio whose source is a plain colour and whose worker paints another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2
import numpy as np
from studio import Studio

SOURCE_RGB = (40, 120, 200)
INVERTED_RGB = (215, 135, 55)
UNSTYLED = {"untouched": SOURCE_RGB, "nothing": (0, 0, 0)}
KINDS = {**UNSTYLED, "styled": INVERTED_RGB}
BESIDE = 40
"""Largest difference at which a colour still counts; the encoder changes some, a fade or a torn picture more."""


@dataclass
class Footage:
    """frames: what each recorded frame shows, one of the kinds asked for or "other"; there once the recording has been
    read."""

    frames: list[str] = field(default_factory=list)

    def count(self, kind: str) -> int:
        """How many frames show this."""
        return self.frames.count(kind)

    @property
    def summary(self) -> str:
        """How many frames show what, in the order in which they were seen."""
        runs: list[list] = []
        for kind in self.frames:
            if runs and runs[-1][1] == kind:
                runs[-1][0] += 1
            else:
                runs.append([1, kind])
        return ", ".join(f"{count} {kind}" for count, kind in runs)


@contextmanager
def recording(
    studio: Studio, at: tuple[int, int] = (4, 4), kinds: Mapping[str, tuple[int, int, int]] = KINDS
) -> Iterator[Footage]:
    """Record what happens meanwhile; afterwards the footage holds what was seen in the 8x8 pixels from `at` on.
    kinds: the colours to tell apart, RGB."""
    footage = Footage()
    studio.request("StartRecord")
    studio.wait_until(lambda: studio.request("GetRecordStatus")["outputDuration"] > 200, "the recording to run")
    yield footage
    footage.frames = recorded(studio, at, kinds)
    print("recorded:", footage.summary)


def recorded(
    studio: Studio, at: tuple[int, int] = (4, 4), kinds: Mapping[str, tuple[int, int, int]] = KINDS
) -> list[str]:
    """End the recording that runs; what each of its frames shows."""
    path = studio.request("StopRecord")["outputPath"]
    studio.wait_until(lambda: not studio.request("GetRecordStatus")["outputActive"], "the recording to end")
    frames: list[str] = []
    studio.wait_until(lambda: frames.extend(kind_of(one, at, kinds) for one in _frames(path)) or frames, "the film")
    return frames


def kind_of(frame: np.ndarray, at: tuple[int, int], kinds: Mapping[str, tuple[int, int, int]]) -> str:
    """What a frame uint8 [height, width, 3] BGR shows in the 8x8 pixels from (x, y) on."""
    x_px, y_px = at
    seen = frame[y_px : y_px + 8, x_px : x_px + 8].mean(axis=(0, 1))[::-1]
    away = {kind: float(np.abs(seen - rgb).max()) for kind, rgb in kinds.items()}
    nearest = min(away, key=away.get)
    return nearest if away[nearest] < BESIDE else "other"


def _frames(path: str) -> Iterator[np.ndarray]:
    video = cv2.VideoCapture(path)
    while (read := video.read())[0]:
        yield read[1]

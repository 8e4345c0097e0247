# SPDX-License-Identifier: Apache-2.0
"""The demo's contact sheet: moments of the recording, before above after, with the look and the time.

Called by demo.py after OBS has ended. The recording shows the clip on its left half and the filter's picture
on its right half.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

CELL_WIDTH_PX = 320
CAPTION_PX = 26
INK, PAPER = (240, 240, 240), 24


class SheetError(Exception):
    """The recording cannot be read."""


@dataclass(frozen=True)
class Moment:
    """A time in the recording and what was asked for then."""

    time_s: float
    look: str


def write_sheet(recording: Path, moments: list[Moment], sheet: Path) -> None:
    """Write a PNG with one column a moment, at most four columns a row of pairs. Raises SheetError."""
    pairs = [_pair(recording, moment) for moment in moments]
    columns = min(4, len(pairs))
    blank = np.full_like(pairs[0], PAPER)
    rows = []
    for first in range(0, len(pairs), columns):
        row = pairs[first : first + columns]
        rows.append(np.hstack(row + [blank] * (columns - len(row))))
    if not cv2.imwrite(str(sheet), np.vstack(rows)):
        raise SheetError(f"cannot write {sheet}")


def frame_at(recording: Path, time_s: float) -> np.ndarray:
    """The frame shown at a time, u8 [H,W,3] blue first; the last one if the recording is shorter."""
    video = cv2.VideoCapture(str(recording))
    try:
        rate = video.get(cv2.CAP_PROP_FPS) or 30.0
        last = video.get(cv2.CAP_PROP_FRAME_COUNT) - 1
        wanted = max(0.0, time_s * rate)
        for number in (wanted, min(wanted, last), last - 1, last - rate):
            video.set(cv2.CAP_PROP_POS_FRAMES, max(0.0, number))
            found, frame = video.read()
            if found:
                return frame
    finally:
        video.release()
    raise SheetError(f"{recording} holds no frame at {time_s:.1f} s")


def _pair(recording: Path, moment: Moment) -> np.ndarray:
    frame = frame_at(recording, moment.time_s)
    middle = frame.shape[1] // 2
    height_px = round(frame.shape[0] * CELL_WIDTH_PX / middle)
    before, after = (
        cv2.resize(half, (CELL_WIDTH_PX, height_px), interpolation=cv2.INTER_AREA)
        for half in (frame[:, :middle], frame[:, middle : 2 * middle])
    )
    return np.vstack([_caption(f"{moment.time_s:.1f} s  {moment.look}"), before, after])


def _caption(text: str) -> np.ndarray:
    strip = np.full((CAPTION_PX, CELL_WIDTH_PX, 3), PAPER, np.uint8)
    cv2.putText(strip, text, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
    return strip

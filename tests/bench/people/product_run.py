# SPDX-License-Identifier: Apache-2.0
"""Runs the product on pictures and gives its pictures back, without a codec between the two.

By `mirage-lsd run` of the checkout that is judged, from numbered pictures to numbered pictures, so that what the
product does not touch comes back bit for bit. Used by by_hand.py and desk.py.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np


class ProductFailed(RuntimeError):
    """The product ended with an error; its last words."""


def frames_of(film: Path, most: int | None = None) -> list[np.ndarray]:
    """The film's frames, uint8 [h, w, 3] BGR, all or the first so many."""
    video, frames = cv2.VideoCapture(str(film)), []
    while most is None or len(frames) < most:
        more, frame = video.read()
        if not more:
            break
        frames.append(frame)
    return frames


def write_pictures(frames: list[np.ndarray], folder: Path) -> None:
    """The folder anew, with 0001.png and on."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames, 1):
        cv2.imwrite(str(folder / f"{number:04d}.png"), frame)


def restyled(project: Path, source: Path, made: Path, look: str, size: str = "medium") -> list[np.ndarray]:
    """The product's pictures, uint8 [h, w, 3] BGR, of those in a folder. Raises ProductFailed."""
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    command = [project / ".venv/bin/mirage-lsd", "run", source / "%04d.png", made / "%04d.png", "--prompt", look,
               "--working-size", size]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        raise ProductFailed(ran.stderr[-400:])
    return [cv2.imread(str(path)) for path in sorted(made.glob("*.png"))]

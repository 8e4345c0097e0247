# SPDX-License-Identifier: Apache-2.0
"""Weights on real pictures and clips, through the worker's own stages, frame after frame, as the filter would.

Called by footage.py and by tests.
"""
from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.eval.switches import EnginePool, EvalHost, Switches


class PreviewStream:
    """One stream through the worker's own stages, in one look."""

    def __init__(self, prompt: str, weights: Path, engine: str = "auto", steps: int = 3, seed: int = 0,
                 switches: Switches | None = None):
        self._settings = StreamSettings(prompt=prompt, steps=steps, seed=seed)
        self._scratch = tempfile.TemporaryDirectory(prefix="mirage-lsd-preview-")
        pool = EnginePool(Path(self._scratch.name), weights, engine)
        self._pipeline = EvalHost(pool, switches or Switches()).new_pipeline(live=False)

    def __call__(self, frame: np.ndarray, strength: float = 1.0) -> np.ndarray:
        """frame u8 [H,W,4] BGRA -> picture, the same."""
        return self._pipeline.restyle(frame, replace(self._settings, strength=strength)).copy()


def read_frames(path: Path, limit: int = 48) -> list[np.ndarray]:
    """BGRA frames of a picture or clip."""
    picture = cv2.imread(str(path)) if path.suffix.lower() in (".png", ".jpg", ".jpeg") else None
    if picture is not None:
        return [cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA)]
    capture, frames = cv2.VideoCapture(str(path)), []
    while len(frames) < limit:
        good, picture = capture.read()
        if not good:
            break
        frames.append(cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA))
    if not frames:
        raise SystemExit(f"{path} is not a picture or clip that OpenCV can read")
    return frames

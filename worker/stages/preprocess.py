# SPDX-License-Identifier: Apache-2.0
"""preprocess: the source at the working size, and whether the scene was cut.

Writes job.working and job.cut. Called by the worker's loop thread. Invariant: a cut is judged on the picture alone, so
a reset does not hide one.
"""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.hosts.model_context import ModelContext
from mirage_lsd.worker.models.config import USUAL_SIZE, working_size_px
from mirage_lsd.worker.stages.base import Job, Stage, Working
from mirage_lsd.worker.tracking.reduced import reduced

# A hard cut replaces nearly every pixel; a fast pan changes many, but keeps the picture's colours.
CUT_DIFFERENCE = 0.16
CUT_COLOR_OVERLAP = 0.65
_TINY_PX = (40, 24)
_BINS = 8


class CutDetector:
    """Keeps a 40x24 picture of the last frame."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None

    def __call__(self, picture: np.ndarray) -> bool:
        """picture: uint8 [h, w, 3] → whether it shows another scene than the one before."""
        tiny = cv2.resize(picture, _TINY_PX, interpolation=cv2.INTER_AREA)
        last, self._last = self._last, tiny
        return last is not None and is_scene_cut(last, tiny)


class Preprocess(Stage[ModelContext]):
    """One reduction of the source serves the nets, the search for motion and the look-out for cuts."""

    name = "preprocess"

    def __init__(self, context: ModelContext) -> None:
        super().__init__(context)
        self._is_cut = CutDetector()

    def __call__(self, job: Job) -> Job:
        small, grey = shrunk(job.source, self._context.shapes.working_px)
        job.cut = self._is_cut(small)
        job.working = Working(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), to_tensor(small), grey)
        return job


def shrunk(source: np.ndarray, working_px: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [h, w, 4] BGRA → the working picture uint8 BGR, and grey at the size that motion is searched at, whatever
    the nets work at."""
    usual_px = working_size_px(source.shape[1], source.shape[0], USUAL_SIZE)
    usual = reduced(source, usual_px)
    larger = usual if working_px[0] <= usual_px[0] else source
    small = usual if working_px == usual_px else reduced(larger, working_px)
    return cv2.cvtColor(small, cv2.COLOR_BGRA2BGR), cv2.cvtColor(usual, cv2.COLOR_BGRA2GRAY)


def to_tensor(small: np.ndarray) -> np.ndarray:
    """uint8 [h, w, 3] BGR → float32 [1, 3, h, w] RGB 0..1, contiguous."""
    return cv2.dnn.blobFromImage(small, scalefactor=1.0 / 255.0, swapRB=True)


def is_scene_cut(before: np.ndarray, now: np.ndarray) -> bool:
    """Whether two small uint8 [h, w, 3] pictures show different scenes: unlike in place and in colour."""
    difference = float(np.mean(cv2.absdiff(before, now))) / 255.0
    if difference < CUT_DIFFERENCE:
        return False
    overlap = np.minimum(_color_histogram(before), _color_histogram(now)).sum()
    return bool(overlap < CUT_COLOR_OVERLAP)


def _color_histogram(picture: np.ndarray) -> np.ndarray:
    counts = cv2.calcHist([picture], [0, 1, 2], None, [_BINS] * 3, [0, 256] * 3)
    return counts / counts.sum()

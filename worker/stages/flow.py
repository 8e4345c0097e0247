# SPDX-License-Identifier: Apache-2.0
"""flow: the working picture, whether the scene was cut, and how the source moved since the last frame.

Writes tensors working (uint8 RGB [h, w, 3]), source, flow, occlusion, greys (before and now, as they are
compared), and job.cut; begins the person mask, which runs beside the flow. Called by the worker's loop thread.
Invariant: after a cut, a resize or a reset the history is empty and no flow is given, so nothing of another
picture can leak into this one.
"""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.models.config import LATENT_FACTOR, USUAL_SIZE, working_size_px
from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.stages.context import ModelContext
from mirage_lsd.worker.tracking.motion import Motion
from mirage_lsd.worker.tracking.reduced import reduced

# A hard cut replaces nearly every pixel; a fast pan changes many, but keeps the picture's colours.
CUT_DIFFERENCE = 0.16
CUT_COLOR_OVERLAP = 0.65
_TINY_PX = (40, 24)
_BINS = 8


class Flow:
    """Keeps the previous picture of the stream, as the nets work on it and in grey."""

    name = "flow"

    def __init__(self, context: ModelContext) -> None:
        self._context = context
        self._previous: np.ndarray | None = None
        self._grey: np.ndarray | None = None
        self._motion = Motion()
        self._tiny: np.ndarray | None = None

    def __call__(self, job: Job) -> Job:
        height_px, width_px = job.source.shape[:2]
        if self._context.fit(width_px, height_px, job.settings.working_size):
            self._previous = self._grey = None
        small, grey = shrunk(job.source, self._context.shapes.working_px)
        job.cut = self._is_cut(small)
        if job.cut or (self._grey is not None and self._grey.shape != grey.shape):
            self.reset()
        source = to_tensor(small)
        job.tensors["working"] = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)
        self._context.begin_mask(job.tensors["working"])
        job.tensors["source"] = source
        if self._previous is not None and self._context.history.latent is not None:
            cells = self._context.shapes.cells(LATENT_FACTOR)
            guess = self._motion(self._grey, grey, cells)
            job.tensors.update(self._context.run("flow", previous=self._previous, source=source, guess=guess))
            job.tensors["greys"] = self._grey, grey
        self._previous, self._grey = source, grey
        return job

    def reset(self) -> None:
        """Forgets the previous picture and the stream's hidden state."""
        self._previous = self._grey = None
        self._context.forget()

    def flush(self) -> None:
        """Gives everything back."""
        self._previous = self._grey = self._tiny = None
        self._context.release()

    def _is_cut(self, small: np.ndarray) -> bool:
        tiny = cv2.resize(small, _TINY_PX, interpolation=cv2.INTER_AREA)
        before, self._tiny = self._tiny, tiny
        return before is not None and is_scene_cut(before, tiny)


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

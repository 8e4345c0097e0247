# SPDX-License-Identifier: Apache-2.0
"""fade: a new look comes up over the last picture of the old one, in the time its settings give.

Changes job.output. Called by the worker's loop thread. Invariants: each frame is rendered once, in the new look, and
none waits for another; the old picture moves along with the motion in the source, so nobody stands there twice, and
the source behind a scene never shines through; nothing of before a cut is shown after it.
"""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.hosts.model_context import ModelContext
from mirage_lsd.worker.stages.base import Job, Stage
from mirage_lsd.worker.timing import NS_PER_MS


class Fade(Stage[ModelContext]):
    """Keeps a copy of the last picture, and during a fade the old look's."""

    name = "fade"

    def __init__(self, context: ModelContext | None = None) -> None:
        super().__init__(context)
        self._look: object = None
        self._last: np.ndarray | None = None
        self._last_ns = 0
        self._old: np.ndarray | None = None
        self._began_ns = 0

    def __call__(self, job: Job) -> Job:
        look = (job.settings.layers, job.settings.prompt)
        if job.cut:
            self.reset()
        if look != self._look:
            self._begin(job)
        self._look = look
        if self._old is not None:
            self._blend(job)
        self._keep(job)
        return job

    def reset(self) -> None:
        """A new size, another scene or a stream that starts afresh: there is nothing to fade from."""
        self._last = self._old = None

    def flush(self) -> None:
        """Gives the pictures back."""
        self.reset()
        self._look = None

    def _begin(self, job: Job) -> None:
        fits = self._last is not None and self._last.shape == job.output.shape
        self._old = self._last.copy() if fits and job.settings.fade_ms else None
        self._began_ns = self._last_ns  # so that the first frame already wears some of it

    def _blend(self, job: Job) -> None:
        share = (job.header.timestamp_ns - self._began_ns) / (job.settings.fade_ms * NS_PER_MS or 1)
        if share >= 1.0 or self._old.shape != job.output.shape:
            self._old = None
            return
        if job.motion is not None:
            self._old = moved(self._old, job.motion.flow)
        mix(self._old, job.output, share)

    def _keep(self, job: Job) -> None:
        if self._last is None or self._last.shape != job.output.shape:
            self._last = np.empty_like(job.output)
        np.copyto(self._last, job.output)
        self._last_ns = job.header.timestamp_ns


def mix(old: np.ndarray, new: np.ndarray, share: float) -> None:
    """Writes `share` of new into old's place, in `new`; uint8 [h, w, 4], straight alpha: where one of them is
    transparent, the colours are the other's."""
    before, after = cv2.extractChannel(old, 3), cv2.extractChannel(new, 3)
    if min(cv2.minMaxLoc(before)[0], cv2.minMaxLoc(after)[0]) == 255:
        cv2.addWeighted(old, 1.0 - share, new, share, 0.0, dst=new)
        return
    alpha = cv2.addWeighted(before, 1.0 - share, after, share, 0.0)
    weights = before * np.float32(1.0 - share), after * np.float32(share)
    np.copyto(new, cv2.blendLinear(old, new, *weights))
    cv2.insertChannel(alpha, new, 3)


def moved(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """picture: uint8 [h, w, 4]; flow: float32 [1, 2, rows, columns] in cells: what is at x now was at x + flow."""
    height_px, width_px = picture.shape[:2]
    rows, columns = flow.shape[2:]
    full = cv2.resize(np.ascontiguousarray(flow[0].transpose(1, 2, 0)), (width_px, height_px))
    across = full[..., 0] * (width_px / columns) + np.arange(width_px, dtype=np.float32)
    down = full[..., 1] * (height_px / rows) + np.arange(height_px, dtype=np.float32)[:, None]
    return cv2.remap(picture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

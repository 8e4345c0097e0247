# SPDX-License-Identifier: Apache-2.0
"""Person masks for v1, beside the pipeline: the segmenter runs on the CPU and no frame waits for it.

`latest` is called by the pipeline's thread. Invariant: a live mask is at most as old as the segmenter is slow (a
frame or two); the model was made for that. Without `live` (files) each frame gets its own mask.
"""

from __future__ import annotations

import threading

import numpy as np

from mirage_lsd.worker.tracking.person_mask import PersonMask
from mirage_lsd.worker.v1.graphs.shapes import PERSON_MASK_PX


class PersonMasks:
    """Masks float32 [144, 256] 0..1 out of small pictures uint8 [144, 256, 3] RGB of the whole frame."""

    def __init__(self, live: bool) -> None:
        self._live = live
        self._segmenter: PersonMask | None = None
        self._newest: np.ndarray | None = None
        self._mask: np.ndarray | None = None
        self._wake = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    def latest(self, small: np.ndarray) -> np.ndarray:
        """The newest mask there is; the first one is waited for."""
        if not self._live or self._mask is None:
            self._mask = self._segment(small)
            return self._mask
        self._newest = small
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="person-mask", daemon=True)
            self._thread.start()
        self._wake.set()
        return self._mask

    def reset(self) -> None:
        """Another scene: the next frame gets its own mask."""
        self._mask = None

    def close(self) -> None:
        """Ends the thread."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        segmenter = PersonMask()
        while self._wake.wait() and not self._closing:
            self._wake.clear()
            small, self._newest = self._newest, None
            if small is not None:
                self._mask = segmenter(small, PERSON_MASK_PX)

    def _segment(self, small: np.ndarray) -> np.ndarray:
        self._segmenter = self._segmenter or PersonMask()
        return self._segmenter(small, PERSON_MASK_PX)

# SPDX-License-Identifier: Apache-2.0
"""A first flow by OpenCV's dense inverse search (Kroeger et al. 2016), which FlowNet-lite then refines.

One per stream, called by the flow stage on the worker's loop thread, and by training. Pure numpy/OpenCV. Invariant: the
pictures searched have the same size whatever the nets work at, since parts of a pixel are what patterns move by.
"""
from __future__ import annotations

import cv2
import numpy as np

FINEST_SCALE = 1  # half size: the next coarser errs nearly twice as much, the next finer takes four times as long


class Motion:
    """Keeps OpenCV's buffers."""

    def __init__(self) -> None:
        self._search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._search.setFinestScale(FINEST_SCALE)

    def __call__(self, before: np.ndarray, now: np.ndarray, cells: tuple[int, int]) -> np.ndarray:
        """uint8 [h, w] grey pictures, cells (rows, columns) -> float32 [1, 2, rows, columns]: what is at cell x now was
        at x + flow, in cells."""
        flow = self._search.calc(now, before, None)
        rows, columns = cells
        flow = cv2.resize(flow, (columns, rows), interpolation=cv2.INTER_AREA)
        scale = np.float32([columns / now.shape[1], rows / now.shape[0]])
        return np.ascontiguousarray((flow * scale).transpose(2, 0, 1)[None])

# SPDX-License-Identifier: Apache-2.0
"""What two pictures still say against a flow: the terms of Lucas and Kanade's least squares (1981), cell by cell.

Called by the condition stage, each frame but the first, and by training. Pure numpy/OpenCV. Invariant: the pictures
have the same size whatever the nets work at (as tracking/motion.py's): a step of grey means the same at every size.
"""
from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from mirage_lsd.worker.tracking.reduced import reduced

SUB = 2  # each cell is SUB x SUB parts, since an outline may run through it
TERMS = 7  # see `evidence_of`
TENTHS = 10.0  # the net works in tenths of a cell: what people move by from frame to frame
CORRECTIONS = 2  # the first step along a picture's edges falls short where they are far off
NOISE = np.float32(1.0)  # squared grey steps that a camera's noise alone makes


def evidence_of(before: np.ndarray, now: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """before, now: grey u8 [h,w]; flow f32 [1,2,rows,columns] in cells (now -> before) -> f32 [1,28,rows,columns].

    Of every part of a cell, row by row of parts within each term: the share of xx, xy and yy in the squared steps of
    grey; the step in x and in y that would best explain what is left, in tenths of a cell; the logarithms of the steps
    and of what is left.
    """
    rows, columns = flow.shape[2:]
    cell_px = np.float32([now.shape[1] / columns, now.shape[0] / rows])
    moved, seen = _moved(before, flow, cell_px), now.astype(np.float32)
    left, middle = cv2.subtract(seen, moved), cv2.addWeighted(seen, 0.5, moved, 0.5, 0.0)
    x, y = (cv2.Scharr(middle, cv2.CV_32F, *axis, scale=1 / 32) for axis in ((1, 0), (0, 1)))
    parts = (SUB * columns, SUB * rows)
    xx, xy, yy, by_x, by_y, rest = (reduced(cv2.multiply(*pair), parts) for pair in (
        (x, x), (x, y), (y, y), (x, left), (y, left), (left, left)))  # OpenCV's products: numpy's take twice as long
    power = xx + yy + NOISE
    tenth_px = cell_px * np.float32(1.0 / TENTHS)
    terms = np.stack([xx / power, xy / power, yy / power, by_x / (power * tenth_px[0]), by_y / (power * tenth_px[1]),
                      0.3 * np.log(power), 0.3 * np.log(rest + 1.0)]).astype(np.float32, copy=False)
    split = terms.reshape(TERMS, rows, SUB, columns, SUB).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(split.reshape(1, TERMS * SUB * SUB, rows, columns))


def _moved(before: np.ndarray, flow: np.ndarray, cell_px: np.ndarray) -> np.ndarray:
    """The picture before where the flow says it is now, f32 [h,w]."""
    high, wide = before.shape
    from_x, from_y = (
        cv2.scaleAdd(cv2.resize(plane, (wide, high), interpolation=cv2.INTER_LINEAR), float(side), here)
        for plane, side, here in zip(flow[0], cell_px, _places(high, wide), strict=True))
    return cv2.remap(before.astype(np.float32), from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@lru_cache(maxsize=8)
def _places(high: int, wide: int) -> tuple[np.ndarray, np.ndarray]:
    across, down = np.meshgrid(np.arange(wide, dtype=np.float32), np.arange(high, dtype=np.float32))
    return across, down

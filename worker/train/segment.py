# SPDX-License-Identifier: Apache-2.0
"""Person masks of training pictures from the segmenters that are used live: how they err, only they know.

Called by loader threads while samples are composed. Invariant: every thread has segmenters of its own (one is not
thread-safe).
"""
from __future__ import annotations

import threading

import numpy as np

from mirage_lsd.worker.models.person_follow import box_around, masked, person_cells
from mirage_lsd.worker.models.person_mask import PersonMask

_own = threading.local()


def segmented(picture: np.ndarray, person: np.ndarray, around: float | None) -> np.ndarray:
    """RGB u8 [h,w,3] -> person mask u8 [h,w] as live, where a box `around` times as large as the person, u8 [h,w], is
    looked at; None: the whole picture. Raises WeightsError where the segmenters are not installed."""
    if not hasattr(_own, "wide"):
        _own.wide, _own.square = PersonMask(), PersonMask(landscape=False)
    box = None if around is None else box_around(person_cells(person.astype(np.float32) / 255.0), around)
    segmenter = _own.wide if box is None or box.wide else _own.square
    mask = segmenter(picture) if box is None else masked(segmenter, picture, box)
    return (mask * 255.0 + 0.5).astype(np.uint8)

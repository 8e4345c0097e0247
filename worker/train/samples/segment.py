# SPDX-License-Identifier: Apache-2.0
"""Person masks of training pictures from the segmenters that are used live: how they err, only they know.

Called by loader threads while samples are composed, one `ClipMasks` a sample. Invariant: every thread has segmenters
of its own (one is not thread-safe).
"""
from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from mirage_lsd.worker.tracking.person_follow import box_around, masked, person_cells
from mirage_lsd.worker.tracking.person_mask import PersonMask
from mirage_lsd.worker.train.samples.degrade import MaskFault, sample_mask_fault

SEGMENTED = 0.75  # the other masks are the true ones, spoiled: on other pictures the segmenters err otherwise
FOLLOWED, AROUND = 0.85, (1.05, 1.5)  # how often they look where the person was, and at how much more

_own = threading.local()


@dataclass(frozen=True)
class ClipMasks:
    """Where one sample's person masks come from. fault: None means the segmenters; around: see `segmented`."""

    fault: MaskFault | None
    around: float | None

    def of(self, picture: np.ndarray, person: np.ndarray, hair: np.ndarray) -> np.ndarray:
        """RGB u8 [h,w,3], true alpha u8 [h,w] and where hair is, bool [h,w] -> person mask u8 [h,w]."""
        if self.fault is None:
            return segmented(picture, person, self.around)
        return self.fault.apply(person, hair)


def sample_masks(rng: np.random.Generator, width_px: int, height_px: int) -> ClipMasks:
    fault = None if rng.random() < SEGMENTED else sample_mask_fault(rng, width_px, height_px)
    return ClipMasks(fault, float(rng.uniform(*AROUND)) if rng.random() < FOLLOWED else None)


def segmented(picture: np.ndarray, person: np.ndarray, around: float | None) -> np.ndarray:
    """RGB u8 [h,w,3] -> person mask u8 [h,w] as live, where a box `around` times as large as the person, u8 [h,w], is
    looked at; None: the whole picture. Raises WeightsError where the segmenters are not installed."""
    if not hasattr(_own, "wide"):
        _own.wide, _own.square = PersonMask(), PersonMask(landscape=False)
    box = None if around is None else box_around(person_cells(person.astype(np.float32) / 255.0), around)
    segmenter = _own.wide if box is None or box.wide else _own.square
    mask = segmenter(picture) if box is None else masked(segmenter, picture, box)
    return (mask * 255.0 + 0.5).astype(np.uint8)

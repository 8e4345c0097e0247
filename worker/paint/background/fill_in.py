# SPDX-License-Identifier: Apache-2.0
"""Holes of a picture filled in from the nearest that is known to the left, right, above and below.

Each of the four counts with the inverse of its distance (Shepard 1968), so that shelves and window frames go on behind
a person. Used live by clean_plate.py and, on loader threads, by training. Invariant: pixels that are surely known stay
as they are.
"""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np

KNOWN = 0.9  # share from which on a pixel is copied from


def filled(picture: np.ndarray, share: np.ndarray) -> np.ndarray:
    """picture u8 [h,w,3], share f32 [h,w] 0..1 of what is known -> u8 [h,w,3]; a picture of which nothing is known, and
    places from which nothing is seen in any of the four directions, stay as they are."""
    found, holes = picture.copy(), np.nonzero(share < 1.0)
    total, weights = np.zeros((len(holes[0]), 3), np.float32), np.zeros(len(holes[0]), np.float32)
    for axis, places in _nearest(share >= KNOWN):
        at, size = places[holes], share.shape[axis]
        weight = ((at >= 0) & (at < size)) / np.maximum(np.abs(at - holes[axis]), 1).astype(np.float32)
        at = np.clip(at, 0, size - 1)
        total += weight[:, None] * (picture[at, holes[1]] if axis == 0 else picture[holes[0], at])
        weights += weight
    seen = weights > 0.0
    holes = holes[0][seen], holes[1][seen]
    around = total[seen] / weights[seen, None]
    kept = share[holes][:, None]
    found[holes] = around + kept * (picture[holes] - around) + 0.5
    return found


def _nearest(known: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """known bool [h,w] -> four times the axis and, i32 [h,w], the place along it of the nearest known pixel before or
    behind each; outside of the picture where there is none."""
    for axis in (0, 1):
        size = known.shape[axis]
        own = np.arange(size, dtype=np.int32).reshape((-1, 1) if axis == 0 else (1, -1))
        yield axis, np.maximum.accumulate(np.where(known, own, -1), axis)
        behind = np.flip(np.where(known, own, size), axis)
        yield axis, np.flip(np.minimum.accumulate(behind, axis), axis)

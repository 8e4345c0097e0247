# SPDX-License-Identifier: Apache-2.0
"""What a stream remembers, seen from another part of the picture or at another working size.

Called by the view stage when the view changes. Pure numpy/OpenCV. Invariant: what lies outside the former view repeats
its border, and `beyond` says where that is, so that nothing there is taken for known.
"""
from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.models.layer_box import Part


def seen_from(maps: np.ndarray, old: Part, new: Part, cells: tuple[int, int]) -> np.ndarray:
    """[...,h,w] f32 or u8, of the part `old` of a picture -> [...,*cells] of the part `new`, bilinear."""
    matrix = _places(maps.shape[-2:], old, new, cells)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    planes = [cv2.warpAffine(plane, matrix, cells[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
              for plane in maps.reshape(-1, *maps.shape[-2:])]
    return np.stack(planes).reshape(*maps.shape[:-2], *cells)


def beyond(old: Part, new: Part, cells: tuple[int, int]) -> np.ndarray:
    """f32 [1,1,*cells]: 1 in the cells of `new` whose middle lies outside `old`."""
    outside = []
    for axis, count in ((1, cells[0]), (0, cells[1])):
        middles = new[axis] + (np.arange(count) + 0.5) * (new[axis + 2] - new[axis]) / count
        outside.append((middles < old[axis]) | (middles > old[axis + 2]))
    return (outside[0][:, None] | outside[1][None]).astype(np.float32)[None, None]


def _places(shape: tuple[int, ...], old: Part, new: Part, cells: tuple[int, int]) -> np.ndarray:
    """2x3 matrix from the middles of new cells (x, y) to those of old ones."""
    matrix = np.zeros((2, 3), np.float32)
    for axis in (0, 1):
        old_cells, new_cells = shape[1 - axis], cells[1 - axis]
        per_px = old_cells / (old[axis + 2] - old[axis])
        scale = (new[axis + 2] - new[axis]) / new_cells * per_px
        matrix[axis, axis] = scale
        matrix[axis, 2] = (new[axis] - old[axis]) * per_px + 0.5 * scale - 0.5
    return matrix

# SPDX-License-Identifier: Apache-2.0
"""What an edit layer covers, and what a frame hides of the next. Called by compose.py on loader threads.

Pure numpy/OpenCV. Invariant: only the regions that the words are about, before or after the change, are painted.
"""
from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.train.samples.edits import Edit

SKIN, FACE, HAIR, UPPER, LOWER, OTHER, HAT = range(1, 8)
CHANGED_LABELS = {"upper": (UPPER,), "lower": (LOWER,), "hair": (HAIR, HAT), "expression": (FACE,)}


def over(color: np.ndarray, alpha: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """u8 colour with u8 alpha [H,W] over an u8 picture."""
    weight = alpha.astype(np.float32) * (1.0 / 255.0)
    return cv2.blendLinear(np.ascontiguousarray(color), np.ascontiguousarray(behind), weight, 1.0 - weight)


def merge_inner_shirt(labels: np.ndarray) -> np.ndarray:
    """Label what is worn under an open jacket "upper" too: "other" between the chin and the hem of the upper."""
    face = np.flatnonzero((labels == FACE).any(axis=1))
    upper = np.flatnonzero((labels == UPPER).any(axis=1))
    if upper.size:
        rows = slice(face[-1] + 1 if face.size else 0, upper[-1] + 1)
        labels[rows][labels[rows] == OTHER] = UPPER
    return labels


def region_of(labels: np.ndarray, new_labels: np.ndarray, edit: Edit) -> np.ndarray:
    """bool [H,W]: pixels of what the words name, before or after; minus what kept things newly cover."""
    table, kept = np.zeros(8, bool), np.zeros(8, bool)
    for name, group in CHANGED_LABELS.items():
        (table if name in edit.names else kept)[list(group)] = True
    was, becomes = table[labels], table[new_labels]
    return (was & ~kept[new_labels]) | becomes | (was & (labels == new_labels))


def edit_alpha(labels: np.ndarray, new_labels: np.ndarray, person: np.ndarray, new_person: np.ndarray,
               edit: Edit) -> np.ndarray:
    """f32 [H,W]: where the layer paints."""
    alpha = np.zeros(labels.shape, np.float32)
    if edit.names:
        region = region_of(labels, new_labels, edit).astype(np.uint8)
        alpha = cv2.blur(cv2.dilate(region, np.ones((2, 2), np.uint8)).astype(np.float32), (3, 3))
    if edit.scene:
        uncovered = np.clip((255.0 - person) * (3.0 / 255.0), 0.0, 1.0).astype(np.float32)
        alpha = np.maximum(alpha, uncovered)
    return alpha


def occluded(before: np.ndarray, now: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """f32 [1,h,w]: cells whose content (person or background) was something else where the flow points."""
    rows, columns = flow.shape[1:]
    was = cv2.resize(before, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    is_now = cv2.resize(now, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    grid = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    moved = cv2.remap(was, grid[0] + flow[0], grid[1] + flow[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
                      borderValue=-1)
    return (np.abs(moved - is_now) > 0.45).astype(np.float32)[None]

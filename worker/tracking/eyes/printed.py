# SPDX-License-Identifier: Apache-2.0
"""Faces that are printed on clothes: the detector takes a skull or a portrait on a shirt for somebody.

Called by Eyes. A printed face would stay as a hole in the new garment, and lend the person's skin its colours. Only a
face that lies on another one's chest is doubted: it goes if it has not that one's colour, and it must be seen for a
while, since hands before a print have. Invariant: somebody who sits before somebody else stays.
"""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.tracking.eyes.sight import CHIN, OVAL, Face

BESIDE, BELOW = 1.5, 4.0  # widths of the upper face: how far beside its middle, and below its chin, a chest reaches
UNLIKE = 9.0  # difference of a and b in OpenCV's Lab: people's skins differ by less in one light
INNER = 0.6  # of the oval, about its middle: neither hair nor cloth
ENOUGH_PX = 40
MOST_PX = 64  # of a side, that are looked at
SURE_FRAMES = 5
NEAR = 0.5  # widths of a face up to which it is the last frame's


class PrintedFaces:
    """Takes printed faces out of those seen. Keeps who was seen on somebody's chest, and for how long."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Another scene: whoever is in its first picture needs not wait."""
        self._doubted: list[tuple[np.ndarray, int]] | None = None

    def __call__(self, faces: list[Face], source: np.ndarray) -> list[Face]:
        """source u8 [H,W,4] BGRA -> the faces without those that are printed on somebody's clothes."""
        doubted, self._doubted = self._doubted, []
        real = []
        for face in faces:
            upper = [other for other in faces if _on_chest_of(face, other)]
            if not upper or (self._long_seen(face, doubted) and not _unlike(face, upper, source)):
                real.append(face)
        return real

    def _long_seen(self, face: Face, doubted: list[tuple[np.ndarray, int]] | None) -> bool:
        middle, near_px = face.points_px.mean(0), NEAR * float(np.ptp(face.points_px[:, 0]))
        before = [frames for place, frames in doubted or () if np.linalg.norm(place - middle) < near_px]
        frames = SURE_FRAMES if doubted is None else 1 + max(before, default=0)
        self._doubted.append((middle, frames))
        return frames >= SURE_FRAMES


def _on_chest_of(face: Face, upper: Face) -> bool:
    oval, own = upper.points_px[list(OVAL)], face.points_px[list(OVAL)]
    width_px = float(np.ptp(oval[:, 0]))
    across, down = own.mean(0) - (oval[:, 0].mean(), upper.points_px[CHIN, 1])
    return abs(across) < BESIDE * width_px and 0.0 < down < BELOW * width_px


def _colour(face: Face, source: np.ndarray) -> np.ndarray | None:
    """Median of a and b inside the face, f32 [2]; None where the picture shows too little of it."""
    oval = face.points_px[list(OVAL)]
    oval = oval.mean(0) + INNER * (oval - oval.mean(0))
    (left, top), (right, bottom) = np.maximum(oval.min(0), 0).astype(int), np.maximum(oval.max(0), 0).astype(int)
    step_px = 1 + max(right - left, bottom - top) // MOST_PX
    part = np.ascontiguousarray(source[top:bottom:step_px, left:right:step_px, :3])
    if part.shape[0] * part.shape[1] < ENOUGH_PX:
        return None
    there = np.zeros(part.shape[:2], np.uint8)
    cv2.fillPoly(there, [np.rint((oval - (left, top)) / step_px).astype(np.int32)], 1)
    inside = cv2.cvtColor(part, cv2.COLOR_BGR2LAB)[there > 0]
    return np.median(inside[:, 1:], axis=0) if len(inside) >= ENOUGH_PX else None


def _unlike(face: Face, others: list[Face], source: np.ndarray) -> bool:
    """Whether a face's colour is another than one of the others has."""
    colour, *known = (_colour(one, source) for one in (face, *others))
    return colour is not None and any(
        other is not None and float(np.linalg.norm(colour - other)) > UNLIKE for other in known
    )

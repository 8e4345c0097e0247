# SPDX-License-Identifier: Apache-2.0
"""What hangs from a neck lies before the chest: that part of the fine picture, scaled so that every face is as wide,
and where in it edges and ribbons are.

Made by in_front.py once a frame. Places are in view pixels, FACE of them a face width. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from mirage_lsd.worker.paint.detail.fine import FinePicture
from mirage_lsd.worker.paint.detail.seen.kept import Body

FACE = 32
LEFT, ABOVE, SIZE_PX = 48, 3, (96, 160)  # of the chin; (width, height) of the view
CHIN_PX = np.float32([LEFT, ABOVE])
EDGE_LEVELS, RIBBON_LEVELS = 30.0, 14.0  # differences from which on an edge, and a ribbon, are seen for sure
COLOUR = np.float32([1.0, 2.0, 2.0])  # weights of L, a, b: a webcam's colours are pale
BESIDE_PX = 4  # from the middle of a ribbon to what lies beside it
ALIKE_LEVELS, OTHER_SHARE = 22.0, 0.3  # how alike colours are, and what a ribbon of another colour still counts
HIDDEN = 0.4  # evidence behind hands: neither for nor against


@dataclass(frozen=True)
class ChestView:
    """lab f32 [h,w,3], weighted by COLOUR; sides, ends, ribbon f32 [h,w] 0..1: upright edges, level edges, and upright
    ribbons that differ from both sides; hidden f32 [h,w] 0 or 1: behind hands; to_view f32 [2,3]: from the box of the
    fine picture."""

    lab: np.ndarray
    sides: np.ndarray
    ends: np.ndarray
    ribbon: np.ndarray
    hidden: np.ndarray
    to_view: np.ndarray

    def busy(self) -> float:
        """0..2: how full of edges the chest is where no hand is before it: prints make it so."""
        chest = (slice(ABOVE + FACE // 2, ABOVE + 7 * FACE // 2), slice(LEFT - FACE * 3 // 4, LEFT + FACE * 3 // 4))
        bare = self.hidden[chest] == 0
        return float((self.sides[chest] + self.ends[chest])[bare].mean()) if bare.any() else 0.0

    def ribbon_of(self, colour: np.ndarray) -> ChestView:
        """The same view in which only ribbons of a colour count, float32 [3] weighted as `lab` is."""
        away = self.lab - colour
        alike = cv2.exp(_sum(away * away) * np.float32(-0.5 / ALIKE_LEVELS**2))
        colored = self.ribbon * (OTHER_SHARE + (1.0 - OTHER_SHARE) * alike)
        return replace(self, ribbon=np.where(self.hidden > 0, np.float32(HIDDEN), colored))

    def points(self, box_px: np.ndarray) -> np.ndarray:
        """Points f32 [...,2] of the box in view pixels."""
        return box_px * self.to_view[0, 0] + self.to_view[:, 2]

    def box_px(self, points: np.ndarray) -> np.ndarray:
        """Points f32 [...,2] of the view in pixels of the box."""
        return (points - self.to_view[:, 2]) / self.to_view[0, 0]


def chest_view(picture: FinePicture, body: Body) -> ChestView:
    """The view below the chin of the largest face."""
    scale = FACE / body.face_px
    to_view = np.column_stack([np.eye(2) * scale, CHIN_PX - body.chin_px * scale]).astype(np.float32)
    side_px = max(1, round(1.0 / scale))
    bgr = cv2.warpAffine(cv2.blur(picture.bgr, (side_px, side_px)), to_view, SIZE_PX, borderMode=cv2.BORDER_REPLICATE)
    hidden = cv2.warpAffine(cv2.dilate(body.flesh, np.ones((5, 5), np.uint8)), to_view, SIZE_PX) > 0
    lab = cv2.cvtColor(cv2.GaussianBlur(bgr, (3, 3), 0.8), cv2.COLOR_BGR2LAB).astype(np.float32) * COLOUR
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    planes = [*(_edges(grey, along) for along in ((1, 0), (0, 1))), _ribbons(lab)]
    for plane in planes:
        plane[hidden] = HIDDEN
    return ChestView(lab, *planes, hidden.astype(np.float32), to_view)


def at(plane: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A plane's values at points f32 [...,2], between its pixels too; outside it the nearest."""
    flat = np.ascontiguousarray(points.reshape(len(points), -1, 2), np.float32)
    found = cv2.remap(plane, flat, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(*points.shape[:-1], *plane.shape[2:])


def shifted(plane: np.ndarray, right_px: int, down_px: int = 0) -> np.ndarray:
    """A plane whose pixels are those so many pixels farther right and down."""
    place = np.float32([[1, 0, right_px], [0, 1, down_px]])
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(plane, place, plane.shape[1::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _edges(grey: np.ndarray, along: tuple[int, int]) -> np.ndarray:
    return np.minimum(np.abs(cv2.Sobel(grey, cv2.CV_32F, *along, scale=0.25 / EDGE_LEVELS)), 1.0)


def _ribbons(lab: np.ndarray) -> np.ndarray:
    left, right = lab - shifted(lab, -BESIDE_PX), lab - shifted(lab, BESIDE_PX)
    same = _sum(left * right) > 0
    least = np.sqrt(np.minimum(_sum(left * left), _sum(right * right))) * same
    return cv2.blur(np.minimum(least * np.float32(1.0 / RIBBON_LEVELS), 1.0), (1, 3))


def _sum(planes: np.ndarray) -> np.ndarray:
    return cv2.transform(planes, np.float32([[1.0, 1.0, 1.0]]))

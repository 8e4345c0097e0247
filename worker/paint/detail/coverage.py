# SPDX-License-Identifier: Apache-2.0
"""Where cloth is put, at the fine picture's size: the nets' coverage, which is soft and blunt, with the old garment
taken along where it would look out, kept off what must stay, and its edges moved to the source's own.

Called by the refine stage. Pure.
"""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.paint.detail.seen.kept import Body
from mirage_lsd.worker.paint.guided import guided_coefficients

EDGE_RADIUS_PX, EDGE_EPS = 5, 2e-4
STEEP = 4.0  # times as steep: guided, an edge is as wide as the radius
NEAR_REDUCED = 4
OUTWARDS_PX = 2
GAP = 0.15  # face widths
REACH = 0.5  # face widths from what is painted up to which the old garment is taken along
BELOW_CHIN = -0.4  # face widths: hoods and collars stand beside the jaw


def old_cloth(covered: np.ndarray, worn: np.ndarray, clothed: np.ndarray, skin: np.ndarray, body: Body) -> np.ndarray:
    """f32 [h,w] 0..1: the old upper garment beside what is painted. covered: the nets' coverage; worn: how much a pixel
    has the garment's colours; clothed: the parsing's probability of clothes; skin: likeness; all f32 [h,w] 0..1.
    Nothing above the chin, and nothing where no face tells how large people are."""
    if body.face_px is None:
        return np.zeros(covered.shape, np.float32)
    near = _near(covered, REACH * body.face_px)
    rows = np.arange(covered.shape[0], dtype=np.float32)[:, None]
    below = np.clip((rows - body.chin_px[1] - BELOW_CHIN * body.face_px) / (0.1 * body.face_px) + 0.5, 0.0, 1.0)
    return near * below * worn * np.clip(1.5 * clothed - 0.2, 0.0, 1.0) * (1.0 - skin)


def _near(covered: np.ndarray, reach_px: float) -> np.ndarray:
    """f32 [h,w]: 1 so near what is covered, worked out small: a dilation takes as long as it reaches far."""
    small_px = tuple(max(1, side // NEAR_REDUCED) for side in covered.shape[::-1])
    small = (cv2.resize(covered, small_px, interpolation=cv2.INTER_AREA) > 0.25).astype(np.uint8)
    side_px = round(2 * reach_px / NEAR_REDUCED) | 1
    wide = cv2.dilate(small, np.ones((side_px, side_px), np.uint8))
    return cv2.resize(wide, covered.shape[::-1], interpolation=cv2.INTER_NEAREST).astype(np.float32)


def grown(covered: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """The coverage f32 [h,w], reaching OUTWARDS_PX over where the person, matte f32 [h,w] 0..1, ends: the old cloth's
    own rim is mixed with the background, and would stay as a line."""
    return np.maximum(covered, widened(covered) * (1.0 - matte))


def widened(plane: np.ndarray) -> np.ndarray:
    """A plane f32 [h,w] 0..1 that reaches OUTWARDS_PX farther."""
    return cv2.dilate(plane, np.ones((2 * OUTWARDS_PX + 1,) * 2, np.uint8))


def closed(covered: np.ndarray, face_px: float | None) -> np.ndarray:
    """The coverage f32 [h,w] without the gaps that stripes and letters of rare colours leave."""
    side_px = round(GAP * (face_px or 40.0)) | 1
    return cv2.morphologyEx(covered, cv2.MORPH_CLOSE, np.ones((side_px, side_px), np.uint8))


def rim_of(picture: np.ndarray, matte: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the person ends, pixels are a mix of old cloth and background. picture u8 [h,w,3]; matte f32 [h,w] 0..1 ->
    (how far a pixel's own colour is to be replaced under a layer's edge f32 [h,w] 0..1, with what u8 [h,w,3]: the
    background near)."""
    half_px, full_px, size = (picture.shape[1] // 2, picture.shape[0] // 2), picture.shape[1::-1], (9, 9)
    small = cv2.resize(picture, half_px, interpolation=cv2.INTER_AREA)
    clear = 1.0 - cv2.dilate(cv2.resize(matte, half_px, interpolation=cv2.INTER_AREA), np.ones((5, 5), np.uint8))
    weighed = cv2.merge([*(clear * plane for plane in cv2.split(small)), clear])
    *over, total = cv2.split(cv2.blur(cv2.blur(weighed, size), size))
    means = [cv2.divide(plane, total + np.float32(1e-4), dtype=cv2.CV_32F) for plane in over]
    behind = cv2.merge([plane.astype(np.uint8) for plane in means])  # below 255, as means are
    share = np.clip(8.0 * total, 0.0, 1.0)
    return tuple(cv2.resize(plane, full_px, interpolation=cv2.INTER_LINEAR) for plane in (share, behind))


def edge_coefficients(guide: np.ndarray, covered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """guide u8 [h,w], covered f32 [h,w] 0..1 -> (offset, slope) f32 [h,w]: coverage is clamp(offset + slope * guide /
    255)."""
    slope, offset = guided_coefficients(
        guide.astype(np.float32) * np.float32(1 / 255), covered, EDGE_RADIUS_PX, EDGE_EPS
    )
    slope *= STEEP
    offset -= np.float32(0.5)
    offset *= STEEP
    offset += np.float32(0.5)
    return offset, slope

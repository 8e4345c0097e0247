# SPDX-License-Identifier: Apache-2.0
"""What no garment may cover: the face, fingers and palms, hair. At the fine picture's size.

Called by the refine stage. What lies inside a face's oval, or on a finger's bone, needs no guess; beside it the person's
own colours decide: fingers are as wide as what looks like skin there, hair is where its colour is. Pure.
Invariant: without eyes that see anything, nothing is kept but hair, and the nets decide as before.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mirage_lsd.worker.paint.detail.fine import FinePicture
from mirage_lsd.worker.tracking.eyes.sight import Face, Sight

# MediaPipe's face mesh: the outline of a face from the forehead clockwise; chin, and the temples.
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
        136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
CHIN = 152
FINGERS = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
PALM = (0, 1, 5, 9, 13, 17)
KNUCKLES, BACK = (5, 17), (0, 9)  # a palm's width, and its length, of which it has at least WIDTH_OF_LENGTH
WIDTH_OF_LENGTH = 0.6
BONE, FLESH = 0.30, 0.66  # of a palm's width: lines along the fingers that are surely hand, and that may be
PATCH, SMALLEST_HAND, LARGEST_HAND = 0.45, 0.15, 1.0  # likeness to skin; areas of faces
FACE_LENGTH = 1.35  # widths
INNER = 0.12  # of a face's width is taken off its oval: what is left is skin, but for eyes and mouth


@dataclass(frozen=True)
class Body:
    """Where the eyes saw what, in a box of the fine picture: u8 [h,w], 0 or 1. face: all ovals; inner: the largest
    face's, without its rim; bones: hands for sure; flesh: where hands may be. face_px: width of the largest face, None
    where there is none; chin_px: its chin, x and y in the box."""

    face: np.ndarray
    inner: np.ndarray
    bones: np.ndarray
    flesh: np.ndarray
    face_px: float | None
    chin_px: np.ndarray | None


def body_of(sight: Sight, picture: FinePicture) -> Body:
    """The sight drawn into the fine picture's box."""
    face, inner, bones, flesh = (np.zeros(picture.grey.shape, np.uint8) for _ in range(4))
    for one in sight.faces:
        cv2.fillPoly(face, [_whole(_oval(one, picture))], 1)
    for hand in sight.hands:
        _draw_hand(bones, flesh, picture.points(hand.points_px))
    if not sight.faces:
        return Body(face, inner, bones, flesh, None, None)
    largest = max(sight.faces, key=lambda one: float(np.ptp(one.points_px[:, 0])))
    oval = _oval(largest, picture)
    face_px = float(np.ptp(oval[:, 0]))
    cv2.fillPoly(inner, [_whole(oval)], 1)
    inner = cv2.erode(inner, np.ones([max(3, int(face_px * INNER)) | 1] * 2, np.uint8))
    return Body(face, inner, bones, flesh, face_px, picture.points(largest.points_px[CHIN : CHIN + 1])[0])


def kept_hands(body: Body, skin: np.ndarray, cloth: np.ndarray) -> np.ndarray:
    """f32 [h,w] 0..1 from the likeness of each pixel's colour to skin and to the cloth worn, f32 [h,w] 0..1."""
    if not body.flesh.any():
        return np.zeros(skin.shape, np.float32)
    likely = skin / (skin + 3.0 * cloth + np.float32(0.05))
    beside = np.clip(1.6 * likely - 0.2, 0.0, 1.0) * body.flesh
    return np.maximum(beside, body.bones * np.clip(2.0 + 4.0 * (skin - cloth), 0.0, 1.0))


def small_skin(skin: np.ndarray, body: Body) -> np.ndarray:
    """f32 [h,w] 0..1: patches of skin, f32 [h,w] 0..1, no larger than hands are, apart from the face: hands that the
    eyes lose while they move, where sleeves end at the wrist."""
    if body.face_px is None:
        return np.zeros(skin.shape, np.float32)
    half = cv2.resize(skin * (1 - body.face), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    there = cv2.morphologyEx((half > PATCH).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(there, connectivity=4)
    face_area = np.pi / 4 * FACE_LENGTH * body.face_px**2
    areas = stats[:, cv2.CC_STAT_AREA]
    hand = (areas > SMALLEST_HAND * face_area) & (areas < LARGEST_HAND * face_area)
    hand[0] = False
    near_face = cv2.dilate(cv2.resize(body.face, half.shape[::-1], interpolation=cv2.INTER_NEAREST), np.ones((7, 7)))
    hand[np.unique(labels[near_face > 0])] = False
    if not hand[:count].any():
        return np.zeros(skin.shape, np.float32)
    wide = cv2.dilate(hand[labels].astype(np.uint8), np.ones((5, 5), np.uint8))
    return cv2.resize(wide, skin.shape[::-1], interpolation=cv2.INTER_NEAREST) * np.clip(1.6 * skin - 0.2, 0.0, 1.0)


def kept_hair(hair_region: np.ndarray, hair: np.ndarray, others: np.ndarray, reach_px: float) -> np.ndarray:
    """f32 [h,w] 0..1: strands near where the parsing sees hair, f32 [h,w] 0..1; hair, others: how much each pixel's
    colour is like hair, and like what else may be there; reach_px: how far strands may be from there."""
    side_px = max(3, round(reach_px) | 1)
    near = cv2.dilate((hair_region > 0.35).astype(np.uint8), np.ones((side_px, side_px), np.uint8)).astype(np.float32)
    near = cv2.blur(near, (side_px // 2 | 1, side_px // 2 | 1))
    return near * np.clip(2.0 * hair / (hair + others + np.float32(0.1)) - 0.4, 0.0, 1.0)


def _draw_hand(bones: np.ndarray, flesh: np.ndarray, points_px: np.ndarray) -> None:
    span = [float(np.linalg.norm(points_px[a] - points_px[b])) for a, b in (KNUCKLES, BACK)]
    width_px = max(span[0], WIDTH_OF_LENGTH * span[1])
    palm, lines = _whole(points_px[list(PALM)]), [_whole(points_px[list(finger)]) for finger in FINGERS]
    for target, share in ((bones, BONE), (flesh, FLESH)):
        thick = max(2, round(width_px * share))
        cv2.fillPoly(target, [palm], 1)
        cv2.polylines(target, [palm], isClosed=True, color=1, thickness=thick)
        cv2.polylines(target, lines, isClosed=False, color=1, thickness=thick)


def _oval(face: Face, picture: FinePicture) -> np.ndarray:
    return picture.points(face.points_px[list(OVAL)])


def _whole(points_px: np.ndarray) -> np.ndarray:
    return np.rint(points_px).astype(np.int32)

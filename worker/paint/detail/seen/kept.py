# SPDX-License-Identifier: Apache-2.0
"""What no garment may cover: the face, fingers and palms, hair. At the fine picture's size.

Called by the refine stage. What lies inside a face's oval, or on a finger's bone, needs no guess; beside it the
person's own colours decide: fingers are as wide as what looks like skin there, hair is where its colour is. Pure.
Invariant: without eyes that see anything, nothing is kept but hair, and the nets decide as before.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mirage_lsd.worker.paint.detail.fine import FinePicture
from mirage_lsd.worker.tracking.eyes.sight import CHIN, OVAL, Face, Sight

FINGERS = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
PALM = (0, 1, 5, 9, 13, 17)
KNUCKLES, BACK = (5, 17), (0, 9)  # a palm's width, and its length, of which it has at least WIDTH_OF_LENGTH
WIDTH_OF_LENGTH = 0.6
BELIEVED, BELIEVED_CARRIED = 1.6, 0.7  # where skin and cloth are as likely on a hand
BONE, FLESH = 0.32, 0.75  # of a palm's width: lines along the fingers that are surely hand, and that may be
PATCH, SMALLEST_HAND, LARGEST_HAND = 0.45, 0.15, 1.0  # likeness to skin; areas of faces
BARE_ARMS = 3.0  # areas of faces: with more skin below the face arms are bare, and no patch tells where hands begin
SOLID, SURELY_SKIN = 0.65, 0.5
FACE_LENGTH = 1.35  # widths
INNER = 0.12  # of a face's width is taken off its oval: what is left is skin, but for eyes and mouth


@dataclass(frozen=True)
class DrawnHand:
    """u8 [h,w], 0 or 1. bones: hand for sure; flesh: where it may be; carried: it was not seen in this frame."""

    bones: np.ndarray
    flesh: np.ndarray
    carried: bool


@dataclass(frozen=True)
class Body:
    """Where the eyes saw what, in a box of the fine picture: u8 [h,w], 0 or 1. face: all ovals; inner: the largest
    face's, without its rim; hands; face_px: width of the largest face, None where there is none; chin_px: its chin, x
    and y in the box."""

    face: np.ndarray
    inner: np.ndarray
    hands: tuple[DrawnHand, ...]
    face_px: float | None
    chin_px: np.ndarray | None

    @property
    def flesh(self) -> np.ndarray:
        """u8 [h,w]: where hands may be."""
        where = np.zeros_like(self.face)
        for hand in self.hands:
            where |= hand.flesh
        return where

    @property
    def occupied(self) -> np.ndarray:
        """u8 [h,w]: faces, and where hands may be."""
        return self.flesh | self.face


def body_of(sight: Sight, picture: FinePicture) -> Body:
    """The sight drawn into the fine picture's box."""
    face, inner = (np.zeros(picture.grey.shape, np.uint8) for _ in range(2))
    for one in sight.faces:
        cv2.fillPoly(face, [_whole(_oval(one, picture))], 1)
    hands = tuple(_drawn(picture.points(hand.points_px), hand.held_frames > 0, face.shape) for hand in sight.hands)
    if not sight.faces:
        return Body(face, inner, hands, None, None)
    largest = max(sight.faces, key=lambda one: float(np.ptp(one.points_px[:, 0])))
    oval = _oval(largest, picture)
    face_px = float(np.ptp(oval[:, 0]))
    cv2.fillPoly(inner, [_whole(oval)], 1)
    inner = cv2.erode(inner, np.ones([max(3, int(face_px * INNER)) | 1] * 2, np.uint8))
    return Body(face, inner, hands, face_px, picture.points(largest.points_px[CHIN : CHIN + 1])[0])


def kept_hands(body: Body, skin: np.ndarray, cloth: np.ndarray) -> np.ndarray:
    """f32 [h,w] 0..1 from the likeness of each pixel's colour to skin and to the cloth worn, f32 [h,w] 0..1. A hand
    that is cloth all over is none (the elbow of a skin-coloured sleeve; one that was carried to where it is not)."""
    stays = np.zeros(skin.shape, np.float32)
    beside = np.clip(1.6 * skin / (skin + 1.5 * cloth + np.float32(0.05)) - 0.2, 0.0, 1.0)
    for hand in body.hands:
        more = cv2.mean(skin, hand.bones)[0] - cv2.mean(cloth, hand.bones)[0]
        believed = min(1.0, max(0.0, (BELIEVED_CARRIED if hand.carried else BELIEVED) + 2.5 * more))
        if believed > 0.0:
            np.maximum(stays, np.maximum(beside * hand.flesh, hand.bones) * np.float32(believed), out=stays)
    return stays


def small_skin(likeness: np.ndarray, cloth: np.ndarray, body: Body) -> np.ndarray:
    """f32 [h,w] 0..1: patches like skin and unlike the cloth worn, f32 [h,w] 0..1, no larger than hands are, apart from
    the face: hands that the eyes lose while they move, where sleeves end at the wrist."""
    if body.face_px is None:
        return np.zeros(cloth.shape, np.float32)
    skin, body_skin = likeness * (1.0 - cloth), float((likeness * (1 - body.face)).sum())
    half = cv2.resize(skin * (1 - body.face), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    there = cv2.morphologyEx((half > PATCH).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(there, connectivity=4)
    face_area = np.pi / 4 * FACE_LENGTH * body.face_px**2
    areas = 4 * stats[:, cv2.CC_STAT_AREA]
    if body_skin > BARE_ARMS * face_area:
        return np.zeros(skin.shape, np.float32)
    hand = (areas > SMALLEST_HAND * face_area) & (areas < LARGEST_HAND * face_area)
    hand[0] = False
    for label in np.flatnonzero(hand):
        hand[label] = _solid(labels, label, stats[label], half)
    near_face = cv2.dilate(cv2.resize(body.face, half.shape[::-1], interpolation=cv2.INTER_NEAREST), np.ones((7, 7)))
    hand[np.unique(labels[near_face > 0])] = False
    if not hand.any():
        return np.zeros(skin.shape, np.float32)
    wide = cv2.dilate(hand[labels].astype(np.uint8), np.ones((5, 5), np.uint8))
    return cv2.resize(wide, skin.shape[::-1], interpolation=cv2.INTER_NEAREST) * np.clip(1.6 * skin - 0.2, 0.0, 1.0)


def _solid(labels: np.ndarray, label: int, box: np.ndarray, skin: np.ndarray) -> bool:
    """Whether a patch is of one piece and surely skin: letters of a print are not."""
    left, top, width, height, area = box
    part = slice(top, top + height), slice(left, left + width)
    there = (labels[part] == label).astype(np.uint8)
    outlines, _ = cv2.findContours(there, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.contourArea(cv2.convexHull(np.concatenate(outlines)))
    return area > SOLID * hull and float(skin[part][there > 0].mean()) > SURELY_SKIN


def kept_hair(hair_region: np.ndarray, hair: np.ndarray, others: np.ndarray, reach_px: float) -> np.ndarray:
    """f32 [h,w] 0..1: strands near where the parsing sees hair, f32 [h,w] 0..1; hair, others: how much each pixel's
    colour is like hair, and like what else may be there; reach_px: how far strands may be from there."""
    side_px = max(3, round(reach_px) | 1)
    near = cv2.dilate((hair_region > 0.35).astype(np.uint8), np.ones((side_px, side_px), np.uint8)).astype(np.float32)
    near = cv2.blur(near, (side_px // 2 | 1, side_px // 2 | 1))
    return near * np.clip(2.0 * hair / (hair + others + np.float32(0.1)) - 0.4, 0.0, 1.0)


def _drawn(points_px: np.ndarray, carried: bool, shape: tuple[int, int]) -> DrawnHand:
    span = [float(np.linalg.norm(points_px[a] - points_px[b])) for a, b in (KNUCKLES, BACK)]
    width_px = max(span[0], WIDTH_OF_LENGTH * span[1])
    palm, lines = _whole(points_px[list(PALM)]), [_whole(points_px[list(finger)]) for finger in FINGERS]
    drawn = []
    for share in (BONE, FLESH):
        target, thick = np.zeros(shape, np.uint8), max(2, round(width_px * share))
        cv2.fillPoly(target, [palm], 1)
        cv2.polylines(target, [palm], isClosed=True, color=1, thickness=thick)
        cv2.polylines(target, lines, isClosed=False, color=1, thickness=thick)
        drawn.append(target)
    return DrawnHand(*drawn, carried)


def _oval(face: Face, picture: FinePicture) -> np.ndarray:
    return picture.points(face.points_px[list(OVAL)])


def _whole(points_px: np.ndarray) -> np.ndarray:
    return np.rint(points_px).astype(np.int32)

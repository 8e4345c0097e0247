# SPDX-License-Identifier: Apache-2.0
"""Things on plain cloth that have none of its colours: the rest of a lanyard, and what a hand holds.

Called by in_front.py, at half the fine picture's size. Only what touches a lanyard or a hand is such a thing, once it
was seen for some frames; prints touch neither. Made for plain cloth: on prints rare colours are everywhere.
"""

from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.paint.detail.fine import FinePicture
from mirage_lsd.worker.paint.detail.seen.kept import Body

ODD, PLAIN = 0.6, 0.12  # from which on a colour is no cloth's; share of such pixels up to which cloth is plain
LARGEST, COMPACT = 1.5, 0.55  # of a face's area; of the box around a held thing, what it fills at least
THICK = 0.25  # face widths: held things are thicker, stripes and letters thinner
ASIDE = 0.16  # face widths: around a lanyard, where the rest of it lies
NEEDED, STEP = 0.6, 0.34  # what a place must have gathered, and what it gathers, and loses, a frame
MOVES_PX = 9  # half pixels that things move between frames, about twice


class Attached:
    """Keeps where such things were. Not thread-safe."""

    def __init__(self) -> None:
        self._seen: np.ndarray | None = None

    def __call__(
        self, picture: FinePicture, body: Body, odd: np.ndarray, covered: np.ndarray, lanyard: np.ndarray | None
    ) -> np.ndarray | None:
        """odd, covered, lanyard f32 [h,w] 0..1: colours that are neither cloth's, skin's nor hair's; where cloth is
        put; a lanyard, None: there is none -> f32 [h,w] 0..1, None: nothing."""
        near_anything = body.face_px is not None and (lanyard is not None or body.flesh.any())
        there = _there(odd, covered) if near_anything else None
        if there is None:
            self._seen = None
            return None
        roots = _half(body.flesh)
        things = _held(_thick(there * (roots == 0), body.face_px), roots, body.face_px)
        if lanyard is not None:
            things |= there * _beside((_half(lanyard) > 0.5).astype(np.uint8), body.face_px)
        steady = self._steady(things, picture)
        if not steady.any():
            return None
        wide = cv2.dilate(steady, np.ones((3, 3), np.uint8))
        whole = cv2.resize(wide, odd.shape[::-1], interpolation=cv2.INTER_NEAREST)
        return cv2.blur(whole.astype(np.float32), (3, 3))

    def _steady(self, things: np.ndarray, picture: FinePicture) -> np.ndarray:
        """What of u8 [h,w] was there before, too; 0 or 1."""
        x0, y0 = (place // 2 for place in picture.box[:2])
        size = picture.size_px[1] // 2 + 1, picture.size_px[0] // 2 + 1
        if self._seen is None or self._seen.shape != size:
            self._seen = np.zeros(size, np.float32)
        now = np.zeros(size, np.uint8)
        part = now[y0 : y0 + things.shape[0], x0 : x0 + things.shape[1]]
        part[:] = things[: part.shape[0], : part.shape[1]]
        before = cv2.dilate(self._seen, np.ones((MOVES_PX, MOVES_PX), np.uint8))
        self._seen = np.clip(np.where(now > 0, before + STEP, self._seen - STEP), 0.0, 1.0).astype(np.float32)
        steady = things.copy()
        seen = before[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]]
        steady[: part.shape[0], : part.shape[1]] &= (seen > NEEDED).astype(np.uint8)
        return steady


def _there(odd: np.ndarray, covered: np.ndarray) -> np.ndarray | None:
    """u8 [h/2,w/2]: where colours are odd, None where the cloth is not plain."""
    half, cloth = _half(odd), _half(covered) > 0.5
    there = ((half > ODD) & cloth).astype(np.uint8)
    if not 0 < np.count_nonzero(there) < PLAIN * np.count_nonzero(cloth):
        return None
    return cv2.morphologyEx(there, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))


def _held(there: np.ndarray, hands: np.ndarray, face_px: float) -> np.ndarray:
    """u8 [h,w]: the compact patches of u8 [h,w] that touch hands u8 [h,w]."""
    if not there.any():
        return there
    _, labels, stats, _ = cv2.connectedComponentsWithStats(there, connectivity=8)
    held = np.zeros(len(stats), bool)
    held[np.unique(labels[_wider(hands, THICK * face_px) > 0])] = True
    area = stats[:, cv2.CC_STAT_AREA]
    held &= area < LARGEST * (face_px / 2.0) ** 2
    held &= area > COMPACT * stats[:, cv2.CC_STAT_WIDTH] * stats[:, cv2.CC_STAT_HEIGHT]
    held[0] = False
    return held[labels].astype(np.uint8)


def _thick(things: np.ndarray, face_px: float) -> np.ndarray:
    return cv2.morphologyEx(things, cv2.MORPH_OPEN, np.ones([_odd_px(THICK * face_px / 2.0)] * 2, np.uint8))


def _beside(lanyard: np.ndarray, face_px: float) -> np.ndarray:
    return _wider(lanyard, ASIDE * face_px)


def _wider(plane: np.ndarray, by_px: float) -> np.ndarray:
    return cv2.dilate(plane, np.ones([_odd_px(by_px)] * 2, np.uint8))


def _odd_px(length_px: float) -> int:
    return max(3, round(length_px) | 1)


def _half(plane: np.ndarray) -> np.ndarray:
    return cv2.resize(plane, (plane.shape[1] // 2, plane.shape[0] // 2), interpolation=cv2.INTER_AREA)

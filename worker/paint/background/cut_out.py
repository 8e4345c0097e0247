# SPDX-License-Identifier: Apache-2.0
"""The person cut out by a matte: transparent around, or before another picture of the place.

Called by the composite stage. Colours at the edge are the person's alone, so that no rim of the old place is seen over
another one: what the old place gave to a pixel is taken out, and what the person would give put in (the foreground and
the background estimated by blurs that count only what is sure, as in Forte 2021). Invariants: where the matte is 255
the picture is as it was, bit for bit; what is wholly transparent is black, so that it tells nothing of the room.
"""
from __future__ import annotations

import cv2
import numpy as np

from mirage_lsd.worker.paint.background.matte import reduced_px
from mirage_lsd.worker.processes.side_by_side import in_bands
from mirage_lsd.worker.tracking.reduced import reduced

SMALL_PX = 320  # long side at which the colours beside an edge are looked at
AROUND_PX = (7, 7)  # there: from so far they are taken
SURE = 0.9  # of the matte, or of what it leaves
RIM = np.ones((5, 5), np.uint8)  # beyond the edge a picture that is scaled still reads colours
FOUND = 0.01  # share of the blur's window that must be sure


def cut_out(picture: np.ndarray, matte: np.ndarray, strength: float) -> np.ndarray:
    """picture u8 [H,W,4] BGRA, straight alpha, changed in place and returned: transparent by `strength` 0..1 where the
    matte u8 [H,W] is not the person's."""
    if strength <= 0.0:
        return picture
    take_place_out(picture, matte, strength)
    near, seen = cv2.dilate(matte, RIM) if strength >= 1.0 else None, _seen(strength)

    def band(rows: slice) -> None:
        part = picture[rows]
        if near is not None:
            cv2.copyTo(np.zeros_like(part), cv2.compare(near[rows], 0, cv2.CMP_EQ), part)
        own = cv2.multiply(cv2.extractChannel(part, 3), cv2.LUT(matte[rows], seen), scale=1.0 / 255.0)
        cv2.insertChannel(own, part, 3)

    in_bands(len(picture), band)
    return picture


def put_before(picture: np.ndarray, matte: np.ndarray, place: np.ndarray, strength: float) -> np.ndarray:
    """picture u8 [H,W,4] BGRA, changed in place and returned: the place u8 [H,W,4] BGRA by `strength` 0..1 where the
    matte u8 [H,W] is not the person's; alpha stays."""
    if strength <= 0.0:
        return picture
    take_place_out(picture, matte, strength)
    seen = _seen(strength).astype(np.float32) * np.float32(1 / 255)

    def band(rows: slice) -> None:
        part, shown = picture[rows], matte[rows]
        alpha = cv2.extractChannel(part, 3)
        cv2.blendLinear(part, place[rows], cv2.LUT(shown, seen), cv2.LUT(shown, 1.0 - seen), dst=part)
        cv2.insertChannel(alpha, part, 3)

    in_bands(len(picture), band)
    return picture


def take_place_out(picture: np.ndarray, matte: np.ndarray, strength: float) -> None:
    """Gives the pixels at the edge of a matte u8 [H,W] the person's colours, as far as `strength` takes the place away;
    picture u8 [H,W,4] BGRA is changed in place."""
    places = np.flatnonzero((cv2.dilate(matte, RIM) > 0) & (matte < 255))
    if not places.size:
        return
    rows, columns = np.divmod(places, matte.shape[1])
    change = _person_over_place(picture, matte)
    high, wide = change.shape[:2]
    person = matte.reshape(-1)[places].astype(np.float32) * np.float32(1 / 255)
    weight = (1.0 - person) * strength
    if strength < 1.0:
        weight *= person / (1.0 - strength * (1.0 - person))
    colors = picture.reshape(-1, 4)
    moved = change[rows * high // matte.shape[0], columns * wide // matte.shape[1]] * weight[:, None]
    moved += colors[places, :3]
    colors[places, :3] = np.clip(np.rint(moved, out=moved), 0.0, 255.0)


def _person_over_place(picture: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """f32 [h,w,3], small: how much brighter the person is around than the place, 0 where one of them is not near."""
    size_px = reduced_px(picture.shape[1], picture.shape[0], SMALL_PX)
    small = reduced(picture, size_px)[..., :3].astype(np.float32)
    person = reduced(matte, size_px).astype(np.float32) * np.float32(1 / 255)
    (ours, near), (theirs, far) = (_mean_of(small, np.clip((share - SURE) * (1.0 / (1.0 - SURE)), 0.0, 1.0))
                                   for share in (person, 1.0 - person))
    ours -= theirs
    ours[(near < FOUND) | (far < FOUND)] = 0.0
    return ours


def _mean_of(picture: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean colour f32 [h,w,3] around of what has a share f32 [h,w], and how much of that there is, f32 [h,w]."""
    found = cv2.blur(share, AROUND_PX)
    sums = cv2.blur(cv2.multiply(picture, cv2.merge([share] * 3)), AROUND_PX)
    return cv2.divide(sums, cv2.merge([np.maximum(found, 1e-4)] * 3)), found


def _seen(strength: float) -> np.ndarray:
    """u8 [256]: matte -> how much of the picture is left over what is behind."""
    return np.rint(255.0 - min(strength, 1.0) * (255.0 - np.arange(256.0))).astype(np.uint8)

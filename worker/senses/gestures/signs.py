# SPDX-License-Identifier: Apache-2.0
"""Which sign a hand makes: open palm, fist, thumbs up, victory, or none of them.

Called for every look at a hand. Pure geometry on the 21 points: which fingers are straight, which are bent, and where
they point. Invariant: what is between two signs is none.
"""

from __future__ import annotations

import numpy as np

OPEN_PALM, FIST, THUMBS_UP, VICTORY, NONE = "open_palm", "fist", "thumbs_up", "victory", ""
_FINGERS = ((5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))  # index to little finger
_STRAIGHT, _BENT = 0.85, 0.25  # cosine between a finger's first and last part: 1 is straight, -1 is folded
_UPRIGHT = 0.75  # cosine between upwards and the thumb
_SPREAD = 0.15  # of the palm: how far apart the victory's finger tips are, more than their knuckles


def sign_of(points: np.ndarray) -> str:
    """points: float32 [21, 3] as Hand.solid_px tells. One of the names above."""
    straight = [_straightness(points[list(finger)]) for finger in _FINGERS]
    reach = [_reaches_out(points, finger) for finger in _FINGERS]
    out = [s > _STRAIGHT and r for s, r in zip(straight, reach, strict=True)]
    folded = [s < _BENT or not r for s, r in zip(straight, reach, strict=True)]
    palm = float(np.linalg.norm(points[9] - points[0]))
    if all(folded):
        return THUMBS_UP if _thumb_up(points, palm) else FIST if _thumb_in(points, palm) else NONE
    upright = points[9, 1] < points[0, 1]
    if all(out) and upright:
        return OPEN_PALM if _thumb_out(points, palm) else NONE
    if out[0] and out[1] and folded[2] and folded[3] and upright:
        apart = np.linalg.norm(points[8] - points[12]) - np.linalg.norm(points[5] - points[9])
        return VICTORY if apart > _SPREAD * palm else NONE
    return NONE


def _straightness(joints: np.ndarray) -> float:
    first, last = joints[1] - joints[0], joints[3] - joints[2]
    return float(first @ last / max(np.linalg.norm(first) * np.linalg.norm(last), 1e-6))


def _reaches_out(points: np.ndarray, finger: tuple[int, ...]) -> bool:
    """Whether the tip is further from the wrist than the middle joint is."""
    wrist = points[0]
    return bool(np.linalg.norm(points[finger[3]] - wrist) > 1.05 * np.linalg.norm(points[finger[1]] - wrist))


def _thumb_up(points: np.ndarray, palm: float) -> bool:
    """The thumb points upwards in the picture, well above the other fingers."""
    way = points[4, :2] - points[2, :2]
    upwards = -way[1] / max(float(np.linalg.norm(way)), 1e-6)
    others = points[[5, 6, 9, 10], 1].min()
    return bool(upwards > _UPRIGHT and points[4, 1] < others - 0.3 * palm)


def _thumb_in(points: np.ndarray, palm: float) -> bool:
    """The tip lies over the other fingers."""
    return bool(np.linalg.norm(points[4] - points[[6, 10]].mean(axis=0)) < 0.75 * palm)


def _thumb_out(points: np.ndarray, palm: float) -> bool:
    return bool(np.linalg.norm(points[4] - points[5]) > 0.45 * palm)

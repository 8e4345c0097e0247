# SPDX-License-Identifier: Apache-2.0
"""What a look did to a frame, counted class by class in a mask that was drawn by hand.

Plain arithmetic on arrays, for by_hand.py and desk.py. Invariant: every figure but edge_px is a share of pixels, and
None where there are too few to count.
"""

from __future__ import annotations

import cv2
import numpy as np
from drawn_masks import ARM, BACKGROUND, GARMENT, HAIR, HAND, SKIN, STRAP

CHANGED_LEVELS = 12
INSIDE_PX = 2  # how far the outlines may be wrong
NEAR_PX = 25
FEWEST_PX = 30
SHORT_SLEEVES = ("t-shirt", "tank top", "polo", "vest", "swimsuit")
LIMITS = {"hand": 0.02, "between": 0.70, "face": 0.0, "hair": 0.0, "strap": 0.02, "arm_wrong": 0.10, "garment": 0.90,
          "beside": 0.012, "away": 0.001, "edge_px": 1.10}
BEST_IS_HIGH = ("between", "garment")


def changed(source: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Where any colour differs by more than 12 levels, bool [h, w]; both uint8 [h, w, 3]."""
    return cv2.absdiff(source, made).max(2) > CHANGED_LEVELS


def share(of: np.ndarray, where: np.ndarray) -> float | None:
    """The share of a bool [h, w] within another."""
    return float(of[where].mean()) if where.sum() >= FEWEST_PX else None


def grown(area: np.ndarray, by_px: int) -> np.ndarray:
    """A bool [h, w] that reaches so much farther in all directions; negative: less far."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, [2 * abs(by_px) + 1] * 2)
    change = cv2.dilate if by_px > 0 else cv2.erode
    return change(area.astype(np.uint8), kernel, borderValue=0 if by_px > 0 else 1) > 0


def figures(source: np.ndarray, made: np.ndarray, labels: np.ndarray, look: str) -> dict[str, float | None]:
    """All figures of one frame; pictures uint8 [h, w, 3], labels uint8 [h, w] of drawn_masks' classes."""
    touched = changed(source, made)
    face, neck = _face_and_neck(grown(labels == SKIN, -INSIDE_PX))
    arm = share(touched, grown(labels == ARM, -INSIDE_PX))
    near, away = _around(labels)
    return {
        "hand": share(touched, grown(labels == HAND, -INSIDE_PX)),
        "hand_edge": share(touched, labels == HAND),
        "between": share(touched, _between_fingers(labels)),
        "face": share(touched, face), "neck": share(touched, neck),
        "hair": share(touched, grown(labels == HAIR, -INSIDE_PX)),
        "strap": share(touched, grown(labels == STRAP, -1)),
        "arm": arm, "arm_wrong": None if arm is None else arm if short_sleeved(look) else 1 - arm,
        "garment": share(touched, grown(labels == GARMENT, -INSIDE_PX)),
        ("beside_hood" if "hood" in look else "beside"): share(touched, near), "away": share(touched, away),
        "edge_px": edge_px(source, made, np.isin(labels, (GARMENT, STRAP))),
    }  # fmt: skip


def short_sleeved(look: str) -> bool:
    """Whether a look leaves the forearms bare."""
    return any(word in look for word in SHORT_SLEEVES)


def _face_and_neck(skin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The upper two thirds of the skin of the head and what is below: a collar may lie over the neck."""
    rows = np.flatnonzero(skin.any(1))
    face, neck = skin.copy(), skin.copy()
    if rows.size:
        chin = rows[0] + round(0.66 * (rows[-1] - rows[0]))
        face[chin:], neck[:chin] = False, False
    return face, neck


def _between_fingers(labels: np.ndarray) -> np.ndarray:
    """Garment within the hull of a hand, bool [h, w]."""
    out = np.zeros(labels.shape, np.uint8)
    for outline in cv2.findContours((labels == HAND).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
        cv2.fillConvexPoly(out, cv2.convexHull(outline), 1)
    return (out > 0) & grown(labels == GARMENT, -1) & ~grown(labels == HAND, INSIDE_PX)


def _around(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Background from 3 to 25 px beside the garment, and farther than 25 px from everything drawn; bool [h, w]."""
    drawn, garment = labels != BACKGROUND, labels == GARMENT
    beyond = (labels == BACKGROUND) & ~grown(drawn, INSIDE_PX + 1)
    return beyond & grown(garment, NEAR_PX), beyond & ~grown(drawn, NEAR_PX)


def edge_px(source: np.ndarray, made: np.ndarray, area: np.ndarray) -> float | None:
    """How wide the steps across an area's outline became, as a multiple of the source's there: 1 = as sharp."""
    outline = cv2.morphologyEx(area.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((7, 7))) > 0
    before, after = step_px(source, outline), step_px(made, outline)
    return after / before if before and after else None


def step_px(picture: np.ndarray, where: np.ndarray, least_levels: float = 30) -> float | None:
    """Median width of the steps at these places: a step's height by its steepest slope, in its sharpest colour."""
    window, sharpest = np.ones((13, 13)), np.full(where.shape, np.inf, np.float32)
    for plane in np.moveaxis(picture.astype(np.float32), 2, 0):
        plane = np.ascontiguousarray(plane)
        height = cv2.dilate(plane, window) - cv2.erode(plane, window)
        slope = cv2.magnitude(cv2.Sobel(plane, cv2.CV_32F, 1, 0), cv2.Sobel(plane, cv2.CV_32F, 0, 1)) / 8
        width = height / np.maximum(cv2.dilate(slope, window), 1e-6)
        sharpest = np.where(height >= least_levels, np.minimum(sharpest, width), sharpest)
    widths = sharpest[where & np.isfinite(sharpest)]
    return float(np.median(widths)) if widths.size > 2 * FEWEST_PX else None


def summary(rows: list[dict]) -> dict[str, dict]:
    """Of each figure: how many, mean (edge_px: median), worst, the limit and whether it is kept."""
    out = {}
    for key in dict.fromkeys(key for row in rows for key in row["figures"]):
        values = [row["figures"][key] for row in rows if row["figures"].get(key) is not None]
        if not values:
            out[key] = {"n": 0, "value": None, "worst": None, "limit": LIMITS.get(key), "kept": False}
            continue
        value = float(np.median(values) if key == "edge_px" else np.mean(values))
        high, limit = key in BEST_IS_HIGH, LIMITS.get(key)
        kept = None if limit is None else value >= limit if high else round(value, 3) <= limit
        out[key] = {"n": len(values), "value": round(value, 3), "worst": round(min(values) if high else max(values), 3),
                    "limit": limit, "kept": kept}
    return out

# SPDX-License-Identifier: Apache-2.0
"""A lanyard in one chest view: a badge, the stem above it, and the two straps that part from it towards the neck.

Called by in_front.py. A badge is a rectangle with edges on all four sides that looks unlike what is beside it; the
straps are ribbons from its top to both sides of the neck. Both are wanted: cloth has rectangles, and cloth has lines.
Places are in view pixels (chest_view.py). Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mirage_lsd.worker.paint.detail.chest_view import CHIN_PX, FACE, ChestView, at, shifted

WIDTHS, HEIGHTS = (12, 15, 18), (16, 20, 24, 27)
HIGHEST, ASIDE = 0.9 * FACE, 0.6 * FACE  # below the chin, and beside it, where the middle of a badge may be
NECK_X, NECK_Y = np.float32([0.30, 0.37, 0.44, 0.50]) * FACE, 0.35 * FACE  # from the chin to where straps come from
FORKS_X, FORK_EVERY, FORK_LEAST = np.arange(-6.0, 7.0, 2.0), 3.0, 1.0 * FACE
ALONG = np.linspace(0.0, 1.0, 16, dtype=np.float32)
MIN_SHARE = 0.6  # of a rectangle's score is its worst side's
LARGE = 0.10  # what a rectangle of the largest size scores more: cards have frames within their holders
BADGE, STRAPS, UNLIKE = 0.78, 0.5, 35.0  # from which on a badge and its straps are seen


@dataclass(frozen=True)
class Lanyard:
    """badge f32 [5]: middle x, y, width, height, turn (view pixels, radians); straps f32 [7]: the fork's x, y, the x of the
    two ends at the neck, the bends of the two straps and the stem. seen: f32 0..1 scores of badge and straps."""

    badge: np.ndarray
    straps: np.ndarray
    seen: tuple[float, float]

    def corners(self) -> np.ndarray:
        """f32 [4,2]: of the badge, clockwise from its top left one."""
        return corners_of(self.badge[None])[0]

    def lines(self) -> np.ndarray:
        """f32 [3,16,2]: left strap, right strap, from the neck to the fork, and the stem, from there to the badge."""
        return lines_of(self.straps[None], self.corners()[:2].mean(0))[0]


def found(view: ChestView) -> Lanyard | None:
    """A lanyard that is seen for sure."""
    badge = fitted_badge(view, _likeliest_badge(view))
    if _badge_score(view, badge[None])[0] < BADGE or _unlike(view, badge) < UNLIKE:
        return None
    straps = _likeliest_straps(view, badge)
    return None if straps is None else _sure(fitted(view, Lanyard(badge, straps, (0.0, 0.0)), badge))


def fitted(view: ChestView, last: Lanyard, badge: np.ndarray | None = None) -> Lanyard:
    """The same lanyard in another view."""
    badge = fitted_badge(view, last.badge) if badge is None else badge
    top = corners_of(badge[None])[0, :2].mean(0)
    straps = last.straps
    for places, offsets in _STEPS:
        near = np.repeat(straps[None], len(offsets), axis=0)
        near[:, places] += offsets
        straps = near[np.argmax(_straps_score(view, near, top) - 0.002 * np.abs(offsets).sum(1))]
    straps[4:] = np.clip(straps[4:], -3.0, 3.0)
    seen = float(_badge_score(view, badge[None])[0]), float(_straps_score(view, straps[None], top)[0])
    return Lanyard(badge, straps, seen)


def fitted_badge(view: ChestView, badge: np.ndarray) -> np.ndarray:
    """The best rectangle near one, f32 [5]."""
    for places, offsets in _BADGE_STEPS:
        near = np.repeat(badge[None], len(offsets), axis=0)
        near[:, places] += offsets
        near[:, 2:4] = np.clip(near[:, 2:4], (9.0, 12.0), (20.0, 32.0))
        near[:, 4] = np.clip(near[:, 4], -0.3, 0.3)
        size = LARGE * near[:, 2] * near[:, 3] / (WIDTHS[-1] * HEIGHTS[-1])
        badge = near[np.argmax(_badge_score(view, near) + size)]
    return badge


def corners_of(badges: np.ndarray) -> np.ndarray:
    """f32 [n,5] -> f32 [n,4,2]."""
    unit = np.float32([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    x, y = (unit * badges[:, None, 2:4]).transpose(2, 0, 1)
    cos, sin = np.cos(badges[:, 4:]), np.sin(badges[:, 4:])
    return np.stack([x * cos - y * sin, x * sin + y * cos], axis=-1) + badges[:, None, :2]


def lines_of(straps: np.ndarray, top: np.ndarray) -> np.ndarray:
    """f32 [n,7], the badge's top f32 [2] -> f32 [n,3,16,2]."""
    fork = straps[:, :2]
    neck = np.full((len(straps), 2, 2), CHIN_PX[1] + NECK_Y, np.float32)
    neck[..., 0] = straps[:, 2:4]
    start = np.concatenate([neck, fork[:, None]], axis=1)
    end = np.stack([fork, fork, np.broadcast_to(top, fork.shape)], axis=1)
    lines = start[:, :, None] + (end - start)[:, :, None] * ALONG[:, None]
    lines[..., 0] += straps[:, 4:, None] * (4.0 * ALONG * (1.0 - ALONG))
    return lines


def _sure(lanyard: Lanyard) -> Lanyard | None:
    return lanyard if lanyard.seen[1] >= STRAPS else None


def _badge_score(view: ChestView, badges: np.ndarray) -> np.ndarray:
    """f32 [n] 0..1."""
    corners = corners_of(badges)
    edges = corners[:, :, None] + (np.roll(corners, -1, axis=1) - corners)[:, :, None] * ALONG[2:-2, None]
    level, upright = at(view.ends, edges[:, ::2]).mean(-1), at(view.sides, edges[:, 1::2]).mean(-1)
    four = np.concatenate([level, upright], axis=1)
    return MIN_SHARE * four.min(1) + (1.0 - MIN_SHARE) * four.mean(1)


def _straps_score(view: ChestView, straps: np.ndarray, top: np.ndarray) -> np.ndarray:
    """f32 [n] 0..1: the mean evidence along the lines."""
    return _evidence(view, straps, top).sum(1)


def _evidence(view: ChestView, straps: np.ndarray, top: np.ndarray) -> np.ndarray:
    """f32 [n,3] 0..1: the same for each line, by its share of the whole length."""
    lines = lines_of(straps, top)
    length = np.linalg.norm(lines[:, :, -1] - lines[:, :, 0], axis=-1)
    return at(view.ribbon, lines).mean(-1) * length / np.maximum(length.sum(1, keepdims=True), 1.0)


def _unlike(view: ChestView, badge: np.ndarray) -> float:
    """How much a badge's colour differs from what is to its left and right."""
    middle = np.stack(np.meshgrid([-0.3, 0.0, 0.3, -0.8, 0.8], [-0.3, 0.0, 0.3]), axis=-1) * badge[2:4] + badge[:2]
    colours = at(view.lab, middle.astype(np.float32))
    return float(np.linalg.norm(colours[:, :3].mean((0, 1)) - colours[:, 3:].mean((0, 1))))


def _likeliest_badge(view: ChestView) -> np.ndarray:
    sides, ends = cv2.dilate(view.sides, np.ones((1, 3))), cv2.dilate(view.ends, np.ones((3, 1)))
    x0, x1, y0 = (round(float(place)) for place in (CHIN_PX[0] - ASIDE, CHIN_PX[0] + ASIDE, CHIN_PX[1] + HIGHEST))
    best, badge = -1.0, None
    for high in HEIGHTS:
        upright = cv2.blur(sides, (1, high - 2))
        for wide in WIDTHS:
            level = cv2.blur(ends, (wide - 2, 1))
            four = (shifted(upright, -(wide // 2)), shifted(upright, wide - wide // 2),
                    shifted(level, 0, -(high // 2)), shifted(level, 0, high - high // 2))  # fmt: skip
            least = np.minimum(np.minimum(four[0], four[1]), np.minimum(four[2], four[3]))
            score = (least + 0.04 * (four[0] + four[1] + four[2] + four[3]))[y0 : -(high // 2), x0:x1]
            y, x = divmod(int(np.argmax(score)), score.shape[1])
            if score[y, x] > best:
                best, badge = float(score[y, x]), np.float32([x + x0, y + y0, wide, high, 0.0])
    return badge


def _likeliest_straps(view: ChestView, badge: np.ndarray) -> np.ndarray | None:
    top = corners_of(badge[None])[0, :2].mean(0)
    levels = np.arange(CHIN_PX[1] + FORK_LEAST, top[1] - 2.0, FORK_EVERY)
    if not levels.size:
        return None
    x, y, neck = (plane.ravel() for plane in np.meshgrid(FORKS_X + top[0], levels, NECK_X, indexing="ij"))
    straps = np.zeros((x.size, 7), np.float32)
    straps[:, :4] = np.column_stack([x, y, CHIN_PX[0] - neck, CHIN_PX[0] + neck])
    evidence = _evidence(view, straps, top).reshape(-1, len(NECK_X), 3)
    left, right = evidence[..., 0].argmax(1), evidence[..., 1].argmax(1)
    best = int((evidence.max(1)).sum(1).argmax())
    strap = straps[best * len(NECK_X)]
    strap[2], strap[3] = CHIN_PX[0] - NECK_X[left[best]], CHIN_PX[0] + NECK_X[right[best]]
    return strap


def _grid(*axes: np.ndarray) -> np.ndarray:
    """All combinations, f32 [n, axes]; the first is no offset at all, so that it wins where others are as good."""
    offsets = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, len(axes)).astype(np.float32)
    return offsets[np.argsort(np.abs(offsets).sum(1), kind="stable")]


_FINE, _BEND = np.arange(-2.0, 2.5, 1.0), np.arange(-1.0, 1.5, 0.5)
_STEPS = (([0, 1], _grid(_FINE, 2.0 * _FINE)), ([2, 4], _grid(_FINE, _BEND)), ([3, 5], _grid(_FINE, _BEND)),
          ([0, 6], _grid(_BEND, _BEND)))  # fmt: skip
_BADGE_STEPS = (([0, 1], _grid(np.arange(-3.0, 3.5, 1.0), np.arange(-3.0, 3.5, 1.0))),
                ([2, 3, 4], _grid(np.arange(-2.0, 2.5, 1.0), np.arange(-2.0, 2.5, 1.0), np.float32([-0.1, -0.05, 0.0, 0.05, 0.1]))),
                ([0, 1], _grid(_BEND, _BEND)))  # fmt: skip

# SPDX-License-Identifier: Apache-2.0
"""A lanyard in one chest view: a badge, the stem above it, and the two straps that part from it towards the neck.

Called by in_front.py. A badge is a rectangle with edges on all four sides that looks unlike what is beside it; the
straps are ribbons from its top to both sides of the neck. Both are wanted: cloth has rectangles, and cloth has lines.
Places are in view pixels (chest_view.py). Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from mirage_lsd.worker.paint.detail.hanging.chest_view import CHIN_PX, FACE, ChestView, at, shifted

WIDTHS, HEIGHTS = (12, 15, 18), (16, 20, 24, 27)
HIGHEST, ASIDE = 0.9 * FACE, 0.6 * FACE  # below the chin, and beside it, where the middle of a badge may be
NECK_X, NECK_Y = np.float32([0.30, 0.37, 0.44, 0.50]) * FACE, 0.35 * FACE  # from the chin to where straps come from
FORKS_X, FORK_EVERY, FORK_LEAST = np.arange(-6.0, 7.0, 2.0), 3.0, 1.0 * FACE
ALONG = np.linspace(0.0, 1.0, 16, dtype=np.float32)
MIN_SHARE = 0.6  # of a rectangle's score is its worst side's
LARGE = 0.10  # what a rectangle of the largest size scores more: cards have frames within their holders
HIDDEN = 0.25  # share of a badge behind hands from which on it is where it was
STAY = 0.004  # what a step of a pixel must gain
BETTER = 0.02
COLOUR_SLOWLY = 0.1
OUTER_PX = 2, 4  # how far out a holder's edges may be, sideways, and up or down
OUTER, OUTER_SEEN = 0.65, 0.5  # how strong they are, as a share of the card's, or at all
BADGE, STRAPS, UNLIKE = 0.78, 0.5, 35.0  # from which on a badge and its straps are seen


@dataclass(frozen=True)
class Lanyard:
    """badge f32 [5]: middle x, y, width, height, turn (view pixels, radians); straps f32 [7]: the fork's x, y, the x of
    the two ends at the neck, the bends of the two straps and the stem; colour f32 [3]: of the straps, weighted as the
    view's lab is. seen f32 [4] 0..1: the evidence for the badge, the left and the right strap, and the stem."""

    badge: np.ndarray
    straps: np.ndarray
    colour: np.ndarray
    seen: np.ndarray

    def corners(self) -> np.ndarray:
        """f32 [4,2]: of the badge, clockwise from its top left one."""
        return corners_of(self.badge[None])[0]

    def lines(self) -> np.ndarray:
        """f32 [3,16,2]: left strap, right strap, from the neck to the fork, and the stem, from there to the badge."""
        return lines_of(self.straps[None], self._top())[0]

    def _top(self) -> np.ndarray:
        return self.corners()[:2].mean(0)


def found(view: ChestView) -> Lanyard | None:
    """A lanyard that is seen for sure."""
    badge = fitted_badge(view, _likeliest_badge(view))
    if _badge_score(view, badge[None])[0] < BADGE or _unlike(view, badge) < UNLIKE:
        return None
    straps = _likeliest_straps(view, badge)
    if straps is None:
        return None
    top = corners_of(badge[None])[0, :2].mean(0)
    if _straps_score(view, straps[None], top)[0] < STRAPS:
        return None
    colour = _colour(view, lines_of(straps[None], top)[0])
    straps = _likeliest_straps(view.ribbon_of(colour), badge)
    return fitted(view, Lanyard(badge, straps, colour, np.zeros(4, np.float32)))


def fitted(view: ChestView, last: Lanyard) -> Lanyard:
    """The same lanyard in another view. Behind hands a badge is where it was."""
    colored, straps = view.ribbon_of(last.colour), last.straps
    badge = last.badge if hidden_share(view, last) > HIDDEN else fitted_badge(view, last.badge)
    top = corners_of(badge[None])[0, :2].mean(0)
    for places, offsets in _STEPS:
        near = np.repeat(straps[None], len(offsets), axis=0)
        near[:, places] += offsets
        straps = near[np.argmax(_straps_score(colored, near, top) - STAY * np.abs(offsets).sum(1))]
    straps[4:] = np.clip(straps[4:], -3.0, 3.0)
    lines = lines_of(straps[None], top)[0]
    seen = np.append(_badge_score(view, badge[None]), at(colored.ribbon, lines).mean(1))
    colour = last.colour + COLOUR_SLOWLY * (_colour(view, lines) - last.colour)
    return Lanyard(badge, straps, colour, seen)


def sought(view: ChestView, last: Lanyard) -> Lanyard:
    """The same lanyard with straps elsewhere, if they are seen better there."""
    colored, top = view.ribbon_of(last.colour), last.corners()[:2].mean(0)
    straps = _likeliest_straps(colored, last.badge)
    if straps is None:
        return last
    new, old = _straps_score(colored, np.stack([straps, last.straps]), top)
    return replace(last, straps=straps) if new > old + BETTER else last


def hidden_share(view: ChestView, lanyard: Lanyard) -> float:
    """0..1: how much of the badge is behind hands."""
    return float(at(view.hidden, _spread(lanyard.badge, 0.4)).mean())


def outer_corners(view: ChestView, badge: np.ndarray) -> np.ndarray:
    """f32 [4,2]: the badge with the holder around it, whose edges are weaker."""
    grown = badge.copy()
    for side, axis, sign in ((0, 1, -1.0), (1, 0, 1.0), (2, 1, 1.0), (3, 0, -1.0)):
        more = np.arange(OUTER_PX[axis] + 1, dtype=np.float32)
        near = np.repeat(grown[None], len(more), axis=0)
        near[:, 2 + axis] += more
        near[:, axis] += sign * more / 2.0
        strong = at((view.sides, view.ends)[axis], _edges(near)[:, side]).mean(-1)
        grown = near[np.flatnonzero(strong >= min(OUTER * strong[0], OUTER_SEEN))[-1]]
    return corners_of(grown[None])[0]


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


def _badge_score(view: ChestView, badges: np.ndarray) -> np.ndarray:
    """f32 [n] 0..1."""
    edges = _edges(badges)
    level, upright = at(view.ends, edges[:, ::2]).mean(-1), at(view.sides, edges[:, 1::2]).mean(-1)
    four = np.concatenate([level, upright], axis=1)
    return MIN_SHARE * four.min(1) + (1.0 - MIN_SHARE) * four.mean(1)


def _edges(badges: np.ndarray) -> np.ndarray:
    """Places on the top, right, lower and left edges, f32 [n,4,12,2]."""
    corners = corners_of(badges)
    return corners[:, :, None] + (np.roll(corners, -1, axis=1) - corners)[:, :, None] * ALONG[2:-2, None]


def _colour(view: ChestView, lines: np.ndarray) -> np.ndarray:
    """The median along the lines where they are seen, float32 [3]."""
    colours, seen = at(view.lab, lines).reshape(-1, 3), at(view.ribbon, lines).ravel()
    return np.median(colours[seen >= np.median(seen)], axis=0)


def _spread(badge: np.ndarray, reach: float) -> np.ndarray:
    """Places in a badge, f32 [5,5,2]."""
    steps = np.linspace(-reach, reach, 5)
    return (np.stack(np.meshgrid(steps, steps), axis=-1) * badge[2:4] + badge[:2]).astype(np.float32)


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


_TURNS = np.arange(-0.1, 0.11, 0.05)
_FAR, _FINE, _BEND = np.arange(-3.0, 3.5, 1.0), np.arange(-2.0, 2.5, 1.0), np.arange(-1.0, 1.5, 0.5)
_WIDE = np.arange(-8.0, 9.0, 2.0)
_STEPS = (([0, 1], _grid(_FINE, 2.0 * _FINE)), ([2], _grid(_WIDE)), ([3], _grid(_WIDE)), ([2, 4], _grid(_FINE, _BEND)),
          ([3, 5], _grid(_FINE, _BEND)), ([0, 6], _grid(_BEND, _BEND)))  # fmt: skip
_BADGE_STEPS = (([0, 1], _grid(_FAR, _FAR)), ([2, 3, 4], _grid(_FINE, _FINE, _TURNS)), ([0, 1], _grid(_BEND, _BEND)))

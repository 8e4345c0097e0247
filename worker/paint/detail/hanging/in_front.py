# SPDX-License-Identifier: Apache-2.0
"""What hangs or is held before the garment and stays: a lanyard with its badge, kept from frame to frame, and things
that a hand holds.

Called by the refine stage, one `InFront` a stream, on the worker's loop thread. A lanyard is shown once it was seen
NEEDED times, and goes when it was not seen for long; behind a sleeve, no part of it is shown. Invariant: what is
attached to neither lanyard nor hand is a print or the cloth's own, and does not stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mirage_lsd.worker.paint.detail.fine import FinePicture
from mirage_lsd.worker.paint.detail.hanging import lanyard as lanyards
from mirage_lsd.worker.paint.detail.hanging.attached import Attached
from mirage_lsd.worker.paint.detail.hanging.chest_view import ChestView, at, chest_view
from mirage_lsd.worker.paint.detail.hanging.lanyard import Lanyard, hidden_share
from mirage_lsd.worker.paint.detail.seen.kept import Body

SEARCH_EVERY, FIT_EVERY, SEEK_EVERY = 5, 3, 18  # frames
NEEDED, MOST = 2, 8  # fits that must have seen it; how many that have not until it is gone
BADGE_SEEN, STEM_SEEN, STRAP_SEEN = 0.5, 0.25, 0.3
BOTH_SEEN, BOTH_SEEN_BUSY = 0.4, 0.5  # the two straps together, on plain cloth and on prints
PLAIN = 0.52  # see ChestView.busy
TOLD_WIDER = 0.4  # straps are drawn so much wider where the cloth beside them is trimmed
TOLD, TOLD_STEEP = 0.6, 2.5  # mean of the cloth's colours in a lanyard up to which they are told from its own
SLOWLY = 0.3  # of a piece's evidence from fit to fit
WIDTH = 0.12  # of a strap, in face widths
STICKY_PX, MOVES = 1.5, 0.7  # fine pixels up to which a place is as before; how much of a larger step is taken
ALIKE_LEVELS = 40.0  # from a strap's colour, up to which it is the strap that is seen

SHIFT = 4  # bits after the point in OpenCV's places


@dataclass(frozen=True)
class _Shown:
    """Places in the fine picture's pixels: badge f32 [4,2], lines f32 [3,16,2], and how much of each place on the lines
    is in sight, f32 [3,16] 0..1; seen f32 [4]: badge and lines, slowly changing."""

    badge: np.ndarray
    lines: np.ndarray
    sight: np.ndarray
    seen: np.ndarray
    width_px: float


class InFront:
    """Keeps one lanyard. Not thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Another scene."""
        self._attached = Attached()
        self._lanyard: Lanyard | None = None
        self._shown: _Shown | None = None
        self._frame = self._good = 0
        self._busy, self._told = 1.0, 0.0

    def __call__(
        self, picture: FinePicture, body: Body, worn: np.ndarray, odd: np.ndarray, covered: np.ndarray
    ) -> np.ndarray:
        """worn, odd, covered f32 [h,w] 0..1: the garment's colours, those that are nothing's of the person, and where
        cloth is put -> f32 [h,w] 0..1: what stays."""
        return self.stays(self.lanyard(picture, body), picture, body, worn, odd, covered)

    def stays(
        self,
        lanyard: np.ndarray | None,
        picture: FinePicture,
        body: Body,
        worn: np.ndarray,
        odd: np.ndarray,
        covered: np.ndarray,
    ) -> np.ndarray:
        """The second half of a call: with the things that are attached to the lanyard or held."""
        things = self._attached(picture, body, odd, covered, lanyard) if self._busy < PLAIN else None
        cloth = cv2.morphologyEx(worn, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        lanyard = lanyard if lanyard is None else lanyard * (1.0 - self._told_from(lanyard, worn) * cloth)
        things = things if things is None else things * (1.0 - cloth)
        known = [plane for plane in (lanyard, things) if plane is not None]
        return np.maximum.reduce(known) if known else np.zeros(odd.shape, np.float32)

    def lanyard(self, picture: FinePicture, body: Body) -> np.ndarray | None:
        """The first half of a call: the lanyard f32 [h,w] 0..1, None where there is none."""
        self._frame += 1
        if body.face_px is not None:
            if self._lanyard is not None and self._frame % FIT_EVERY == 0:
                self._follow(picture, body)
            elif self._lanyard is None and self._frame % SEARCH_EVERY == 0:
                self._search(picture, body)
        if self._shown is None or self._good < NEEDED:
            return None
        return _drawn(self._shown, picture, self._both(), 1.0 + TOLD_WIDER * self._told)

    def _told_from(self, lanyard: np.ndarray, worn: np.ndarray) -> float:
        """0..1: whether the cloth's colours are not the lanyard's own."""
        mean = cv2.mean(worn, (lanyard > 0.9).view(np.uint8))[0]
        told = min(max(TOLD_STEEP * (TOLD - mean), 0.0), 1.0)
        self._told += SLOWLY * (told - self._told)
        return self._told

    def _both(self) -> float:
        return BOTH_SEEN if self._busy < PLAIN else BOTH_SEEN_BUSY

    def _view(self, picture: FinePicture, body: Body) -> ChestView:
        view = chest_view(picture, body)
        self._busy += SLOWLY * (view.busy() - self._busy)
        return view

    def _search(self, picture: FinePicture, body: Body) -> None:
        view = self._view(picture, body)
        self._lanyard, self._good = lanyards.found(view), 0
        if self._lanyard is not None:
            self._shown = _shown(view, self._lanyard, picture, body, None)

    def _follow(self, picture: FinePicture, body: Body) -> None:
        view = self._view(picture, body)
        lanyard = lanyards.sought(view, self._lanyard) if self._frame % SEEK_EVERY == 0 else self._lanyard
        self._lanyard = lanyards.fitted(view, lanyard)
        if hidden_share(view, self._lanyard) <= lanyards.HIDDEN:
            self._good = min(self._good + 1, MOST) if self._lanyard.seen[0] > BADGE_SEEN else self._good - 1
        self._shown = _shown(view, self._lanyard, picture, body, self._shown)
        if self._good < 0:
            self._lanyard = self._shown = None


def _shown(view: ChestView, lanyard: Lanyard, picture: FinePicture, body: Body, last: _Shown | None) -> _Shown:
    corner_px = np.float32(picture.box[:2])
    lines = lanyard.lines()
    badge_px = view.box_px(lanyards.outer_corners(view, lanyard.badge)) + corner_px
    lines_px = view.box_px(lines) + corner_px
    away = np.linalg.norm(at(view.lab, lines) - lanyard.colour, axis=-1)
    seen, width_px = lanyard.seen, WIDTH * body.face_px
    sight = np.clip(2.0 - away / ALIKE_LEVELS, 0.0, 1.0)
    if last is not None:
        if hidden_share(view, lanyard) > lanyards.HIDDEN:
            seen = np.append(max(seen[0], last.seen[0]), seen[1:])
        badge_px, lines_px = _steady(last.badge, badge_px), _steady(last.lines, lines_px)
        sight, seen = (before + SLOWLY * (now - before) for before, now in ((last.sight, sight), (last.seen, seen)))
        width_px = last.width_px + SLOWLY * (width_px - last.width_px)
    return _Shown(badge_px, lines_px, sight, seen, width_px)


def _steady(last: np.ndarray, now: np.ndarray) -> np.ndarray:
    step_px = float(np.abs(now - last).max())
    return last + (now - last) * (MOVES if step_px > STICKY_PX else 0.0)


def _drawn(shown: _Shown, picture: FinePicture, both: float, wider: float) -> np.ndarray:
    corner_px = np.float32(picture.box[:2])
    plane = np.zeros(picture.grey.shape, np.uint8)
    if shown.seen[0] > BADGE_SEEN:
        cv2.fillPoly(plane, [_fixed(shown.badge - corner_px)], 255, cv2.LINE_AA, SHIFT)
    thick = max(2, round(wider * shown.width_px))
    for line, sight, there in zip(shown.lines - corner_px, shown.sight, _there(shown.seen, both), strict=True):
        for part in _in_sight(line, (sight > 0.5) & there):
            cv2.polylines(plane, [_fixed(part)], False, 255, thick, cv2.LINE_AA, SHIFT)
    return plane * np.float32(1.0 / 255.0)


def _there(seen: np.ndarray, needed: float) -> tuple[bool, bool, bool]:
    """Whether the left strap, the right one and the stem are; needed: of the two straps' evidence."""
    both = seen[1:3].mean() > needed
    return both and seen[1] > STRAP_SEEN, both and seen[2] > STRAP_SEEN, seen[3] > STEM_SEEN


def _fixed(points_px: np.ndarray) -> np.ndarray:
    return np.rint(points_px * 2**SHIFT).astype(np.int32)


def _in_sight(line: np.ndarray, sight: np.ndarray) -> list[np.ndarray]:
    """The pieces of a line f32 [n,2] where bool [n]."""
    pieces = np.split(np.arange(len(line)), np.flatnonzero(np.diff(sight)) + 1)
    return [line[piece] for piece in pieces if sight[piece[0]]]

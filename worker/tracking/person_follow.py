# SPDX-License-Identifier: Apache-2.0
"""Where the person is, and their mask from there: the segmenter sees a few hundred pixels a side, so what is not the
person's is best not shown to it.

Called by the stages' context: the mask on a thread of its own, beside the flow; `observe` on the loop's thread, after
it. Invariant: without a person that was seen, the whole picture is looked at; with one, it is now and then. A mask is 0
outside of what was looked at.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from mirage_lsd.worker.models.config import LATENT_FACTOR
from mirage_lsd.worker.paint.background.behind import PARSED
from mirage_lsd.worker.tracking.person_mask import PersonMask

AROUND = 1.25  # so much larger than the person the box is
LEAST_CELLS, LEAST_HEIGHT = 4, 1 / 3  # fewer cells are no person; share of the picture's height
WHOLE = 0.9  # a box of so much of the picture's width is the whole picture
WIDE = 1.35  # width to height from which on the wide segmenter suits a box
SHRINK = 0.75  # a box is held until the person leaves it or needs less of its height
LOOK_EVERY = 30  # frames between looks at the whole picture
# The level that 95 % of a picture lie below: less is dark, and how bright it is made then, so many times at most.
BRIGHT_SHARE, DARK, LIGHT, BRIGHTER = 95.0, 100.0, 180.0, 8.0
LOOKS, EVENED = 3, 3.0  # ways to look at somebody anew: in better light, mirrored, and evened so much


@dataclass(frozen=True)
class PersonBox:
    """Cells of LATENT_FACTOR pixels: rows and columns from-to, and of the whole picture."""

    rows: tuple[int, int]
    columns: tuple[int, int]

    def cut(self, plane: np.ndarray) -> np.ndarray:
        """The part of a plane or picture [h,w,...] inside the box, a view."""
        (top, bottom), (left, right) = self.rows, self.columns
        return plane[top * LATENT_FACTOR : bottom * LATENT_FACTOR, left * LATENT_FACTOR : right * LATENT_FACTOR]

    @property
    def height(self) -> int:
        return self.rows[1] - self.rows[0]

    @property
    def wide(self) -> bool:
        return self.columns[1] - self.columns[0] >= WIDE * self.height


def person_cells(mask: np.ndarray, background: np.ndarray | None = None) -> np.ndarray:
    """mask f32 [h,w] 0..1, background f32 [h/8,w/8]: the parsing's probability -> bool [h/8,w/8]: cells with person."""
    size = mask.shape[1] // LATENT_FACTOR, mask.shape[0] // LATENT_FACTOR
    cells = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 0.5
    return cells if background is None else cells | (background < 1.0 / PARSED)


def box_around(cells: np.ndarray, around: float = AROUND) -> PersonBox | None:
    """The box `around` times as large as the person in cells bool [h,w], at least about square and inside the picture;
    None where that is the whole picture, or nobody is there."""
    if np.count_nonzero(cells) < LEAST_CELLS:
        return None
    total_rows, total_columns = cells.shape
    top, bottom = _extent(cells.any(axis=1))
    left, right = _extent(cells.any(axis=0))
    height = min(total_rows, max((bottom - top) * around, total_rows * LEAST_HEIGHT))
    width = max((right - left) * around, height * 0.9)
    if width >= WIDE * height:
        height = min(total_rows, max(height, width * 9 / 16))
        width = max(width, height * 16 / 9)
    if width >= WHOLE * total_columns:
        return None
    return PersonBox(_placed(top, bottom, round(height), total_rows), _placed(left, right, round(width), total_columns))


def _extent(any_there: np.ndarray) -> tuple[int, int]:
    places = np.flatnonzero(any_there)
    return int(places[0]), int(places[-1]) + 1


def _placed(first: int, last: int, length: int, total: int) -> tuple[int, int]:
    """A stretch of `length` around the middle of first..last, inside 0..total."""
    start = min(max(0, round((first + last - length) / 2)), total - length)
    return start, start + length


def holds(box: PersonBox, cells: np.ndarray) -> bool:
    """Whether a box still suits the person in cells bool [h,w]: inside, a cell away from its edges (but the
    picture's), and not much smaller than it might be."""
    wanted = box_around(cells)
    if wanted is None:
        return False
    for (start, stop), there, total in zip((box.rows, box.columns), (cells.any(axis=1), cells.any(axis=0)),
                                           cells.shape, strict=True):
        first, last = _extent(there)
        if (first <= start and start > 0) or (last >= stop and stop < total):
            return False
    return wanted.height >= SHRINK * box.height


class PersonFollower:
    """Person masks of one stream. Not thread-safe."""

    def __init__(self) -> None:
        self._wide, self._square = PersonMask(), PersonMask(landscape=False)
        self._box: PersonBox | None = None
        self._frames = 0

    def __call__(self, picture: np.ndarray, begun: Callable[[], None] = lambda: None) -> np.ndarray:
        """picture: RGB u8 [h,w,3] -> f32 [h,w] 0..1. begun: see PersonMask."""
        if self._box is None:
            return self._wide(picture, begun=begun)
        self._frames += 1
        inside = partial(masked, self._wide if self._box.wide else self._square, picture, self._box)
        if self._frames % LOOK_EVERY:
            return inside(begun=begun)
        mask = self._wide(picture, begun=begun)
        self._box.cut(mask)[:] = self._box.cut(inside())
        return mask

    def look_at(self, picture: np.ndarray, cells: np.ndarray, turn: int) -> np.ndarray:
        """Another look, from near and in better light, at somebody who may be in cells bool [h/8,w/8] of a picture RGB
        u8 [h,w,3] -> f32 [h,w] 0..1. turn: which of the ways to look, in LOOKS; each misses others (people whose head
        is out of the picture, mostly)."""
        near = box_around(cells)
        segmenter = self._wide if near and near.wide and turn == 0 else self._square
        box = near or PersonBox((0, cells.shape[0]), (0, cells.shape[1]))
        if turn == 1:
            return masked(lambda part, **_: segmenter(part[:, ::-1])[:, ::-1], brightened(picture), box)
        return masked(segmenter, brightened(picture) if turn == 0 else evened(picture), box)

    def observe(self, mask: np.ndarray, background: np.ndarray) -> None:
        """What became of the frame: its mask f32 [h,w] and the encoder's parsing of it, see `person_cells`."""
        cells = person_cells(mask, background)
        if self._box is None or not holds(self._box, cells):
            self._box = box_around(cells)

    def reset(self) -> None:
        """Another scene, or another size."""
        self._box, self._frames = None, 0


def brightened(picture: np.ndarray) -> np.ndarray:
    """A dark picture u8 [h,w,3] as if more light fell on it; others as they are."""
    bright = float(np.percentile(picture[::4, ::4], BRIGHT_SHARE))
    return picture if bright >= DARK else cv2.convertScaleAbs(picture, alpha=min(BRIGHTER, LIGHT / max(bright, 1.0)))


def evened(picture: np.ndarray) -> np.ndarray:
    """A picture RGB u8 [h,w,3] whose light is as contrasty everywhere."""
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(EVENED, (4, 4)).apply(lab[..., 0])
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)


def masked(segmenter: Callable[..., np.ndarray], picture: np.ndarray, box: PersonBox,
           begun: Callable[[], None] = lambda: None) -> np.ndarray:
    """The person mask f32 [h,w] of a picture RGB u8 [h,w,3] that was looked at inside a box only."""
    mask = np.zeros(picture.shape[:2], np.float32)
    box.cut(mask)[:] = segmenter(box.cut(picture), begun=begun)
    return mask

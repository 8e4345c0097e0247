# SPDX-License-Identifier: Apache-2.0
"""Which pixels are whose, where several people are in the picture, and who is who from frame to frame.

Called by Whom, each frame that asks for somebody. Pure OpenCV, at half the working size; about 1 ms for two people.
What hangs together in the person mask is one body, unless it holds several faces: then the pixels go to the face that
is nearest by its own measure (its height), and where two are about as near, along the picture's own edges.
Invariants: everybody keeps their number while they are in the picture, with a face or without; whoever turned away
stays apart from whom they touch; a number means nobody else later, but after a cut.
"""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mirage_lsd.worker.tracking.person_memory import places
from mirage_lsd.worker.tracking.who.face_boxes import FaceBox, face_boxes

THERE = 0.5  # of the mask, from which on somebody is there
HIDDEN = 0.5  # of the motion's occlusion, from which on a pixel tells nothing of before
LEAST_SHARE = 0.015  # of the picture: less is a hand, not a body
CORE = np.ones((5, 5), np.uint8)  # half-size pixels taken off a body that has turned its face away
HAD = 0.3  # share of a face's box that a number must have held
BESIDE, HIDDEN_FRAMES = 0.25, 12  # who lost their face with so much of a nearer one around it went behind them
HELD = 0.8  # times as far as it is, is a pixel from whom it belonged to
NEARER = 1.1  # times as large a face stands before another
BEHIND = 3.0  # times as far, where a nearer one's shoulders may be
CLOSE_CALL = 1.6  # times as far as the nearest: so near a second one, the picture's edges decide
FACE_OF_BODY = 0.35  # a face's height for the root of its body's area, where no face was seen
STEADY = 0.8  # of a body's size that a frame keeps
OUTSIDE = 255  # among the watershed's markers


class Bodies:
    """Of one stream. sizes: each body's face height as a share of the picture's, by number. Not thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Another scene, or another size: nobody is known."""
        self.sizes: dict[int, float] = {}
        self.labels = np.empty((0, 0), np.uint8)
        self._heads: dict[int, FaceBox] = {}  # of all whose face was ever seen
        self._faced: set[int] = set()  # those whose face was seen before this frame
        self._last_number = 0

    def __call__(self, person: np.ndarray, picture: np.ndarray, motion: np.ndarray | None,
                 faces: Sequence[np.ndarray]) -> np.ndarray:
        """person f32 [h,w] 0..1; picture u8 [h,w,3]; motion: see PersonMemory, or None after a cut; faces: points f32
        [n,2] (x, y) each, shares of the picture's width and height.

        -> u8 [h/2,w/2]: whose every pixel is, also around the bodies; 0 everywhere where nobody is there. `labels` is
        the same inside the bodies and 0 outside."""
        size_px = person.shape[1] // 2, person.shape[0] // 2
        there = cv2.resize(person, size_px, interpolation=cv2.INTER_AREA) > THERE
        moved = self._moved(motion, there)
        _, parts = cv2.connectedComponents(there.astype(np.uint8), connectivity=4)
        numbered = self._numbered(face_boxes(faces, there), moved)
        self._heads = {**self._unseen_heads(numbered, moved, motion), **numbered}
        covered = self._covered(numbered, there.shape)
        seeds = self._seeds(numbered, covered, moved, parts)
        self._measure(numbered, seeds)
        if len(self.sizes) < 2:
            owner = np.full(there.shape, next(iter(self.sizes), 0), np.uint8)
        else:
            small = cv2.resize(picture, size_px, interpolation=cv2.INTER_AREA)
            owner = around(self._inside(seeds, covered, moved, parts, small), there)
        self.labels = np.where(there, owner, np.uint8(0))
        return owner

    def _moved(self, motion: np.ndarray | None, there: np.ndarray) -> np.ndarray:
        """Whose each pixel was, moved to now: u8 [h/2,w/2], 0 where nobody's or unknown."""
        if motion is None or self.labels.shape != there.shape:
            self.reset()
            return np.zeros(there.shape, np.uint8)
        size_px = there.shape[::-1]
        x, y = places(motion[:2], size_px)
        moved = cv2.remap(self.labels, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT)
        moved[~there | (cv2.resize(motion[2], size_px, interpolation=cv2.INTER_LINEAR) > HIDDEN)] = 0
        return moved

    def _numbered(self, boxes: list[FaceBox], moved: np.ndarray) -> dict[int, FaceBox]:
        """Each face by its body's number; who was not there gets a new one."""
        votes = []
        for box in boxes:
            counts = np.bincount(box.cut(moved).ravel())
            votes += [(count, number, box) for number, count in enumerate(counts)
                      if number and count > HAD * box.cut(moved).size]
        numbered: dict[int, FaceBox] = {}
        for _, number, box in sorted(votes, key=lambda vote: -vote[0]):
            if number not in numbered and box not in numbered.values():
                numbered[number] = box
        for box in boxes:
            if box not in numbered.values():
                numbered[self._new_number()] = box
        return numbered

    def _unseen_heads(self, numbered: dict[int, FaceBox], moved: np.ndarray,
                      motion: np.ndarray | None) -> dict[int, FaceBox]:
        """The heads that turned away, where they are now. Who went behind somebody with theirs is gone from `moved`."""
        heads = {}
        for number in self._heads.keys() - numbered.keys():
            head = self._heads[number].moved(motion)
            nearer = [other for other, box in numbered.items() if box.height > head.height]
            hidden = np.isin(head.wider().cut(moved), nearer).mean() > BESIDE and head.unseen_frames > HIDDEN_FRAMES
            if (head.cut(moved) == number).mean() > HAD and not hidden:
                heads[number] = head
            else:
                moved[moved == number] = 0
        return heads

    def _covered(self, numbered: dict[int, FaceBox], shape: tuple[int, int]) -> dict[int, np.ndarray]:
        """Where others stand before somebody: bool [h/2,w/2] by number. Whose face is not seen may be behind all."""
        covers = {number: box.shoulders(shape) for number, box in numbered.items()}
        covered = {}
        for number in self.sizes.keys() | numbered.keys():
            own = numbered[number].height if number in numbered else 0.0
            nearer = [covers[other] for other, box in numbered.items() if box.height > NEARER * own and other != number]
            covered[number] = np.any([np.zeros(shape, bool), *nearer], axis=0)
        return covered

    def _seeds(self, numbered: dict[int, FaceBox], covered: dict[int, np.ndarray], moved: np.ndarray,
               parts: np.ndarray) -> np.ndarray:
        """What is surely whose: u8 [h/2,w/2]. The nearest are drawn last, over those behind them."""
        there, seeds = parts > 0, np.zeros(parts.shape, np.uint8)
        faced = np.isin(parts, [part for box in numbered.values() for part in set(box.cut(parts).flat) if part])
        for number in self.sizes.keys() - numbered.keys():
            core = (cv2.erode((moved == number).astype(np.uint8), CORE) > 0) & ~covered[number]
            if number not in self._heads:  # a hand or a chair that was a part of its own belongs to whom it has met
                core &= ~faced
            seeds[core] = number
        for number, box in sorted(numbered.items(), key=lambda item: item[1].height):
            column = box.column(there.shape) & ~covered[number]
            seeds[(column | box.oval(there.shape)) & there] = number
        self._seed_rest(seeds, parts)
        return seeds

    def _seed_rest(self, seeds: np.ndarray, parts: np.ndarray) -> None:
        """New numbers for bodies that nobody is known in."""
        held = held_by(parts, seeds)
        unknown = (held.sum(1) >= LEAST_SHARE * parts.size) & ~held[:, 1:].any(1)
        for part in np.flatnonzero(unknown[1:]) + 1:
            seeds[parts == part] = self._new_number()

    def _measure(self, numbered: dict[int, FaceBox], seeds: np.ndarray) -> None:
        """How large everybody is who is there now: by their face, as last seen; a guess where none ever was."""
        areas, sizes, rows = np.bincount(seeds.ravel()), {}, seeds.shape[0]
        for number in map(int, np.flatnonzero(areas[1:]) + 1):
            if number in numbered:
                now, before = numbered[number].height / rows, self.sizes[number] if number in self._faced else None
            elif number in self._faced:
                now = before = self.sizes[number]
            else:
                now, before = FACE_OF_BODY * float(areas[number]) ** 0.5 / rows, self.sizes.get(number)
            sizes[number] = now if before is None else STEADY * before + (1.0 - STEADY) * now
        self.sizes, self._faced = sizes, self._heads.keys() & sizes.keys()

    def _inside(self, seeds: np.ndarray, covered: dict[int, np.ndarray], moved: np.ndarray, parts: np.ndarray,
                picture: np.ndarray) -> np.ndarray:
        """Whose the pixels of the bodies are: u8 [h/2,w/2], of no meaning elsewhere."""
        least, second = np.full((2, *parts.shape), np.inf, np.float32)
        nearest = np.zeros(parts.shape, np.uint8)
        for number in self.sizes:
            far = self._far(number, seeds, covered.get(number), moved)
            nearest[far < least] = number
            second = np.minimum(second, np.maximum(far, least))
            least = np.minimum(far, least)
        markers = np.where(parts > 0, nearest, OUTSIDE).astype(np.int32)
        markers[(parts > 0) & (second < CLOSE_CALL * least)] = 0
        cv2.watershed(picture, markers)
        owner = np.where((markers > 0) & (markers < OUTSIDE), markers, nearest).astype(np.uint8)
        held = held_by(parts, seeds)[:, 1:] > 0
        alone = np.where(held.sum(1) == 1, held.argmax(1) + 1, 0).astype(np.uint8)[parts]
        return np.where((parts > 0) & (alone > 0), alone, owner)

    def _far(self, number: int, seeds: np.ndarray, covered: np.ndarray | None, moved: np.ndarray) -> np.ndarray:
        """How far every pixel is from somebody, in their face's heights: f32 [h/2,w/2]."""
        far = cv2.distanceTransform((seeds != number).astype(np.uint8), cv2.DIST_L2, 3)
        far *= 1.0 / max(1.0, self.sizes[number] * seeds.shape[0])
        far[moved == number] *= HELD
        if covered is not None:
            far[covered] *= BEHIND
        return far

    def _new_number(self) -> int:
        self._last_number = self._last_number % (OUTSIDE - 1) + 1
        return self._last_number


def held_by(parts: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """int [parts,256]: how many pixels of each part i32 [h,w] have which number u8 [h,w]."""
    pairs = np.bincount((parts * 256 + seeds).ravel(), minlength=256 * (int(parts.max()) + 1))
    return pairs.reshape(-1, 256)


def around(owner: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Owners u8 [h,w] where somebody is there, bool [h,w], and outside that of the nearest pixel where somebody is."""
    if not there.any():
        return np.zeros_like(owner)
    _, nearest = cv2.distanceTransformWithLabels((~there).astype(np.uint8), cv2.DIST_L2, 3,
                                                 labelType=cv2.DIST_LABEL_PIXEL)
    owner_of = np.zeros(nearest.max() + 1, np.uint8)
    owner_of[nearest[there]] = owner[there]
    return owner_of[nearest]

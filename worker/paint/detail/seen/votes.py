# SPDX-License-Identifier: Apache-2.0
"""What each pixel looks like: skin, the cloth worn, hair; learnt where the nets are sure, asked everywhere.

Owned by the refine stage, one a stream, on the worker's loop thread. Invariant: a vote never decides alone
(coverage.py, kept.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mirage_lsd.worker.paint.detail.seen.colours import PersonColours
from mirage_lsd.worker.paint.detail.seen.sighted import Sighted
from mirage_lsd.worker.paint.guided import guided

SURE, SURELY_SOMEBODY = 0.7, 0.8
BARE, SKIN_COLOURED = 0.3, 0.4  # likeness to skin; share of such pixels from which on cloth is skin-coloured
AROUND = np.ones((9, 9), np.uint8)  # so near hands, faces and bare skin nothing is learnt of cloth
MATTE_RADIUS_PX, MATTE_EPS = 6, 5e-4
MATTE_STEEP = 2.5
QUICK_FRAMES, EVERY_FRAMES = 30, 2  # so many frames all are learnt from, later every other one


@dataclass(frozen=True)
class Votes:
    """f32 [h,w] 0..1. skin, cloth, hair: how much a pixel's colour is like them; matte: the person, along the picture's
    own edges."""

    skin: np.ndarray
    cloth: np.ndarray
    hair: np.ndarray
    matte: np.ndarray


class Voters:
    """Keeps the colours of the person of one stream. Not thread-safe."""

    def __init__(self) -> None:
        self.colours, self._frames = PersonColours(), 0

    def reset(self) -> None:
        """Another scene."""
        self.colours.reset()
        self._frames = 0

    def observe(self, seen: Sighted, covered: np.ndarray) -> None:
        """Learns whose colours are whose; covered bool [h,w]: where the nets put cloth."""
        self._frames += 1
        if self._frames > QUICK_FRAMES and self._frames % EVERY_FRAMES:
            return
        elsewhere = (cv2.dilate(seen.body.occupied, AROUND) == 0) & (seen.person > SURELY_SOMEBODY)
        skin = (self.colours.skin.likeness(seen.picture.lab) > BARE).astype(np.uint8)
        bare = cv2.dilate(skin, AROUND) > 0
        below = np.maximum.accumulate(covered, axis=0) & ~covered
        there = {
            "cloth": (seen.upper > SURE) & covered,
            "hair": seen.hair > SURE,
            "lower": (seen.upper + seen.lower > SURE) & below,
        }
        for where in there.values():
            where &= elsewhere
            if np.count_nonzero(where & (skin > 0)) < SKIN_COLOURED * np.count_nonzero(where):
                where &= ~bare  # else it is the cloth that has skin's colour
        sure = {name: where.astype(np.uint8) for name, where in there.items()}
        self.colours.observe(seen.picture.lab, seen.places, seen.body.inner, sure)

    def votes(self, seen: Sighted, matte: np.ndarray) -> Votes:
        """Of every pixel in the box; matte: see `matte_of`."""
        colours = self.colours
        cloth, hair = (table.frequency(seen.places) for table in (colours.cloth, colours.hair))
        return Votes(colours.skin.likeness(seen.picture.lab), cloth, hair, matte)


def matte_of(seen: Sighted) -> np.ndarray:
    """f32 [h,w] 0..1: the person, along the picture's own edges."""
    person = guided(seen.picture.grey, seen.person, MATTE_RADIUS_PX, MATTE_EPS)
    return np.clip(MATTE_STEEP * person - 0.5, 0.0, 1.0)

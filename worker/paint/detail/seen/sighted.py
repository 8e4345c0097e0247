# SPDX-License-Identifier: Apache-2.0
"""What one frame shows of the people in it, inside a box of the fine picture: where the eyes, the segmenter and the
parsing see what.

Made by refined.py for each frame. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirage_lsd.worker.models.config import REGIONS
from mirage_lsd.worker.paint.detail.fine import FinePicture
from mirage_lsd.worker.paint.detail.seen.colours import table_places
from mirage_lsd.worker.paint.detail.seen.kept import Body, body_of
from mirage_lsd.worker.stages.base import Encoded
from mirage_lsd.worker.tracking.eyes.sight import Sight

BACKGROUND, FACE, HAIR, UPPER, LOWER = (
    REGIONS.index(name) for name in ("background", "face", "hair", "upper", "lower")
)


@dataclass(frozen=True)
class Sighted:
    """places int32 [h,w]: see colours.table_places. f32 [h,w] 0..1: person: the segmenter's, of those who are restyled;
    hair, upper, lower: the parsing's probabilities; clothed: neither background nor face. torso, height f32 [h,w]:
    metres of the body's surface from its middle, and upwards. chosen f32 [h,w] 0..1: whose pixels are restyled, None:
    everybody's."""

    picture: FinePicture
    body: Body
    places: np.ndarray
    person: np.ndarray
    hair: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    clothed: np.ndarray
    torso: np.ndarray
    height: np.ndarray
    chosen: np.ndarray | None


def sighted(
    picture: FinePicture, encoded: Encoded, surface: np.ndarray, sight: Sight, chosen: np.ndarray | None
) -> Sighted:
    """surface f32 [h',w',2]; chosen f32 [h,w] 0..1: whose pixels are restyled, None: everybody's."""
    regions = encoded.regions[0]
    return Sighted(
        picture=picture,
        body=body_of(sight, picture),
        places=table_places(picture.lab),
        person=picture.cut(encoded.person_mask[0, 0] * (1.0 if chosen is None else chosen)),
        hair=picture.cut(regions[HAIR]),
        upper=picture.cut(regions[UPPER]),
        lower=picture.cut(regions[LOWER]),
        clothed=1.0 - picture.cut(regions[BACKGROUND] + regions[FACE]),
        torso=np.abs(picture.cut(surface[..., 0])),
        height=picture.cut(surface[..., 1]),
        chosen=None if chosen is None else picture.cut(chosen),
    )

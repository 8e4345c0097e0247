# SPDX-License-Identifier: Apache-2.0
"""A face on a shirt is no face; somebody who sits before somebody else is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawn_sight import face_at, noisy

from mirage_lsd.worker.tracking.eyes.printed import SURE_FRAMES, PrintedFaces
from mirage_lsd.worker.tracking.eyes.sight import Face

SKIN, DARK_SKIN, GREY, SHIRT = (120, 150, 200), (55, 75, 110), (150, 155, 152), (40, 40, 40)
UPPER = face_at(160.0, 60.0, 60.0)


def seen(lower_at: tuple[float, float, float], colour: tuple[int, int, int]) -> tuple[list[Face], list[Face]]:
    """Two faces, the lower one at x, y, width with a colour: the faces before and after."""
    picture = np.full((320, 320, 3), SHIRT, np.uint8)
    for (x, y, width), its in (((160.0, 60.0, 60.0), SKIN), (lower_at, colour)):
        cv2.ellipse(picture, (int(x), int(y)), (int(width / 2), int(0.68 * width)), 0, 0, 360, its, -1)
    faces = [face_at(*lower_at), UPPER]
    return faces, PrintedFaces()(faces, cv2.cvtColor(noisy(picture), cv2.COLOR_BGR2BGRA))


@pytest.mark.parametrize("at", [(160.0, 200.0, 80.0), (185.0, 170.0, 40.0)])
def test_a_grey_face_on_the_chest_is_a_print(at: tuple[float, float, float]):
    before, after = seen(at, GREY)
    assert after == [before[1]]


@pytest.mark.parametrize(
    ("at", "colour"),
    [((160.0, 200.0, 80.0), SKIN), ((160.0, 200.0, 80.0), DARK_SKIN), ((285.0, 200.0, 60.0), GREY),
     ((160.0, 62.0, 58.0), GREY)],
    ids=["before another", "before another, of darker skin", "beside", "the same face, seen twice"],
)  # fmt: skip
def test_whoever_has_skin_or_is_not_on_a_chest_is_somebody(
    at: tuple[float, float, float], colour: tuple[int, int, int]
):
    before, after = seen(at, colour)
    assert after == before


def test_one_face_is_never_a_print():
    faces = [face_at(100.0, 100.0, 50.0)]
    assert PrintedFaces()(faces, np.zeros((200, 200, 4), np.uint8)) == faces


def test_of_a_face_that_is_not_in_the_picture_nothing_is_said():
    faces = [face_at(160.0, 250.0, 80.0), face_at(160.0, -60.0, 60.0)]
    assert PrintedFaces()(faces, np.full((320, 320, 4), 150, np.uint8)) == faces


def test_who_comes_to_sit_before_somebody_is_seen_after_a_while_and_a_blink_of_a_print_never():
    picture = np.full((320, 320, 4), 255, np.uint8)
    picture[..., :3] = SKIN
    prints, alone, both = PrintedFaces(), [UPPER], [face_at(160.0, 200.0, 80.0), UPPER]
    counts = [len(prints(faces, picture)) for faces in (alone, both, alone, *[both] * SURE_FRAMES)]
    assert counts == [1, 1, 1, *[1] * (SURE_FRAMES - 1), 2]
    prints.reset()
    assert len(prints(both, picture)) == 2

# SPDX-License-Identifier: Apache-2.0
"""Whose every pixel is: people apart, people who touch, who turn away, go behind somebody, come and leave."""
from __future__ import annotations

import numpy as np
import pytest
from drawn_pictures import HIGH, STILL, WIDE, Person, body_of, drawn, moved_by

from mirage_lsd.worker.tracking.who.bodies import Bodies

LEFT, RIGHT = Person(90), Person(230, colour=(40, 160, 60))
NEXT_TO_IT = Person(172, colour=(40, 160, 60))  # touches LEFT
FRONT, BEHIND = Person(120, 52, top_px=20), Person(190, 30, (40, 160, 60), 50)


def seen(bodies: Bodies, *people: Person, motion: np.ndarray | None = STILL) -> np.ndarray:
    """Owners at the working size, u8 [192,320]."""
    mask, picture, faces = drawn(*people)
    return np.kron(bodies(mask, picture, motion, faces), np.ones((2, 2), np.uint8))


def share_of(owner: np.ndarray, body: np.ndarray) -> tuple[int, float]:
    """Who has most of a body, and how much of it."""
    counts = np.bincount(owner[body])
    return int(counts.argmax()), counts.max() / counts.sum()


@pytest.mark.parametrize("turned", [False, True], ids=["faces", "no faces"])
def test_people_apart_are_two_with_or_without_faces(turned):
    left, right = (Person(at.x, colour=at.colour, turned=turned) for at in (LEFT, RIGHT))
    bodies = Bodies()
    owner = seen(bodies, left, right, motion=None)
    (one, all_of_one), (other, all_of_other) = share_of(owner, body_of(left)), share_of(owner, body_of(right))
    assert one != other and all_of_one == all_of_other == 1.0
    assert (owner > 0).all(), "what is around a body is theirs as well"
    assert set(bodies.sizes) == {one, other}


def test_people_who_touch_are_told_apart_by_their_faces_and_parted_where_their_clothes_meet():
    owner = seen(Bodies(), LEFT, NEXT_TO_IT, motion=None)
    one, other = share_of(owner, body_of(LEFT, NEXT_TO_IT)), share_of(owner, body_of(NEXT_TO_IT))
    assert one[0] != other[0]
    assert min(one[1], other[1]) > 0.97


def test_who_stands_in_front_keeps_their_shoulders():
    owner = seen(Bodies(), BEHIND, FRONT, motion=None)
    one, other = share_of(owner, body_of(FRONT)), share_of(owner, body_of(BEHIND, FRONT))
    assert one[0] != other[0]
    assert one[1] > 0.95 and other[1] > 0.8


def test_the_nearer_is_the_larger():
    bodies = Bodies()
    owner = seen(bodies, BEHIND, FRONT, motion=None)
    assert max(bodies.sizes, key=bodies.sizes.get) == share_of(owner, body_of(FRONT))[0]


def test_numbers_stay_while_people_move():
    bodies = Bodies()
    first = seen(bodies, LEFT, RIGHT, motion=None)
    before = [share_of(first, body_of(person))[0] for person in (LEFT, RIGHT)]
    for step in range(1, 9):
        people = [Person(person.x + 6 * step, colour=person.colour) for person in (LEFT, RIGHT)]
        owner = seen(bodies, *people, motion=moved_by(6))
        assert [share_of(owner, body_of(person))[0] for person in people] == before


def test_who_turns_away_beside_another_stays_apart():
    bodies = Bodies()
    first = seen(bodies, LEFT, NEXT_TO_IT, motion=None)
    for _ in range(60):
        owner = seen(bodies, LEFT, Person(NEXT_TO_IT.x, colour=NEXT_TO_IT.colour, turned=True))
    for body in (body_of(LEFT, NEXT_TO_IT), body_of(NEXT_TO_IT)):
        number, share = share_of(owner, body)
        assert number == share_of(first, body)[0] and share > 0.95


def test_who_goes_behind_another_is_gone_and_leaves_nothing_on_them():
    bodies = Bodies()
    for step in range(8):
        owner = seen(bodies, Person(200 - 10 * step, 30, (40, 160, 60), 60), FRONT, motion=STILL if step else None)
    for _ in range(20):
        owner = seen(bodies, FRONT)
    assert len(bodies.sizes) == 1
    assert len(np.unique(owner)) == 1


def test_a_hand_of_its_own_is_nobody():
    mask, picture, faces = drawn(LEFT)
    mask[60:76, 250:266] = 1.0
    bodies = Bodies()
    owner = bodies(mask, picture, None, faces)
    assert len(bodies.sizes) == 1 and len(np.unique(owner)) == 1


@pytest.mark.parametrize("face", [Person(250, 20, top_px=20).face, Person(90, 16, top_px=110).face],
                         ids=["a poster", "a print on the chest"])
def test_a_picture_of_a_face_is_nobody(face):
    mask, picture, faces = drawn(LEFT)
    bodies = Bodies()
    bodies(mask, picture, None, [*faces, face])
    assert len(bodies.sizes) == 1


def test_nobody_there_and_after_a_cut_nobody_is_known():
    bodies = Bodies()
    assert not bodies(np.zeros((HIGH, WIDE), np.float32), drawn()[1], None, []).any()
    seen(bodies, LEFT, RIGHT)
    seen(bodies, RIGHT, motion=None)
    assert len(bodies.sizes) == 1

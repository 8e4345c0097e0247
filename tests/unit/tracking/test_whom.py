# SPDX-License-Identifier: Apache-2.0
"""Who is restyled: whom is chosen, for how long, and what becomes of the others' maps."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_pictures import HIGH, STILL, WIDE, Person, body_of, drawn, moved_by

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.paint.layer_maps import SCENE, LayerMaps
from mirage_lsd.worker.tracking.who.whom import LEAD_FRAMES, PATIENCE_FRAMES, WAITING, Whom, for_chosen

NEAREST, LEFT_PLACE = StreamSettings(who="nearest"), StreamSettings(who="place", who_x=0.28, who_y=0.5)
LEFT, RIGHT = Person(90), Person(230, 48, (40, 160, 60))
FADED = 12  # frames until a border that moved is where it belongs


def seen(whom: Whom, settings: StreamSettings, *people: Person, motion: np.ndarray | None = STILL, frames: int = 1):
    """The share f32 [192,320] after so many frames; None: everybody's."""
    mask, picture, faces = drawn(*people)
    for _ in range(frames):
        share = whom(settings, mask, picture, motion, faces)
    return share


def chosen(share: np.ndarray, *people: Person) -> list[bool]:
    """Which of them are restyled; each is, or is not, as a whole."""
    means = [float(share[body_of(person)].mean()) for person in people]
    assert all(mean < 0.05 or mean > 0.95 for mean in means), means
    return [mean > 0.5 for mean in means]


def test_the_nearest_is_chosen_and_the_place_is_theirs_who_is_there():
    assert chosen(seen(Whom(), NEAREST, LEFT, RIGHT, motion=None), LEFT, RIGHT) == [False, True]
    assert chosen(seen(Whom(), LEFT_PLACE, LEFT, RIGHT, motion=None), LEFT, RIGHT) == [True, False]


def test_without_faces_the_nearest_is_the_largest_and_a_place_is_a_place():
    left, right = (replace(person, turned=True) for person in (LEFT, RIGHT))
    assert chosen(seen(Whom(), NEAREST, left, right, motion=None), left, right) == [False, True]
    assert chosen(seen(Whom(), LEFT_PLACE, left, right, motion=None), left, right) == [True, False]


@pytest.mark.parametrize("settings", [NEAREST, LEFT_PLACE])
def test_one_alone_is_everybody(settings):
    whom = Whom()
    assert seen(whom, settings, RIGHT, motion=None) is None
    assert seen(whom, settings, RIGHT) is None and whom.remark == ""


def test_who_has_a_place_between_two_is_whose_body_is_nearer_to_it():
    settings = StreamSettings(who="place", who_x=0.5, who_y=0.8)
    assert chosen(seen(Whom(), settings, LEFT, RIGHT, motion=None), LEFT, RIGHT) == [False, True]


def test_another_is_the_nearest_once_they_clearly_were_for_a_second():
    whom, coming, alike = Whom(), replace(LEFT, face_px=70), replace(LEFT, face_px=54)
    seen(whom, NEAREST, LEFT, RIGHT, motion=None)
    share = seen(whom, NEAREST, alike, RIGHT, frames=4 * LEAD_FRAMES)
    assert chosen(share, alike, RIGHT) == [False, True], "a little nearer is not nearer"
    share = seen(whom, NEAREST, coming, RIGHT, frames=LEAD_FRAMES - 1)
    assert chosen(share, coming, RIGHT) == [False, True], "not at once"
    share = seen(whom, NEAREST, coming, RIGHT, frames=2 * FADED)
    assert chosen(share, coming, RIGHT) == [True, False]


def test_the_nearest_whose_face_was_found_late_is_chosen_at_once():
    whom, far = Whom(), Person(110, 30, top_px=60)
    seen(whom, NEAREST, replace(far, face_px=90, turned=True), replace(RIGHT, turned=True), motion=None)
    share = seen(whom, NEAREST, far, RIGHT, frames=FADED)
    assert chosen(share, far, RIGHT) == [False, True]


def test_who_was_at_the_place_is_followed_and_another_who_comes_there_is_not_taken():
    whom, x, other = Whom(), LEFT.x, RIGHT.x
    seen(whom, LEFT_PLACE, LEFT, RIGHT, motion=None)
    for _ in range(35):  # they change places, one behind the other at no time
        x, other = x + 2, other + 2
        share = seen(whom, LEFT_PLACE, replace(LEFT, x=x), replace(RIGHT, x=other), motion=moved_by(2))
    came = replace(LEFT, colour=(20, 20, 160))
    share = seen(whom, LEFT_PLACE, replace(LEFT, x=x + 10), came, frames=FADED)
    assert chosen(share, replace(LEFT, x=x + 10), came) == [True, False]


def test_after_they_left_it_waits_at_the_place_and_says_so():
    whom = Whom()
    seen(whom, LEFT_PLACE, LEFT, RIGHT, motion=None)
    share = seen(whom, LEFT_PLACE, RIGHT, frames=PATIENCE_FRAMES + FADED)
    assert chosen(share, RIGHT) == [False] and whom.remark == WAITING
    share = seen(whom, LEFT_PLACE, LEFT, RIGHT, frames=FADED)
    assert chosen(share, LEFT, RIGHT) == [True, False] and whom.remark == ""


def test_the_nearest_who_left_is_followed_by_the_next():
    whom = Whom()
    seen(whom, NEAREST, LEFT, RIGHT, motion=None)
    assert not seen(whom, NEAREST, LEFT, frames=3)[body_of(LEFT)].any(), "they may be lost for a moment only"
    assert seen(whom, NEAREST, LEFT, frames=PATIENCE_FRAMES + FADED) is None


def test_who_is_lost_for_a_moment_is_found_again():
    whom = Whom()
    seen(whom, LEFT_PLACE, LEFT, RIGHT, motion=None)
    seen(whom, LEFT_PLACE, RIGHT, frames=PATIENCE_FRAMES - 2)
    again = replace(LEFT, x=LEFT.x + 10)
    assert chosen(seen(whom, LEFT_PLACE, again, RIGHT, frames=FADED), again, RIGHT) == [True, False]


def test_who_went_behind_another_is_not_taken_for_them():
    whom, near, far = Whom(), Person(130, 52, top_px=20), Person(180, 40, (40, 160, 60), 60)
    place = StreamSettings(who="place", who_x=180 / WIDE, who_y=80 / HIGH)
    assert seen(whom, place, far, near, motion=None)[body_of(near)].mean() < 0.1
    share = seen(whom, place, near, frames=PATIENCE_FRAMES)
    assert share[body_of(near)].mean() < 0.1


def test_another_choice_and_a_cut_choose_anew():
    whom = Whom()
    seen(whom, LEFT_PLACE, LEFT, RIGHT, motion=None)
    assert chosen(seen(whom, NEAREST, LEFT, RIGHT, frames=FADED), LEFT, RIGHT) == [False, True]
    seen(whom, LEFT_PLACE, RIGHT, frames=60)
    assert seen(whom, LEFT_PLACE, RIGHT, motion=None) is None, "in another scene whoever is nearest to the place"


def test_nobody_is_restyled_while_nobody_has_come_to_the_place():
    whom = Whom()
    share = seen(whom, LEFT_PLACE, motion=None)
    assert share is not None and not share.any() and whom.remark == WAITING
    assert not seen(whom, LEFT_PLACE, RIGHT, frames=3).any(), "someone elsewhere is someone else"
    assert seen(whom, LEFT_PLACE, LEFT, frames=2 * FADED) is None


def maps_of(scene: float) -> LayerMaps:
    mask = np.full((3, HIGH, WIDE), 0.5, np.float32)
    shares = np.zeros((4, HIGH, WIDE), np.float32)
    shares[SCENE] = scene
    return LayerMaps(np.zeros((3, HIGH, WIDE), np.float32), mask, shares, np.zeros((2, 2, 2), np.float32))


def test_the_layer_shows_nothing_on_others_and_all_of_it_on_the_chosen():
    share = np.zeros((HIGH, WIDE), np.float32)
    share[:, :100] = 1.0
    maps = maps_of(0.0)
    made = for_chosen(maps, share, np.ones_like(share), scene=False)
    assert (made.mask[1:, :, 100:] == 0.0).all() and (made.mask[..., :100] == maps.mask[..., :100]).all()


def test_behind_the_others_the_scene_is_and_on_them_nothing():
    share, person = (np.zeros((HIGH, WIDE), np.float32) for _ in range(2))
    share[:, :100] = 1.0
    person[:, 150:250] = 1.0
    made = for_chosen(maps_of(0.6), share, person, scene=True)
    assert made.mask[1, 0, 0] == 0.5 and made.shares[SCENE, 0, 0] == np.float32(0.6), "the chosen one's as it was"
    assert (made.mask[1:, :, 150:250] == 0.0).all(), "what a look would uncover of others stays"
    assert np.allclose(made.mask[1, :, 250:], 0.3) and np.allclose(made.shares[SCENE, :, 250:], 1.0)

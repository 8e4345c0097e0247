# SPDX-License-Identifier: Apache-2.0
"""What no garment may cover, on drawn faces and hands: the face's oval, fingers but not the cloth between them,
patches of skin and strands of hair."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawn_sight import FINGER_SPREAD, face_at, fine_of, hand_at

from mirage_lsd.worker.paint.detail.seen import kept
from mirage_lsd.worker.tracking.eyes.sight import Sight

SIZE_PX, FACE_PX, FACE_AREA = (320, 360), 64.0, np.pi / 4 * kept.FACE_LENGTH * 64.0**2
PICTURE = fine_of(np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8))
FACE, HAND = face_at(160, 70, FACE_PX), hand_at(160, 330, 120)
EMPTY = np.zeros(SIZE_PX[::-1], np.float32)


def skin_of(hand) -> np.ndarray:
    """f32 [h,w]: 1 where a drawn hand has flesh: as wide as fingers are."""
    skin = EMPTY.copy()
    palm = np.int32(hand.points_px[list(kept.PALM)])
    cv2.fillPoly(skin, [palm], 1.0)
    cv2.polylines(skin, [palm], isClosed=True, color=1.0, thickness=16)
    for finger in kept.FINGERS:
        cv2.polylines(skin, [np.int32(hand.points_px[list(finger)])], isClosed=False, color=1.0, thickness=16)
    return skin


def patch(width_px: int, height_px: int, x: int = 230, y: int = 250) -> np.ndarray:
    skin = EMPTY.copy()
    cv2.ellipse(skin, (x, y), (width_px // 2, height_px // 2), 0, 0, 360, 1.0, -1)
    return skin


def body(*hands, faces=(FACE,)) -> kept.Body:
    return kept.body_of(Sight(tuple(faces), tuple(hands)), PICTURE)


def test_the_whole_oval_of_every_face_is_kept_and_the_largest_tells_the_size():
    small = face_at(60, 60, 32)
    seen = body(faces=(small, FACE))
    for face, half_px in ((FACE, FACE_PX / 2), (small, 16)):
        x, y = face.points_px.mean(0)
        for share in (0.0, 0.9):
            assert seen.face[round(y), round(x + share * half_px)] == 1
            assert seen.face[round(y + share * half_px), round(x)] == 1
    assert seen.face.sum() == pytest.approx(1.25 * FACE_AREA, rel=0.05)
    assert seen.face_px == pytest.approx(FACE_PX, abs=1)
    np.testing.assert_allclose(seen.chin_px, (160, 70 + kept.FACE_LENGTH * FACE_PX / 2), atol=1)
    assert not (seen.inner & (1 - seen.face)).any() and 0.5 < seen.inner.sum() / FACE_AREA < 0.85


def test_fingers_are_kept_and_the_cloth_between_them_is_not():
    skin = skin_of(HAND)
    stays = kept.kept_hands(body(HAND), skin, 1.0 - skin)
    for finger in kept.FINGERS:
        for joint in HAND.points_px[list(finger)]:
            assert stays[tuple(np.int32(joint)[::-1])] > 0.95
    assert stays[cv2.erode(skin, np.ones((5, 5))) > 0].mean() > 0.95
    beside = cv2.dilate(skin, np.ones((5, 5))) == 0
    assert stays[beside].max() < 0.05
    tips = np.float32([HAND.points_px[finger[3]] for finger in kept.FINGERS])
    for place in ((tips[1:] + tips[:-1]) / 2)[[0, 1, 3]]:
        assert skin[tuple(np.int32(place)[::-1])] == stays[tuple(np.int32(place)[::-1])] == 0.0
    assert len(FINGER_SPREAD) == len(kept.FINGERS)


def test_a_hand_that_is_cloth_all_over_is_none():
    cloth = np.ones_like(EMPTY)
    assert kept.kept_hands(body(HAND), EMPTY, cloth).max() == 0.0


def test_a_hand_in_bad_light_is_believed_while_it_is_seen_but_not_when_it_is_carried():
    dim, carried = np.full_like(EMPTY, 0.3), hand_at(160, 330, 120, held_frames=3)
    bones = body(HAND).hands[0].bones > 0
    assert kept.kept_hands(body(HAND), dim, dim)[bones].min() == 1.0
    assert 0.4 < kept.kept_hands(body(carried), dim, dim)[bones].max() < 0.8
    assert kept.kept_hands(body(carried), dim, dim + 0.3).max() < 0.1


def test_a_patch_of_skin_as_large_as_a_hand_is_kept():
    skin = patch(60, 44)
    stays = kept.small_skin(skin, EMPTY, body())
    assert stays[skin > 0].mean() > 0.95 and stays[cv2.dilate(skin, np.ones((15, 15))) == 0].max() == 0.0
    assert kept.small_skin(skin, skin, body()).max() == 0.0  # the cloth has that colour, too


@pytest.mark.parametrize("skin", [patch(8, 8), patch(100, 80), patch(30, 40, 205, 75), 0.48 * patch(60, 44)],
                         ids=["a button", "a jumper", "an ear", "hardly skin"])
def test_what_is_no_hand_is_not(skin):
    assert kept.small_skin(skin, EMPTY, body()).max() == 0.0


def test_letters_of_a_print_are_no_hands():
    letters = EMPTY.copy()
    cv2.polylines(letters, [np.int32([(200, 200), (200, 290), (260, 290)])], isClosed=False, color=1.0, thickness=14)
    assert letters.sum() > kept.SMALLEST_HAND * FACE_AREA
    assert kept.small_skin(letters, EMPTY, body()).max() == 0.0


def test_with_bare_arms_no_patch_tells_where_hands_begin():
    arm, hand = EMPTY.copy(), patch(60, 44)
    cv2.rectangle(arm, (10, 150), (80, 350), 1.0, -1)
    assert arm.sum() > kept.BARE_ARMS * FACE_AREA
    assert kept.small_skin(hand, EMPTY, body())[hand > 0].mean() > 0.9
    assert kept.small_skin(np.maximum(arm, hand), EMPTY, body()).max() == 0.0


def test_strands_are_kept_near_the_hair_and_cloth_of_another_colour_is_not():
    region, strands = EMPTY.copy(), EMPTY.copy()
    region[60:160, 100:120] = 1.0
    strands[60:300, 90:122] = 1.0
    others = 1.0 - strands
    stays = kept.kept_hair(region, strands, others, 16.0)
    assert stays[70:150, 100:120].min() > 0.95 and stays[70:150, 94:98].mean() > 0.5
    assert stays[:, 124:].max() == 0.0 and stays[185:].max() == 0.0
    assert kept.kept_hair(region, strands, np.ones_like(EMPTY), 16.0).max() < 0.6


def test_eyes_that_see_nothing_keep_nothing():
    blind = kept.body_of(Sight(), PICTURE)
    assert blind.face_px is None and blind.chin_px is None
    assert not (blind.face | blind.inner | blind.flesh | blind.occupied).any()
    skin = patch(60, 44)
    assert kept.kept_hands(blind, skin, EMPTY).max() == kept.small_skin(skin, EMPTY, blind).max() == 0.0


def test_a_hand_that_reaches_out_of_the_picture_is_no_error():
    out = body(hand_at(-500, 10, 120), hand_at(310, 400, 120), faces=(face_at(2, 3, 90),))
    hands = sum(hand.bones for hand in out.hands)
    assert hands.any() and out.face.any() and not hands[:100, :100].any()

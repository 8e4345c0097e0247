# SPDX-License-Identifier: Apache-2.0
"""What hangs or is held before a garment stays, prints and trims do not: drawn pictures of a chest."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mirage_lsd.worker.paint.detail.fine import FinePicture
from mirage_lsd.worker.paint.detail.hanging.in_front import InFront
from mirage_lsd.worker.paint.detail.seen.kept import Body, DrawnHand

SIZE_PX, FACE_PX, CHIN_PX = (320, 360), 64.0, (160, 20)
CLOTH, STRAP, CARD, PRINT = (30, 140, 210), (70, 40, 20), (235, 235, 235), (40, 40, 160)
FRAMES = 20


def cloth() -> np.ndarray:
    """u8 [360,320,3] BGR: plain, with soft light and a camera's noise."""
    across = np.linspace(0.85, 1.1, SIZE_PX[0], dtype=np.float32)[:, None]
    noise = np.random.default_rng(1).normal(0.0, 1.5, (*SIZE_PX[::-1], 3)).astype(np.float32)
    return np.clip(np.float32(CLOTH) * across + noise, 0, 255).astype(np.uint8)


def thing(*, lines: list = (), card: tuple | None = None) -> np.ndarray:
    """u8 [h,w] 0 or 1."""
    drawn = np.zeros(SIZE_PX[::-1], np.uint8)
    for line in lines:
        cv2.polylines(drawn, [np.int32(line)], isClosed=False, color=1, thickness=8)
    if card is not None:
        cv2.rectangle(drawn, card[:2], card[2:], 1, cv2.FILLED)
    return drawn


STRAPS = thing(lines=[[(134, 42), (160, 110), (160, 150)], [(186, 42), (160, 110)]])
BADGE = thing(card=(145, 150, 175, 198))
LANYARD = STRAPS | BADGE
LOGO = thing(card=(60, 150, 100, 190))
NO_HANDS = np.zeros(SIZE_PX[::-1], np.uint8)


def painted(picture: np.ndarray, area: np.ndarray, color: tuple) -> np.ndarray:
    picture[area > 0] = color
    return cv2.GaussianBlur(picture, (3, 3), 0.8)


def fine(bgr: np.ndarray) -> FinePicture:
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(np.float32) / 255
    return FinePicture(SIZE_PX, (0, 0, *SIZE_PX), bgr, grey, cv2.cvtColor(bgr, cv2.COLOR_BGR2LAB), 1.0)


def body(flesh: np.ndarray = NO_HANDS, chin_px: tuple = CHIN_PX) -> Body:
    return Body(NO_HANDS, NO_HANDS, (DrawnHand(flesh, flesh, False),), FACE_PX, np.float32(chin_px))


def stayed(
    front: InFront, bgr: np.ndarray, odd: np.ndarray, frames: int = FRAMES, seen: Body | None = None
) -> np.ndarray:
    """What stays in the last of so many equal frames, f32 [h,w]."""
    covered = np.ones(odd.shape, np.float32)
    covered[:40] = 0.0
    for _ in range(frames):
        plane = front(fine(bgr), seen or body(), np.float32(odd == 0), odd.astype(np.float32), covered)
    return plane


@pytest.fixture
def worn() -> np.ndarray:
    return painted(painted(painted(cloth(), STRAPS, STRAP), BADGE, CARD), LOGO, PRINT)


def test_a_lanyard_and_its_badge_stay_and_a_print_does_not(worn: np.ndarray) -> None:
    plane = stayed(InFront(), worn, LANYARD | LOGO)
    assert plane[cv2.dilate(LANYARD, np.ones((7, 7))) == 0].max() < 0.1
    assert plane[cv2.erode(BADGE, np.ones((3, 3))) > 0].mean() > 0.95
    assert plane[cv2.erode(STRAPS, np.ones((3, 3))) > 0].mean() > 0.85
    assert plane[LOGO > 0].max() == 0.0


def test_a_lanyard_is_found_without_the_clothes_colours(worn: np.ndarray) -> None:
    plane = stayed(InFront(), worn, NO_HANDS)
    assert plane[BADGE > 0].mean() > 0.9
    assert plane[STRAPS > 0].mean() > 0.75


def test_it_moves_along(worn: np.ndarray) -> None:
    front = InFront()
    stayed(front, worn, LANYARD)
    for step_px in range(2, 30, 2):
        place = np.float32([[1, 0, step_px], [0, 1, 0]])
        moved = cv2.warpAffine(worn, place, SIZE_PX, borderMode=cv2.BORDER_REPLICATE)
        plane = stayed(front, moved, NO_HANDS, 1, body(chin_px=(CHIN_PX[0] + step_px, CHIN_PX[1])))
    assert plane[cv2.warpAffine(BADGE, place, SIZE_PX) > 0].mean() > 0.85


def test_it_stays_while_no_face_is_seen_and_goes_with_the_scene(worn: np.ndarray) -> None:
    front = InFront()
    stayed(front, worn, LANYARD)
    lost = replace(body(), face_px=None, chin_px=None)
    assert stayed(front, worn, LANYARD, 3, lost)[BADGE > 0].mean() > 0.9
    front.reset()
    assert stayed(front, worn, LANYARD, 1).max() == 0.0


def test_plain_cloth_prints_and_stripes_do_not_stay() -> None:
    hem = thing(card=(0, 320, 319, 330))
    zip_fastener = thing(lines=[[(160, 40), (160, 359)]])
    for area in (NO_HANDS, LOGO, BADGE, hem, zip_fastener):
        assert stayed(InFront(), painted(cloth(), area, PRINT), area).max() == 0.0


def test_a_printed_jumper_keeps_nothing() -> None:
    letters = np.random.default_rng(2).integers(0, 2, (45, 40)).astype(np.uint8)
    print_ = cv2.resize(letters, SIZE_PX, interpolation=cv2.INTER_NEAREST)
    hand = thing(card=(100, 200, 140, 240))
    assert stayed(InFront(), painted(cloth(), print_, PRINT), print_, seen=body(hand)).max() == 0.0


def test_what_a_hand_holds_stays_after_some_frames() -> None:
    hand, cup = thing(card=(180, 200, 220, 240)), thing(card=(140, 185, 178, 235))
    picture, front = painted(cloth(), cup, STRAP), InFront()
    assert stayed(front, picture, cup, 1, body(hand)).max() == 0.0
    plane = stayed(front, picture, cup, FRAMES, body(hand))
    assert plane[cup > 0].mean() > 0.9
    assert plane[cv2.dilate(cup, np.ones((9, 9))) == 0].max() == 0.0
    assert stayed(front, cloth(), NO_HANDS, 1, body(hand)).max() == 0.0

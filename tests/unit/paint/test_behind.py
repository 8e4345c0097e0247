# SPDX-License-Identifier: Apache-2.0
"""What may lie behind a person: background stays, the person is filled in from what is around, cloth does not leak."""

import cv2
import numpy as np
import pytest

from mirage_lsd.worker.paint.background.behind import Behind, background_share, person_seen, uncovering
from mirage_lsd.worker.paint.background.clean_plate import SEEN_FRAMES
from mirage_lsd.worker.paint.background.fill_in import filled
from mirage_lsd.worker.paint.layer_box import cut, fit_box
from mirage_lsd.worker.paint.layer_maps import SCENE, LayerMaps

WORKING_PX, CLOTH = (160, 96), (20, 200, 30)


def wall() -> np.ndarray:
    """A wall that gets redder to the right, u8 [h,w,3]."""
    width, height = WORKING_PX
    ramp = np.linspace(40, 200, width)[None, :, None] * np.float32([0.3, 0.5, 1.0])
    return np.repeat(ramp, height, axis=0).astype(np.uint8)


def person() -> np.ndarray:
    mask = np.zeros(WORKING_PX[::-1], np.float32)
    mask[30:, 60:100] = 1.0
    return mask


def dressed(mask: np.ndarray, picture: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None] > 0.5, np.uint8(CLOTH), picture)


def test_the_wall_goes_on_behind_the_person():
    picture = dressed(person(), wall())
    found = filled(picture, background_share(person()))
    hidden = person() > 0.5
    assert np.array_equal(found[:, :50], picture[:, :50]), "what is surely background stays"
    assert np.abs(found[hidden].astype(int) - wall()[hidden]).mean() < 12
    assert np.abs(picture[hidden].astype(int) - wall()[hidden]).mean() > 60


def test_shelves_go_on_behind_somebody_who_stands_before_them():
    """Rows of one colour and a person from top to bottom: left and right say all; a corner lies between its walls."""
    shelves = np.repeat(np.where(np.arange(96) % 16 < 8, 60, 180).astype(np.uint8)[:, None, None], 160, 1).repeat(3, 2)
    share = np.ones((96, 160), np.float32)
    share[:, 60:100] = 0.0
    assert np.array_equal(filled(np.where(share[..., None] > 0, shelves, np.uint8(CLOTH)), share), shelves)
    corner = np.zeros((96, 160, 3), np.uint8)
    corner[:, 80:] = 200
    found = filled(corner, share)[48, 60:100, 0].astype(int)
    assert found[0] < 10 and found[-1] > 190 and (np.diff(found) >= 0).all()


def test_a_mask_that_ends_a_pixel_early_lets_no_cloth_in():
    early = cv2.erode(person(), np.ones((3, 3)))
    found = filled(dressed(person(), wall()), background_share(early))
    assert np.abs(found.astype(int) - wall()).max() < 40


@pytest.mark.parametrize("mask", [np.ones(WORKING_PX[::-1], np.float32), np.zeros(WORKING_PX[::-1], np.float32)])
def test_all_person_or_nobody_leaves_the_picture(mask):
    assert np.array_equal(filled(wall(), background_share(mask)), wall())


@pytest.mark.parametrize("size_px", [(96, 160), (128, 128), (224, 128), (448, 256)])
def test_any_working_size(size_px):
    mask = cv2.resize(person(), size_px)
    found = filled(cv2.resize(wall(), size_px), background_share(mask))
    assert found.shape == (size_px[1], size_px[0], 3) and found.dtype == np.uint8


def test_at_full_size_background_keeps_its_detail():
    full_px = (640, 360)
    rng = np.random.default_rng(0)
    grain = rng.integers(0, 40, (full_px[1], full_px[0], 1), np.uint8)
    frame = cv2.resize(dressed(person(), wall()), full_px) + grain
    box = fit_box(person() > 0.5, full_px)
    working = cv2.cvtColor(cv2.resize(frame, WORKING_PX, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
    share = background_share(person())
    found = Behind()(cv2.cvtColor(frame, cv2.COLOR_BGR2BGRA), working, share, box)
    assert found.shape == (full_px[1], full_px[0], 3)
    left, top, right, bottom = box.full
    beside = (slice(top, bottom), slice(left, left + 20))
    assert np.array_equal(found[beside], frame[beside])
    hidden = cut(cv2.resize(person(), full_px), box.full) > 0.9
    error = np.abs(cut(found, box.full).astype(int) - cut(cv2.resize(wall(), full_px), box.full))
    assert error[hidden].mean() < 40


def test_coverage_of_what_is_surely_background_goes_and_of_the_person_stays():
    width, height = WORKING_PX
    shares = np.zeros((4, height, width), np.float32)
    shares[SCENE] = 0.1 + 0.8 * (1.0 - person())  # the net is nearly sure
    maps = LayerMaps(np.zeros((3, height, width), np.float32), np.ones((3, height, width), np.float32), shares,
                     np.zeros((height // 2, width // 2, 2), np.float32))
    found = uncovering(maps, background_share(person()))
    assert not found.mask[1:, :, :50].any() and (found.mask[1:][:, person() > 0.5] == 1.0).all()
    assert (found.mask[0] == 1.0).all() and (found.shares[SCENE][person() > 0.5] == 0.0).all()
    assert (maps.mask == 1.0).all(), "what was given is left as it was"


def test_after_a_cut_nothing_is_left_of_the_last_background():
    full_px = (320, 192)
    box = fit_box(person() >= 0.0, full_px)

    def shown(behind: Behind, mask: np.ndarray) -> np.ndarray:
        frame = cv2.resize(dressed(mask, wall()), full_px, interpolation=cv2.INTER_NEAREST)
        working = cv2.cvtColor(dressed(mask, wall()), cv2.COLOR_BGR2RGB)
        return behind(cv2.cvtColor(frame, cv2.COLOR_BGR2BGRA), working, background_share(mask), box).copy()

    moved, cut_between = Behind(), Behind()
    for behind in (moved, cut_between):
        for _ in range(SEEN_FRAMES):
            shown(behind, np.roll(person(), 50, axis=1))
    cut_between.reset()
    fresh = shown(Behind(), person())
    assert np.array_equal(shown(cut_between, person()), fresh)
    assert not np.array_equal(shown(moved, person()), fresh)


def test_hair_that_only_the_parsing_sees_is_the_person_s():
    mask, width, height = person(), *WORKING_PX
    background = np.ones((height // 8, width // 8), np.float32)
    assert np.array_equal(person_seen(mask, background), mask)
    background[1:4, 8:12] = 0.1  # above the person
    found = person_seen(mask, background)
    assert (found[14:26, 70:90] > 0.6).all() and np.array_equal(found[:, :50], mask[:, :50])
    assert (found >= mask).all()

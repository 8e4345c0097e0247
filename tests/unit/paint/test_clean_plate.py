# SPDX-License-Identifier: Apache-2.0
"""The background behind a person: what was seen is remembered, what was not is steady, another scene is another one."""

import cv2
import numpy as np

from mirage_lsd.worker.paint.background.behind import background_share
from mirage_lsd.worker.paint.background.clean_plate import SEEN_FRAMES, CleanPlate
from mirage_lsd.worker.paint.background.fill_in import filled

SIZE_PX, CLOTH = (160, 96), (20, 200, 30)


def posters(seed: int = 1) -> np.ndarray:
    """A wall full of posters, u8 [h,w,3]."""
    colors = np.random.default_rng(seed).integers(0, 255, (6, 10, 3), np.uint8)
    return cv2.resize(colors, SIZE_PX, interpolation=cv2.INTER_NEAREST)


def person(left: int, width: int = 30) -> np.ndarray:
    mask = np.zeros(SIZE_PX[::-1], np.float32)
    mask[30:, left : left + width] = 1.0
    return mask


def seen(mask: np.ndarray, wall: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None] > 0.5, np.uint8(CLOTH), wall)


def without(plate: CleanPlate, mask: np.ndarray, wall: np.ndarray, frames: int = 1) -> np.ndarray:
    for _ in range(frames):
        found = plate(seen(mask, wall), background_share(mask))
    return found


def error(found: np.ndarray, wall: np.ndarray, where: np.ndarray) -> float:
    return float(np.abs(found.astype(int) - wall)[where].mean())


def test_what_was_seen_beside_a_person_is_shown_behind_them():
    plate, wall = CleanPlate(), posters()
    without(plate, person(20), wall, SEEN_FRAMES)
    now = person(90)
    found = without(plate, now, wall)
    assert error(found, wall, now > 0.5) == 0.0
    assert error(filled(seen(now, wall), background_share(now)), wall, now > 0.5) > 30


def test_what_is_background_now_is_shown_as_it_is():
    plate, wall, brighter = CleanPlate(), posters(), np.minimum(posters(), 235) + np.uint8(10)
    without(plate, person(20), wall, SEEN_FRAMES)
    mask = person(90)
    found = without(plate, mask, brighter)
    sure = background_share(mask) == 1.0
    assert np.array_equal(found[sure], brighter[sure])


def test_another_scene_is_not_shown_the_last_ones_background():
    plate, wall, other = CleanPlate(), posters(), posters(seed=2)
    without(plate, person(20), wall, SEEN_FRAMES)
    assert np.array_equal(without(plate, person(90), other), without(CleanPlate(), person(90), other))


def test_forgotten_or_of_another_size_it_starts_afresh():
    plate, wall = CleanPlate(), posters()
    without(plate, person(20), wall, SEEN_FRAMES)
    plate.forget()
    fresh = without(CleanPlate(), person(90), wall)
    assert np.array_equal(without(plate, person(90), wall), fresh)
    small = cv2.resize(wall, (96, 64))
    assert plate(small, background_share(np.zeros((64, 96), np.float32))).shape == small.shape


def test_never_seen_it_flickers_less_than_the_mask():
    plate, wall, rng = CleanPlate(), posters(), np.random.default_rng(3)
    found, alone = [], []
    for _ in range(12):
        mask = person(60 + int(rng.integers(-3, 4)), 36)
        found.append(without(plate, mask, wall).astype(int))
        alone.append(filled(seen(mask, wall), background_share(mask)).astype(int))
    inside = np.s_[40:, 72:84]
    steps, steps_alone = (np.abs(np.diff([one[inside] for one in runs], axis=0)).mean() for runs in (found, alone))
    assert steps < 0.4 * steps_alone


def test_what_was_background_for_a_moment_only_is_not_remembered():
    """A person mask loses big hair for moments."""
    plate, wall, lost = CleanPlate(), posters(), np.zeros(SIZE_PX[::-1], np.float32)
    mask = person(60)
    steady = without(plate, mask, wall, 3)
    plate(seen(mask, wall), background_share(lost))
    inside = mask > 0.5
    assert error(without(plate, mask, wall), steady, inside) < 0.2 * error(seen(mask, wall), steady, inside)


def pan(shift_cells: tuple[float, float]) -> np.ndarray:
    """The flow of a camera that pans: where every cell was in the frame before."""
    return np.float32(shift_cells)[:, None, None] * np.ones((2, SIZE_PX[1] // 8, SIZE_PX[0] // 8), np.float32)


def test_the_plate_pans_with_the_camera():
    plate, wall, background = CleanPlate(), posters(), np.ones((SIZE_PX[1] // 8, SIZE_PX[0] // 8), np.float32)
    without(plate, person(20), wall, SEEN_FRAMES)
    for _ in range(8):
        plate.follow(pan((-0.0625, 0.0)), background)  # half a pixel to the right a frame
    now = person(90)
    panned = np.roll(wall, 4, axis=1)
    assert error(without(plate, now, panned), panned, now > 0.5) == 0.0


def test_a_still_camera_s_noise_does_not_move_the_plate():
    plate, wall, background = CleanPlate(), posters(), np.ones((SIZE_PX[1] // 8, SIZE_PX[0] // 8), np.float32)
    without(plate, person(20), wall, SEEN_FRAMES)
    for _ in range(1000):
        plate.follow(pan((0.01, -0.01)), background)
    now = person(90)
    assert error(without(plate, now, wall), wall, now > 0.5) == 0.0


def test_a_cut_or_nobody_s_motion_is_no_pan():
    plate, wall, nothing = CleanPlate(), posters(), np.zeros((SIZE_PX[1] // 8, SIZE_PX[0] // 8), np.float32)
    plate.follow(pan((1.0, 1.0)), nothing)  # before the first frame
    without(plate, person(20), wall, SEEN_FRAMES)
    plate.follow(pan((1.0, 1.0)), nothing)  # the picture is full of the person
    now = person(90)
    assert error(without(plate, now, wall), wall, now > 0.5) == 0.0
    plate.follow(None, nothing)
    assert np.array_equal(without(plate, now, wall), without(CleanPlate(), now, wall))

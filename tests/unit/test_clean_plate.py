# SPDX-License-Identifier: Apache-2.0
"""The background behind a person: what was seen is remembered, what was not is steady, another scene is another one."""

import cv2
import numpy as np

from mirage_lsd.worker.models.behind import background_share
from mirage_lsd.worker.models.clean_plate import CleanPlate
from mirage_lsd.worker.models.push_pull import filled

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


def without(plate: CleanPlate, mask: np.ndarray, wall: np.ndarray) -> np.ndarray:
    return plate(seen(mask, wall), background_share(mask))


def error(found: np.ndarray, wall: np.ndarray, where: np.ndarray) -> float:
    return float(np.abs(found.astype(int) - wall)[where].mean())


def test_what_was_seen_beside_a_person_is_shown_behind_them():
    plate, wall = CleanPlate(), posters()
    without(plate, person(20), wall)
    now = person(90)
    found = without(plate, now, wall)
    assert error(found, wall, now > 0.5) == 0.0
    assert error(filled(seen(now, wall), background_share(now)), wall, now > 0.5) > 30


def test_what_is_background_now_is_shown_as_it_is():
    plate, wall, brighter = CleanPlate(), posters(), np.minimum(posters(), 235) + np.uint8(10)
    without(plate, person(20), wall)
    mask = person(90)
    found = without(plate, mask, brighter)
    sure = background_share(mask) == 1.0
    assert np.array_equal(found[sure], brighter[sure])


def test_another_scene_is_not_shown_the_last_ones_background():
    plate, wall, other = CleanPlate(), posters(), posters(seed=2)
    without(plate, person(20), wall)
    assert np.array_equal(without(plate, person(90), other), without(CleanPlate(), person(90), other))


def test_forgotten_or_of_another_size_it_starts_afresh():
    plate, wall = CleanPlate(), posters()
    without(plate, person(20), wall)
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

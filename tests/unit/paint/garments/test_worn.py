# SPDX-License-Identifier: Apache-2.0
"""A drawing put on a body: it follows the surface, stays on the garment and leaves everything else alone."""

from dataclasses import replace

import numpy as np
import pytest

from mirage_lsd.worker.models.conditions import parse_conditions
from mirage_lsd.worker.paint.apply_layer import LayerApplier
from mirage_lsd.worker.paint.detail.fine import FinePicture
from mirage_lsd.worker.paint.dye import Dyes, dyes_for
from mirage_lsd.worker.paint.garments.worn import Wardrobe
from mirage_lsd.worker.paint.layer_maps import ClothLight, LayerMaps

WIDTH, HEIGHT, PIXEL_M = 320, 240, 0.0025
SKIN = np.float32([90, 120, 180])


def dyes(prompt: str) -> Dyes:
    return dyes_for(parse_conditions(prompt))


def surface(shift_px: int = 0) -> np.ndarray:
    columns, rows = np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))
    return np.dstack([(columns - WIDTH // 2 - shift_px) * PIXEL_M, 0.55 - rows * PIXEL_M]).astype(np.float32)


def picture() -> FinePicture:
    grey = np.zeros((HEIGHT, WIDTH), np.float32)
    bgr = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    return FinePicture((WIDTH, HEIGHT), (0, 0, WIDTH, HEIGHT), bgr, grey, bgr, 1.0)


def put_on(look: Dyes, upper: float = 1.0, trust: float = 0.0, shift_px: int = 0, skin=SKIN):
    planes = [np.full((HEIGHT, WIDTH), 150.0, np.float32) for _ in range(3)]
    share, covered, believed = (np.full((HEIGHT, WIDTH), value, np.float32) for value in (upper, 1.0, trust))
    wardrobe = Wardrobe()
    looked = wardrobe.looked_up(picture(), surface(shift_px), look, share)
    made = wardrobe(looked, look, planes, share, covered, believed, skin)
    return made, planes, share


@pytest.mark.parametrize("prompt", ["", "blue jeans", "blonde hair", "beach"])
def test_a_look_without_a_garment_draws_nothing(prompt):
    assert put_on(dyes(prompt))[0] is None


def test_the_look_says_which_garment():
    assert dyes("red leather jacket").garment == "leather jacket" and dyes("blue jeans").garment is None


def test_buttons_follow_the_body():
    here, there = (put_on(dyes("blue shirt"), shift_px=shift)[0].decal for shift in (0, 40))
    assert here[..., 3].any() and np.array_equal(here[:, 60:200], there[:, 100:240])


def test_where_there_is_no_garment_nothing_is_drawn():
    made, _, share = put_on(dyes("blue shirt"), upper=0.0)
    assert not made.decal.any() and not share.any()


def test_where_the_folds_of_the_source_are_believed_none_are_added():
    believed, flat = (put_on(dyes("green hoodie"), trust=trust)[0].factor for trust in (1.0, 0.0))
    bare = np.s_[70:90, 190:200]  # of the chest, beside the strings
    assert np.abs(believed[bare] - 1.0).max() < 0.05 < np.abs(flat[bare] - 1.0).max()


def test_necklines_are_drawn_with_the_persons_own_skin_and_not_at_all_where_it_is_unknown():
    _, planes, share = put_on(dyes("white t-shirt"))
    neck = 20, WIDTH // 2
    assert share[neck] < 0.1 and abs(planes[2][neck] - SKIN[2]) < 12 and abs(planes[0][neck] - SKIN[0]) < 12
    _, planes, share = put_on(dyes("white t-shirt"), skin=None)
    assert share[neck] == 1.0 and planes[2][neck] == 150.0


def test_a_drawn_suit_closes_what_the_nets_left_open_and_opens_what_they_closed():
    for upper in (0.0, 1.0):
        _, _, share = put_on(dyes("navy suit"), upper=upper)
        assert share[140, WIDTH // 2 + 20] > 0.9 and share[60, WIDTH // 2 + 10] < 0.1


def test_strength_0_gives_the_source_bit_for_bit_and_more_shows_the_drawing():
    look = dyes("blue shirt")
    made, planes, share = put_on(look)
    even = np.zeros((HEIGHT, WIDTH), np.float32)
    maps = LayerMaps(
        np.stack(planes), np.stack([even, even + 1.0, even]), np.stack([share, even, even, even]), surface(),
        ClothLight(even, even), drawn=made,
    )  # fmt: skip
    frame = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)
    applier = LayerApplier(WIDTH, HEIGHT)
    assert np.array_equal(applier.apply(frame, maps, look, 0.0), frame)
    drawn, plain = (applier.apply(frame, one, look, 1.0).astype(int) for one in (maps, replace(maps, drawn=None)))
    assert (np.abs(drawn - plain)[..., :3].max(2) > 12).mean() > 0.02
    button = drawn[round((0.55 - 0.435) / PIXEL_M), WIDTH // 2]
    assert button[:3].min() > 120

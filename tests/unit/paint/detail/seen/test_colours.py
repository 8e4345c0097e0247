# SPDX-License-Identifier: Apache-2.0
"""The colours of a drawn person: skin as the face shows it, what is worn, and hems that are parsed as trousers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawn_sight import noisy

from mirage_lsd.worker.paint.detail.seen.colours import ColourTable, PersonColours, SkinColour, table_places

SKIN, BROWS, GREEN, GREY, BLUE = (130, 165, 215), (30, 40, 60), (50, 130, 60), (110, 110, 112), (160, 90, 40)
SKINS = {"light": (150, 180, 225), "brown": (70, 105, 150), "dark": (45, 62, 92)}


def area(colour: tuple[int, int, int], pixels: int, levels: float = 2.0) -> np.ndarray:
    """u8 [1,pixels,3] Lab."""
    return cv2.cvtColor(noisy(np.full((1, pixels, 3), colour, np.uint8), levels), cv2.COLOR_BGR2LAB)


def all_of(lab: np.ndarray) -> np.ndarray:
    return np.ones(lab.shape[:2], np.uint8)


def seen(**areas: np.ndarray) -> PersonColours:
    """A person whose cloth, lower and hair are these areas."""
    colours, places = PersonColours(), np.hstack(list(areas.values()))
    ends = np.cumsum([part.shape[1] for part in areas.values()])
    columns = np.arange(places.shape[1])[None]
    sure = {name: ((columns >= end - part.shape[1]) & (columns < end)).astype(np.uint8)
            for (name, part), end in zip(areas.items(), ends, strict=True)}
    colours.observe(places, table_places(places), np.zeros(places.shape[:2], np.uint8), sure)
    return colours


@pytest.mark.parametrize("skin", SKINS.values(), ids=SKINS)
def test_the_skin_of_a_drawn_face_is_told_from_cloth(skin):
    face, colour = np.hstack([area(skin, 900), area(BROWS, 90)]), SkinColour()
    assert colour.bgr is None and colour.likeness(face).max() == 0.0
    colour.observe(face, all_of(face))
    np.testing.assert_allclose(colour.bgr, skin, atol=6)
    assert np.mean(colour.likeness(area(skin, 500)) > 0.8) > 0.9
    for cloth in (GREEN, BLUE, (235, 235, 235)):
        assert colour.likeness(area(cloth, 500)).max() < 0.1


def test_a_few_pixels_are_no_face():
    face, colour = area(SKIN, 30), SkinColour()
    colour.observe(face, all_of(face))
    assert colour.bgr is None


def test_skin_changes_slowly_with_the_light():
    colour, darker = SkinColour(), tuple(0.8 * part for part in SKIN)
    for skin in (SKIN, darker):
        colour.observe(area(skin, 500), np.ones((1, 500), np.uint8))
    assert np.abs(colour.bgr - SKIN).max() < 10
    for _ in range(60):
        colour.observe(area(darker, 500), np.ones((1, 500), np.uint8))
    np.testing.assert_allclose(colour.bgr, darker, atol=4)


def test_the_most_frequent_colours_are_what_is_worn_and_a_logo_is_not():
    table, cloth, stripe, logo = ColourTable(), area(GREEN, 6000), area(GREY, 3000), area((40, 40, 200), 60)
    worn = np.hstack([cloth, stripe, logo])
    table.observe(table_places(worn), all_of(worn))
    parts = (cloth, stripe, logo, area(BLUE, 50))
    frequency = [float(np.median(table.frequency(table_places(part)))) for part in parts]
    assert frequency[0] == 1.0 and frequency[1] > 0.7 and frequency[2] < 0.5 and frequency[3] == 0.0


def test_a_table_follows_and_too_little_does_not_count():
    table = ColourTable()
    for colour, pixels, frames in ((GREEN, 500, 1), (BLUE, 30, 50), (GREY, 500, 1)):
        for _ in range(frames):
            table.observe(table_places(area(colour, pixels)), np.ones((1, pixels), np.uint8))
    green, blue = (table.frequency(table_places(area(colour, 200))).mean() for colour in (GREEN, BLUE))
    assert green > 0.9 and blue == 0.0
    for _ in range(60):
        table.observe(table_places(area(GREY, 500)), np.ones((1, 500), np.uint8))
    assert table.frequency(table_places(area(GREEN, 200))).mean() < 0.1


def test_a_long_hem_parsed_as_trousers_is_rather_cloth():
    colours = seen(cloth=area(GREEN, 20000), lower=area(GREEN, 2500))
    assert colours.rather_cloth(table_places(area(GREEN, 500))).mean() > 0.95


def test_real_trousers_are_not():
    colours = seen(cloth=area(GREEN, 20000), lower=area(GREY, 4000))
    assert colours.rather_cloth(table_places(area(GREY, 500))).mean() < 0.05
    assert colours.rather_cloth(table_places(area(GREEN, 500))).mean() > 0.95
    shadow = tuple(round(0.92 * part) for part in GREY)
    assert colours.rather_cloth(table_places(area(shadow, 500))).mean() < 0.1


def test_another_scene_forgets_everybody():
    colours, face = seen(cloth=area(GREEN, 2000), hair=area(BROWS, 2000)), area(SKIN, 500)
    colours.skin.observe(face, all_of(face))
    assert colours.hair.frequency(table_places(area(BROWS, 50))).mean() > 0.9
    colours.reset()
    assert colours.skin.bgr is None
    for table in (colours.cloth, colours.lower, colours.hair):
        assert table.frequency(table_places(area(GREEN, 50))).max() == table.pixels().max() == 0.0

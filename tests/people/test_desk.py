# SPDX-License-Identifier: Apache-2.0
"""The streamer's things drawn onto films: they follow the head, and the truth beside them is where they are."""

from __future__ import annotations

import numpy as np
import pytest
from desk_light import coloured_light, green_screen, without_wall
from desk_props import Sheet, chair, glasses, headset, microphone
from head_place import Head, middle_of

STRAIGHT = np.array([1.0, 0.0])


def head(x_px: float = 320, y_px: float = 150, across=STRAIGHT) -> Head:
    return Head(np.array([x_px, y_px]), across, 70.0)


def wall() -> np.ndarray:
    return np.full((480, 640, 3), 128, np.uint8)


def drawn(prop, place: Head) -> tuple[np.ndarray, np.ndarray]:
    sheet = Sheet((640, 480))
    prop(sheet, place)
    return sheet.laid_on(wall())


@pytest.mark.parametrize("prop", [headset, microphone, chair, glasses])
def test_a_prop_changes_what_it_covers_and_nothing_else(prop) -> None:
    made, cover = drawn(prop, head())
    assert cover.max() > 0.9 and 100 < (cover > 0.9).sum() < 480 * 640 / 2
    assert (made[cover == 0] == 128).all()
    assert (np.abs(made.astype(int) - 128).max(2)[cover > 0.9] > 12).mean() > 0.85


@pytest.mark.parametrize("prop", [headset, microphone])
def test_a_prop_moves_as_the_head_does(prop) -> None:
    (here, _), (there, _) = drawn(prop, head()), drawn(prop, head(330, 146))
    assert np.abs(there[20:300, 30:600].astype(int) - here[24:304, 20:590]).mean() < 0.5


def test_a_tilted_head_tilts_its_points() -> None:
    tilted = head(across=np.array([0.0, 1.0]))
    assert tilted.at([(1, 0)])[0] == pytest.approx([320, 220])
    assert tilted.at([(0, 1)])[0] == pytest.approx([250, 150])


def test_what_stands_still_stands_where_the_head_mostly_is() -> None:
    assert middle_of([head(300), head(320), head(400)]).eyes_px == pytest.approx([320, 150])


def person() -> np.ndarray:
    coverage = np.zeros((480, 640), np.float32)
    coverage[100:, 220:420] = 1
    return coverage


def test_a_green_screen_is_green_but_for_the_person() -> None:
    made = green_screen(wall(), person(), 0).astype(int)
    assert (made[:80, :, 1] > made[:80, :, 2] + 60).all()
    assert np.abs(made[200:400, 260:380] - 128).max() <= 1


def test_light_comes_magenta_from_the_left_and_blue_from_the_right() -> None:
    made = coloured_light(wall(), person(), head()).astype(int)
    assert made[300, 230, 2] > made[300, 410, 2] + 60
    assert made[300, 410, 0] > made[300, 410, 2] + 60


def test_no_rim_of_the_old_wall_comes_along() -> None:
    soft = np.tile(np.clip((np.arange(640) - 300) / 8, 0, 1).astype(np.float32), (480, 1))
    frame = np.where(soft[..., None] > 0.9, np.uint8(20), np.uint8(240)) * np.ones(3, np.uint8)
    assert without_wall(frame, soft)[240, 306].max() < 40

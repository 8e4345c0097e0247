# SPDX-License-Identifier: Apache-2.0
"""Signs of hands whose points are made by geometry, and when a sign or a wave counts as a gesture."""

from __future__ import annotations

import numpy as np
import pytest

from mirage_lsd.worker.senses.gestures.signs import FIST, NONE, OPEN_PALM, THUMBS_UP, VICTORY, sign_of
from mirage_lsd.worker.senses.gestures.watcher import COOLDOWN_MS, HOLD_MS, SWIPE_LEFT, SWIPE_RIGHT, Watcher

EVERY_MS = 110
PALM_PX = 100.0
KNUCKLES = {"index": (-30, -95), "middle": (-8, -100), "ring": (14, -95), "little": (34, -84)}
LENGTHS = {"index": 75, "middle": 82, "ring": 75, "little": 58}


def finger(base: np.ndarray, way_deg: float, length: float, bend_deg: float) -> list[np.ndarray]:
    """Four joints of a finger that leaves its knuckle at way_deg (0: upwards), bent by so much at each joint towards
    the camera and back to the palm."""
    way = np.radians(way_deg)
    along = np.array([np.sin(way), -np.cos(way), 0])
    joints, tilt = [base], 0.0
    for part in (0.45, 0.3, 0.25):
        tilt += np.radians(bend_deg)
        step = along * np.cos(tilt) + np.array([0, 0, -1.0]) * np.sin(tilt)
        joints.append(joints[-1] + step * length * part)
    return joints


def hand(straight: str = "", thumb: str = "in", spread_deg: float = 6.0, at: tuple = (300, 300)) -> np.ndarray:
    """float32 [21, 3]: a right hand from inside. straight: names of the straight fingers. thumb: out, in or up."""
    points = [np.zeros(3)]
    thumbs = {"out": [(-30, -20, 0), (-58, -42, 0), (-80, -62, 0), (-98, -80, 0)],
              "in": [(-25, -25, -5), (-38, -50, -15), (-28, -72, -25), (-8, -80, -30)],
              "up": [(-20, -40, 0), (-30, -85, 0), (-32, -125, 0), (-33, -160, 0)]}
    points += [np.array(place, float) for place in thumbs[thumb]]
    for number, name in enumerate(KNUCKLES):
        out = name in straight.split()
        way = (number - 1.5) * spread_deg
        points += finger(np.array([*KNUCKLES[name], 0.0]), way, LENGTHS[name], 3 if out else 85)
    return (np.stack(points) + [*at, 0]).astype(np.float32)


ALL = "index middle ring little"
OPEN, CLOSED = hand(ALL, "out"), hand("", "in")


@pytest.mark.parametrize(
    ("points", "sign"),
    [
        (OPEN, OPEN_PALM),
        (CLOSED, FIST),
        (hand("", "up"), THUMBS_UP),
        (hand("index middle", "in", spread_deg=16), VICTORY),
        (hand("index middle", "in", spread_deg=1), NONE),
        (hand("index", "in"), NONE),
        (hand("index middle ring", "in"), NONE),
        (hand(ALL, "in"), NONE),
        (hand("little index", "out"), NONE),
    ],
)
def test_a_hand_makes_the_sign_it_makes(points: np.ndarray, sign: str) -> None:
    assert sign_of(points) == sign
    mirrored = points * [-1, 1, 1] + [600, 0, 0]
    assert sign_of(mirrored.astype(np.float32)) == sign  # the left hand
    assert sign_of(points * np.float32(0.4)) == sign  # further away


def test_an_upside_down_hand_shows_nothing() -> None:
    assert sign_of((OPEN * [1, -1, 1] + [0, 600, 0]).astype(np.float32)) == NONE


def watch(looks: list[np.ndarray | None], mirrored: bool = False) -> list[str]:
    """Gestures that come of these looks, one every EVERY_MS."""
    watcher = Watcher(mirrored)
    found = [watcher(number * EVERY_MS, points) for number, points in enumerate(looks)]
    return [gesture for gesture in found if gesture]


def moved(points: np.ndarray, x_px: float, y_px: float = 0.0) -> np.ndarray:
    return points + np.array([x_px, y_px, 0], np.float32)


def test_a_sign_counts_once_when_it_was_held_long_enough() -> None:
    hold = HOLD_MS // EVERY_MS + 2
    assert watch([CLOSED] * hold) == [FIST]
    assert watch([CLOSED] * (hold - 3)) == []
    assert watch([CLOSED] * 60) == [FIST]
    pause = COOLDOWN_MS // EVERY_MS + 2
    assert watch([CLOSED] * hold + [None] * pause + [CLOSED] * hold) == [FIST, FIST]


def test_nothing_counts_within_the_cooldown() -> None:
    hold = HOLD_MS // EVERY_MS + 2
    assert watch([CLOSED] * hold + [OPEN] * (hold - 1)) == [FIST]


def test_one_bad_look_is_no_letting_go() -> None:
    hold = HOLD_MS // EVERY_MS + 2
    pause = [CLOSED] * (COOLDOWN_MS // EVERY_MS + 2)
    assert watch([CLOSED] * hold + pause + [hand("index", "in")] + pause) == [FIST]


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_wave_to_the_side_is_a_swipe(mirrored: bool) -> None:
    to_the_left_of_the_picture = [moved(OPEN, -75 * n) for n in range(5)]
    right, left = (SWIPE_LEFT, SWIPE_RIGHT) if mirrored else (SWIPE_RIGHT, SWIPE_LEFT)
    assert watch([OPEN, OPEN, *to_the_left_of_the_picture], mirrored) == [right]
    assert watch([moved(look, 600) * [-1, 1, 1] for look in to_the_left_of_the_picture], mirrored) == [left]


@pytest.mark.parametrize(
    "looks",
    [
        [moved(OPEN, -75 * n, 75 * n) for n in range(6)],  # slanting
        [moved(CLOSED, -75 * n) for n in range(5)],  # a closed hand
        [moved(OPEN, -20 * n) for n in range(14)],  # slow
        [moved(OPEN, -90 * (n % 2)) for n in range(20)],  # to and fro
        [moved(OPEN, -75 * n) for n in range(2)],  # too short
    ],
)
def test_other_movements_are_none(looks: list[np.ndarray]) -> None:
    assert watch(looks) == []


def test_talking_with_ones_hands_triggers_nothing() -> None:
    """Ten minutes of hands that change their shape every 0.2 to 0.6 s and hardly ever rest."""
    rng = np.random.default_rng(1)
    shapes = [OPEN, CLOSED, hand("index", "out"), hand("index middle", "in", 16), hand(ALL, "in"), hand("", "up")]
    looks: list[np.ndarray | None] = []
    place = np.zeros(2)
    while len(looks) < 10 * 60_000 // EVERY_MS:
        shape = shapes[rng.integers(len(shapes))] if rng.random() < 0.9 else None
        for _ in range(rng.integers(2, 6)):
            place = np.clip(place + rng.normal(0, 35, 2), -200, 200)
            looks.append(None if shape is None else moved(shape, *place))
    assert watch(looks) == []

# SPDX-License-Identifier: Apache-2.0
"""What did not move is not read again, slow movement adds up, and nothing is answered from memory for long."""

import cv2
import numpy as np
import pytest

from mirage_lsd.worker.tracking.eyes.square import Square
from mirage_lsd.worker.tracking.eyes.unchanged import Unchanged

PLACE = Square(np.float32([160, 120]), 150.0, 0.2)


@pytest.fixture
def unchanged() -> Unchanged[str]:
    """One in which something was read."""
    made: Unchanged[str] = Unchanged(4.0, 3)
    made.keep(_picture(), PLACE, "hand")
    return made


def test_what_keeps_still_is_recalled_for_a_few_pictures(unchanged):
    noise = np.random.default_rng(0)
    answers = []
    for _ in range(4):
        unchanged.begin()
        noisy = np.clip(_picture() + noise.normal(0, 3, (240, 320, 4)), 0, 255).astype(np.uint8)
        answers.append(unchanged.recall(noisy, PLACE))
    assert answers == ["hand", "hand", "hand", None]


def test_slow_movement_adds_up(unchanged):
    answers = []
    for step in range(3):
        unchanged.begin()
        answers.append(unchanged.recall(_picture(moved_px=3 * step), PLACE))
    assert answers[0] == "hand"
    assert answers[-1] is None


def test_another_place_is_not_known(unchanged):
    unchanged.begin()
    assert unchanged.recall(_picture(), Square(PLACE.center_px + 20, 150.0, 0.2)) is None
    assert unchanged.recall(_picture(), Square(PLACE.center_px, 150.0, 0.4)) is None
    assert unchanged.recall(_picture(), Square(PLACE.center_px, 180.0, 0.2)) is None


def test_what_was_not_asked_for_and_what_a_reset_parts_is_forgotten(unchanged):
    unchanged.begin()
    unchanged.begin()
    assert unchanged.recall(_picture(), PLACE) is None
    unchanged.keep(_picture(), PLACE, "hand")
    unchanged.reset()
    unchanged.begin()
    assert unchanged.recall(_picture(), PLACE) is None


def _picture(moved_px: int = 0) -> np.ndarray:
    """uint8 [240, 320, 4]: a bright finger before a dark chest."""
    picture = np.full((240, 320, 4), 60, np.uint8)
    return cv2.line(picture, (120 + moved_px, 180), (190 + moved_px, 70), (140, 160, 200, 255), 14)

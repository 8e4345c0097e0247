# SPDX-License-Identifier: Apache-2.0
"""One height where the garment ends: voted for by pixels, held over time."""

from __future__ import annotations

import numpy as np

from mirage_lsd.worker.paint.detail.hem import HIGHEST_M, Hem

ROWS, COLUMNS = 160, 60
HEIGHT = np.repeat(np.linspace(0.4, -0.1, ROWS, dtype=np.float32)[:, None], COLUMNS, axis=1)
TORSO = np.ones((ROWS, COLUMNS), bool)


def votes(hem_m: float, wrong: float = 0.0, seed: int = 0) -> np.ndarray:
    """f32 [h,w]: cloth above the hem, trousers below, a share of the pixels the other way round."""
    cloth = HEIGHT > hem_m
    swapped = np.random.default_rng(seed).random(cloth.shape) < wrong
    return (cloth ^ swapped).astype(np.float32)


def test_it_is_found_though_many_pixels_are_wrong_and_leaves_no_blots():
    above = Hem()(HEIGHT, votes(0.05, wrong=0.3), TORSO)
    assert above[HEIGHT > 0.08].min() == 1.0 and above[HEIGHT < 0.02].max() == 0.0


def test_without_trousers_all_is_cloth_and_a_dark_chest_is_no_hem():
    assert Hem()(HEIGHT, votes(-1.0), TORSO).min() == 1.0
    chest = (HEIGHT < HIGHEST_M + 0.02).astype(np.float32)  # trousers' colours above the highest hem
    assert Hem()(HEIGHT, chest, TORSO).min() == 1.0


def test_one_frame_does_not_move_it_and_a_reset_does():
    hem = Hem()
    for seed in range(10):
        hem(HEIGHT, votes(0.05, 0.2, seed), TORSO)
    before = hem.height_m
    hem(HEIGHT, votes(-1.0), TORSO)
    assert abs(hem.height_m - before) < 0.015
    hem.reset()
    assert hem(HEIGHT, votes(-1.0), TORSO).min() == 1.0


def test_who_is_no_torso_has_no_vote():
    arms = TORSO.copy()
    arms[:, 20:] = False
    mixed = np.where(arms, votes(-1.0), 0.0).astype(np.float32)
    assert Hem()(HEIGHT, mixed, arms).min() == 1.0

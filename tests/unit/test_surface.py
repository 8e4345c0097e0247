# SPDX-License-Identifier: Apache-2.0
"""The body surface: steady where it is the same, new where it is another."""

import numpy as np

from mirage_lsd.worker.models.surface import INERTIA, enlarged, steadied


def field(high=48, wide=80):
    """A torso's x and z over a picture, and arm -1."""
    x, y = np.meshgrid(np.linspace(-0.4, 0.4, wide), np.linspace(0.5, -0.1, high))
    return np.stack([x + 0.1 * y, y + 0.05 * x, np.full_like(x, -1)]).astype(np.float32)[None]


def test_enlarged_keeps_places_where_they_are():
    fine = enlarged(field())
    assert fine.shape == (1, 3, 96, 160)
    halved = fine.reshape(1, 3, 48, 2, 80, 2).mean((3, 5))
    assert np.abs(halved - field())[..., 1:-1, 1:-1].max() < 1e-4


def test_steadied_keeps_most_of_the_past_where_nothing_changed():
    seen = field()
    moved = enlarged(seen) + np.float32(0.004)
    out = steadied(seen, moved, np.zeros((1, 1, 24, 40), np.float32))
    assert np.allclose(out - enlarged(seen), INERTIA * 0.004, atol=4e-5)


def test_steadied_takes_what_is_seen_where_it_was_hidden_or_is_another_place():
    seen, fine = field(), enlarged(field())
    hidden = np.ones((1, 1, 24, 40), np.float32)
    assert np.array_equal(steadied(seen, fine + np.float32(0.004), hidden), fine)
    arm_before_chest = fine + np.float32([0.4, 0, 0]).reshape(1, 3, 1, 1)
    assert np.allclose(steadied(seen, arm_before_chest, 0 * hidden), fine, atol=1e-3)  # a millimetre

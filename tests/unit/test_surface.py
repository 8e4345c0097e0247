# SPDX-License-Identifier: Apache-2.0
"""The body surface: steady where it is the same, new where it is another, and laid out straight."""

import numpy as np

from mirage_lsd.worker.models.surface import INERTIA, laid_out, steadied


def field(high=48, wide=80):
    """A torso's x and z over a picture, and arm -1."""
    x, y = np.meshgrid(np.linspace(-0.4, 0.4, wide), np.linspace(0.5, -0.1, high))
    return np.stack([x + 0.1 * y, y + 0.05 * x, np.full_like(x, -1)]).astype(np.float32)


def test_steadied_keeps_most_of_the_past_where_nothing_changed():
    seen = field()[None]
    moved = seen + np.float32(0.004)
    out = steadied(seen, moved, np.zeros((1, 1, 24, 40), np.float32))
    assert np.allclose(out - seen, INERTIA * 0.004, atol=4e-5)


def test_steadied_takes_what_is_seen_where_it_was_hidden_or_is_another_place():
    seen = field()[None]
    near = seen + np.float32(0.004)
    hidden = np.ones((1, 1, 24, 40), np.float32)
    assert np.array_equal(steadied(seen, near, hidden), seen)
    arm_before_chest = seen + np.float32([0.3, 0, 0]).reshape(1, 3, 1, 1)
    assert np.allclose(steadied(seen, arm_before_chest, 0 * hidden), seen, atol=1e-3)  # a millimetre


def test_laid_out_is_the_surface_where_that_is_plain_and_straightens_errors():
    surface, share = field(), np.ones((192, 320), np.float32)
    halved = surface[:2].reshape(2, 24, 2, 40, 2).mean((2, 4)).transpose(1, 2, 0)
    assert np.abs(laid_out(surface, share) - halved).max() < 3e-3
    noisy = surface.copy()
    noisy[:2] += np.random.default_rng(1).normal(0, 0.02, noisy[:2].shape)
    noisy[:2, 10:14, 20:24] += 0.5
    out = laid_out(noisy, share)
    assert np.abs(out - halved)[3:-3, 3:-3].mean() < 0.15 * np.abs(noisy[:2] - surface[:2]).mean()


def test_what_is_not_cloth_does_not_bend_it():
    surface, share = field(), np.ones((192, 320), np.float32)
    surface[:2, :, 40:] = 0.9  # no surface at all there
    share[:, 160:] = 0.0
    wanted = field()[:2].reshape(2, 24, 2, 40, 2).mean((2, 4)).transpose(1, 2, 0)
    assert np.abs(laid_out(surface, share) - wanted)[:, :19].max() < 5e-3


def test_sleeves_do_not_pull_at_the_chest():
    surface, share = field(), np.ones((192, 320), np.float32)
    surface[:, 20:, 30:46] = np.float32([0.6, 0.1, 1.5])[:, None, None]  # a forearm before the chest
    out = laid_out(surface, share)
    assert np.allclose(out[14:, 17:21], [0.6, 0.1], atol=5e-3)
    wanted = field()[:2].reshape(2, 24, 2, 40, 2).mean((2, 4)).transpose(1, 2, 0)
    assert np.abs(out - wanted)[:, 3:14].max() < 5e-3

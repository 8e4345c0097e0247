# SPDX-License-Identifier: Apache-2.0
"""The body surface: jitter of single cells is smoothed away, the past steadies it, and another surface does not."""
import numpy as np

from mirage_lsd.worker.models.surface import INERTIA, smoothed, steadied

SHAPE = (1, 3, 24, 40)
SEEN = np.zeros((1, 1, 12, 20), np.float32)


def slope():
    """A surface that x and z run over evenly, as over a chest."""
    rows, columns = np.mgrid[0 : SHAPE[2], 0 : SHAPE[3]].astype(np.float32)
    return np.stack([columns * 0.01, 0.5 - rows * 0.01, np.full_like(rows, -1.0)])[None]


def test_smoothing_keeps_a_slope_and_takes_jitter_away():
    true = slope()
    noisy = true + np.random.default_rng(1).normal(0, 0.02, SHAPE).astype(np.float32)
    inside = (slice(None), slice(None), slice(6, -6), slice(6, -6))
    np.testing.assert_allclose(smoothed(true)[inside], true[inside], atol=1e-5)
    assert np.abs(smoothed(noisy) - true)[inside].mean() < 0.25 * np.abs(noisy - true)[inside].mean()


def test_the_past_steadies_what_is_nearly_the_same():
    before = slope()
    seen = before + np.float32(0.01)
    found = steadied(seen, before, SEEN)
    assert np.abs(found - before).max() < np.abs(seen - before).max() * (1 - 0.9 * INERTIA)


def test_what_was_hidden_or_is_elsewhere_is_taken_as_seen():
    before = slope()
    np.testing.assert_allclose(steadied(before + 0.01, before, np.ones_like(SEEN)), before + 0.01, atol=1e-6)
    np.testing.assert_allclose(steadied(before + 1.0, before, SEEN), before + 1.0, atol=1e-6)

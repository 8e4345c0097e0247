# SPDX-License-Identifier: Apache-2.0
"""Surface and layer: steady where they are the same, new where they are something else."""

import numpy as np

from mirage_lsd.worker.tracking.steady import (
    LATENT_INERTIA,
    LAYER_INERTIA,
    SURFACE_INERTIA,
    enlarged,
    leaked_latent,
    steadied_layer,
    steadied_surface,
)

LATE = 1000  # frames after a layer's first: it is as inert as it gets


def field(high=48, wide=80):
    """A torso's x and z over a picture, and arm -1."""
    x, y = np.meshgrid(np.linspace(-0.4, 0.4, wide), np.linspace(0.5, -0.1, high))
    return np.stack([x + 0.1 * y, y + 0.05 * x, np.full_like(x, -1)]).astype(np.float32)[None]


def test_enlarged_keeps_places_where_they_are():
    fine = enlarged(field())
    assert fine.shape == (1, 3, 96, 160)
    halved = fine.reshape(1, 3, 48, 2, 80, 2).mean((3, 5))
    assert np.abs(halved - field())[..., 1:-1, 1:-1].max() < 1e-4


def test_the_surface_keeps_most_of_the_past_where_nothing_changed():
    seen = field()
    moved = enlarged(seen) + np.float32(0.004)
    out = steadied_surface(seen, moved, np.zeros((1, 1, 24, 40), np.float32))
    assert np.allclose(out - enlarged(seen), SURFACE_INERTIA * 0.004, atol=4e-5)


def test_the_surface_is_what_is_seen_where_it_was_hidden_or_is_another_place():
    seen, fine = field(), enlarged(field())
    hidden = np.ones((1, 1, 24, 40), np.float32)
    assert np.array_equal(steadied_surface(seen, fine + np.float32(0.004), hidden), fine)
    arm_before_chest = fine + np.float32([0.4, 0, 0]).reshape(1, 3, 1, 1)
    assert np.allclose(steadied_surface(seen, arm_before_chest, 0 * hidden), fine, atol=1e-3)  # a millimetre


def layer(alpha=1.0, colour=0.5, cloth=1.0):
    buffers = np.zeros((1, 8, 64, 96), np.float32)
    buffers[:, :3], buffers[:, 3], buffers[:, 4] = colour, alpha, alpha * cloth
    return buffers


def test_flicker_of_the_layer_is_damped():
    visible = np.zeros((1, 1, 8, 12), np.float32)
    out = steadied_layer(layer(alpha=0.95, colour=0.51), layer(), visible, LATE)
    assert np.allclose(out[:, :3], 0.51 - 0.01 * LAYER_INERTIA, atol=2e-4)
    assert np.allclose(out[:, 3:5], 0.95 + 0.05 * LAYER_INERTIA, atol=1e-3)


def test_what_changes_or_was_hidden_is_this_frames_at_once():
    visible = np.zeros((1, 1, 8, 12), np.float32)
    assert np.abs(steadied_layer(layer(alpha=0.0), layer(), visible, LATE)[:, 3]).max() < 0.02
    assert np.array_equal(steadied_layer(layer(colour=0.6), layer(), visible + 1, LATE), layer(colour=0.6))
    face = steadied_layer(layer(colour=0.9, cloth=0.0), layer(cloth=0.0), visible, LATE)
    assert np.abs(face[:, :3] - 0.9).max() < 0.01


def test_an_edge_that_trembles_is_damped_nearly_in_full_and_one_that_moves_hardly():
    visible = np.zeros((1, 1, 8, 12), np.float32)
    left = [(1.0 - steadied_layer(layer(alpha=1.0 - by), layer(), visible, LATE)[:, 3].mean()) / by
            for by in (0.07, 1.0)]
    assert left[0] < 1.0 - LAYER_INERTIA + 0.01 and left[1] > 0.97


def test_folds_of_cloth_last_longer_than_what_a_face_does_but_not_against_the_light():
    visible = np.zeros((1, 1, 8, 12), np.float32)
    outs = [steadied_layer(layer(colour=0.7, cloth=cloth), layer(cloth=cloth), visible, LATE) for cloth in (0.0, 1.0)]
    lags = [np.abs(out[:, :3] - 0.7).mean() for out in outs]
    assert lags[1] > 1.5 * lags[0] > 0
    lit = steadied_layer(layer(colour=1.4), layer(), visible, LATE)
    assert np.abs(lit[:, :3] - 1.4).max() < 0.01


def test_what_the_latent_gets_wrong_does_not_build_up():
    """A net that hands the latent on and adds a little to it each frame: the sum stays near what one frame adds."""
    latent = leaked_latent(None)
    assert latent is None
    latent = np.zeros((1, 4, 8, 8), np.float32)
    for _ in range(300):
        latent = leaked_latent(latent) + np.float32(0.01)
    assert latent.dtype == np.float32
    assert np.allclose(latent, 0.01 / (1.0 - LATENT_INERTIA), rtol=1e-3)
    assert latent.max() < 0.02


def test_a_first_picture_is_not_held_for_seconds():
    """One odd first picture, then ninety that are alike: it has lost nine tenths of its say; inertia alone would leave
    it a quarter."""
    visible, out = np.zeros((1, 1, 8, 12), np.float32), layer(colour=0.52)
    for frames in range(1, 91):
        out = steadied_layer(layer(), out, visible, frames)
    assert 0.0 < out[0, 0].mean() - 0.5 < 0.1 * 0.02
    assert LAYER_INERTIA**90 > 0.25

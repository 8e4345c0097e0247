# SPDX-License-Identifier: Apache-2.0
"""The flow on the person: affine motion comes back from errors, texture is trusted, the rest is left alone."""

import numpy as np

from mirage_lsd.worker.models.person_motion import on_person, texture_of

CELLS = (24, 40)


def turning():
    """A body that comes nearer and turns a little, [1,2,24,40] in cells."""
    x, y = np.meshgrid(np.arange(40) - 20.0, np.arange(24) - 12.0)
    return np.stack([0.02 * x - 0.03 * y + 0.3, 0.03 * x + 0.02 * y - 0.1])[None].astype(np.float32)


def whole():
    return np.ones((1, 1, 192, 320), np.float32)


def test_motion_that_is_affine_stays_as_it_is():
    for texture in (0.0, 400.0):
        out = on_person(turning(), np.full(CELLS, texture, np.float32), whole())
        assert np.abs(out - turning()).max() < 0.02


def test_errors_in_plain_cloth_go_and_lone_mistakes_do_not_pull():
    flow = turning() + np.random.default_rng(1).normal(0, 0.05, (1, 2, *CELLS)).astype(np.float32)
    flow[:, :, 10:13, 20:23] += 3.0
    out = on_person(flow, np.zeros(CELLS, np.float32), whole())
    assert np.abs(out - turning()).mean() < 0.35 * np.abs(flow - turning())[..., :9, :].mean()
    assert np.abs(out - turning())[..., 10:13, 20:23].max() < 0.3


def test_in_texture_each_part_keeps_its_own_motion():
    flow = np.zeros((1, 2, *CELLS), np.float32)
    flow[:, 0, :, 26:] = 1.0  # an arm beside a still body
    plain, textured = (on_person(flow, np.full(CELLS, power, np.float32), whole()) for power in (0.0, 400.0))
    error, error_textured = np.abs(plain - flow).mean(), np.abs(textured - flow).mean()
    assert error_textured < 0.5 * error


def test_the_background_and_a_still_picture_are_left_alone():
    mask = whole()
    mask[..., 160:] = 0.0
    flow = np.random.default_rng(2).normal(0, 1, (1, 2, *CELLS)).astype(np.float32)
    out = on_person(flow, np.zeros(CELLS, np.float32), mask)
    assert np.array_equal(out[..., 21:], flow[..., 21:])
    assert not np.array_equal(out[..., :19], flow[..., :19])
    assert not on_person(0 * flow, np.zeros(CELLS, np.float32), whole()).any()


def test_texture_is_where_the_picture_has_steps():
    grey = np.full((192, 320), 90, np.uint8)
    grey[:, 160::4] = 200
    texture = texture_of(grey, CELLS)
    assert texture.shape == CELLS
    assert texture[:, :19].max() == 0.0
    assert texture[:, 21:].min() > 100.0

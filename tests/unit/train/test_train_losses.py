# SPDX-License-Identifier: Apache-2.0
"""The loss on outlines: what is to become garment, or to cease to be, counts; what is merely dyed does not."""

import pytest
import torch

from mirage_lsd.worker.train.learning.losses import LEAST_CHANGE, shape_loss
from mirage_lsd.worker.train.samples.coverage import UPPER

SIZE = (1, 64, 96)
GREY, RED = 0.3, (0.9, 0.1, 0.1)
SLEEVE = (slice(None), slice(20, 40), slice(10, 30))  # bare so far
CHEST = (slice(None), slice(20, 50), slice(30, 60))  # garment already


def worn():
    """A grey source whose chest alone is garment."""
    labels = torch.zeros(SIZE, dtype=torch.uint8)
    labels[CHEST] = UPPER
    return torch.full((1, 3, *SIZE[1:]), GREY), labels


def layer(*places):
    """Buffers of a red upper garment at some places."""
    buffers = torch.zeros(1, 8, *SIZE[1:])
    buffers[:, :3] = torch.tensor(RED)[None, :, None, None]
    for place in places:
        buffers[:, 3][place] = 1.0
        buffers[:, 4][place] = 1.0
    return buffers


def raw_of(buffers):
    """What the decoder would have to say for these buffers."""
    return torch.cat([buffers[:, :3], 16.0 * buffers[:, 3:] - 8.0], 1)


def undyed():
    return torch.ones(1, 3, *SIZE[1:]), torch.ones(1, 2, 3), torch.zeros(1, 3, *SIZE[1:])


def loss_of(found, target, new_scene=False):
    return float(shape_loss(raw_of(found), target, *worn(), undyed(), torch.tensor([new_scene])))


def test_a_true_outline_costs_next_to_nothing_and_a_missing_one_all():
    assert loss_of(layer(SLEEVE, CHEST), layer(SLEEVE, CHEST)) < 0.03
    assert loss_of(layer(CHEST), layer(SLEEVE, CHEST)) > 0.92


def test_half_a_sleeve_is_half_right():
    half = (slice(None), slice(20, 40), slice(20, 30))
    assert loss_of(layer(half, CHEST), layer(SLEEVE, CHEST)) == pytest.approx(0.5, abs=0.05)


def test_what_is_painted_beside_the_outline_counts_against_it():
    beside = (slice(None), slice(40, 60), slice(10, 30))  # as large as the sleeve
    assert loss_of(layer(SLEEVE, beside, CHEST), layer(SLEEVE, CHEST)) == pytest.approx(0.5, abs=0.05)


def test_another_wrong_colour_is_not_right():
    blue = layer(SLEEVE, CHEST)
    blue[:, :3] = torch.tensor([0.1, 0.1, 0.9])[None, :, None, None]
    assert loss_of(blue, layer(SLEEVE, CHEST)) > 0.92


def test_cloth_that_stays_cloth_is_left_out():
    assert loss_of(layer(), layer(CHEST)) == 0.0
    assert loss_of(layer(SLEEVE), layer(SLEEVE, CHEST)) < 0.03


def test_uncovered_background_counts_and_a_new_scene_beside_the_person_does_not():
    gone, background = layer(CHEST), layer(CHEST)
    for buffers in (gone, background):
        buffers[:, 7] = 1.0  # all of it shows what is behind
        buffers[:, 4] = 0.0
    assert loss_of(gone, gone) < 0.03 and loss_of(layer(), gone) > 0.92
    background[:, 3] = 1.0
    assert loss_of(gone, background) > 0.5, "words that keep the scene do not paint over it"
    assert loss_of(gone, background, new_scene=True) < 0.03, "a scene is judged elsewhere"


def test_a_few_pixels_do_not_count():
    dot = (slice(None), slice(2, 4), slice(2, 4))
    assert 4 / (SIZE[1] * SIZE[2]) < LEAST_CHANGE
    assert loss_of(layer(), layer(dot)) == 0.0


def test_it_teaches_where_the_outline_is_nearly_decided():
    raw = raw_of(layer(SLEEVE, CHEST))
    raw[:, 3][SLEEVE] = -0.6  # not painted, but close
    raw.requires_grad_(True)
    shape_loss(raw, layer(SLEEVE, CHEST), *worn(), undyed(), torch.tensor([False])).backward()
    assert (raw.grad[:, 3][SLEEVE] < 0).all()

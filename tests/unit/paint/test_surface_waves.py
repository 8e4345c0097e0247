# SPDX-License-Identifier: Apache-2.0
"""Waves of the body surface: what they say of a place, and that a grown net starts as the one it was."""
import numpy as np
import torch

from mirage_lsd.worker.models.config import FARTHEST, TINY, WAVES
from mirage_lsd.worker.models.nets.blocks import RefineBlock
from mirage_lsd.worker.models.nets.encoder import SourceEncoder, surface_waves


def test_waves_are_those_of_the_coordinates():
    surface = torch.tensor([0.3, -0.2, 1.1])[None, :, None, None].expand(1, 3, 2, 2)
    sines, cosines = surface_waves(surface).chunk(2, dim=1)
    angles = [2 * np.pi * float(surface[0, channel, 0, 0]) / length for channel, length in WAVES]
    assert np.allclose(sines[0, :, 1, 1], np.sin(angles), atol=1e-5)
    assert np.allclose(cosines[0, :, 1, 1], np.cos(angles), atol=1e-5)


def test_places_a_centimetre_apart_differ_and_far_ones_are_not_mistaken():
    """The shortest wave tells a centimetre apart, the longest every place of a body from every other."""
    places = torch.arange(-0.79, 0.79, 0.01)
    surface = torch.zeros(1, 3, 1, len(places))
    surface[0, 1, 0] = places
    said = surface_waves(surface)[0, :, 0].T
    apart = torch.cdist(said, said) + 10.0 * torch.eye(len(places))
    assert apart.min() > 0.3


def test_wild_coordinates_stay_finite_and_still():
    wild = torch.full((1, 3, 1, 1), 1e6)
    assert torch.equal(surface_waves(wild), surface_waves(torch.full((1, 3, 1, 1), FARTHEST)))


def test_waves_reach_the_denoisers_features_but_learn_nothing_of_the_surface():
    torch.manual_seed(0)
    encoder = SourceEncoder(TINY).eval()
    source, mask = torch.rand(1, 3, 64, 96), torch.ones(1, 1, 64, 96)
    before = encoder(source, mask)[0]
    torch.nn.init.normal_(encoder.placed.weight)
    after = encoder(source, mask)[0]
    assert (after - before).abs().max() > 0.1
    encoder(source, mask)[0].square().sum().backward()
    assert encoder.placed.weight.grad.abs().max() > 0
    assert encoder.locate.out.weight.grad is None, "surface must learn from its own loss alone"


def test_a_new_block_hardly_changes_a_net():
    torch.manual_seed(0)
    block, x = RefineBlock(24).eval(), torch.randn(1, 24, 16, 16)
    assert (block(x) - x).abs().max() < 0.1 * x.abs().max()

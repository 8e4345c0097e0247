# SPDX-License-Identifier: Apache-2.0
"""Muon: even steps for matrices, AdamW's own for the rest, and a state that can be saved."""

import io

import pytest

torch = pytest.importorskip("torch")
from torch import nn

from mirage_lsd.worker.train.learning.muon import Muon, is_matrix

ADAMW_RMS = 0.2  # what an element of its step is about, as a share of the rate


@pytest.mark.parametrize("shape", [(24, 200), (200, 24), (64, 64), (32, 16, 3, 3)])
def test_all_directions_count_alike(shape):
    """What a step takes off a filter, as a matrix, has singular values that are about the same."""
    weights = nn.Parameter(torch.zeros(shape))
    uneven = torch.randn(shape, generator=torch.Generator().manual_seed(1)).flatten(1)
    uneven = uneven @ torch.diag(torch.logspace(0, -1.5, uneven.shape[1]))
    weights.grad = uneven.view(shape)
    Muon([weights], lr=1.0, weight_decay=0.0).step()
    step = -weights.detach().flatten(1)
    before, after = torch.linalg.svdvals(uneven), torch.linalg.svdvals(step)
    assert before[0] / before[-1] > 2.5
    assert (after[:-1] > 0.3 / 1.4 * after[0]).all()
    assert (step * uneven).sum() > 0


def test_filters_that_others_write_to_are_moved_where_they_are():
    """Replicas and resumed runs copy values into the nets; the optimizer's matrix must be the same memory."""
    net = nn.Conv2d(32, 48, 3, bias=False)
    optimizer = Muon([net.weight], lr=1e-2, weight_decay=0.0)
    net.load_state_dict({"weight": torch.full_like(net.weight, 5.0)})
    net(torch.randn(1, 32, 8, 8, generator=torch.Generator().manual_seed(4))).square().mean().backward()
    optimizer.step()
    moved = (net.weight.detach() - 5.0).abs()
    assert 0.0 < float(moved.mean()) < 0.1
    optimizer.zero_grad()
    assert net.weight.grad is None


def test_steps_of_a_filter_are_as_large_as_adamws():
    filters = nn.Conv2d(32, 48, 3).weight
    start = filters.detach().clone()
    filters.grad = torch.randn(filters.shape, generator=torch.Generator().manual_seed(2))
    Muon([filters], lr=1e-2, weight_decay=0.0).step()
    assert float((filters.detach() - start).square().mean().sqrt()) == pytest.approx(1e-2 * ADAMW_RMS, rel=0.25)


def test_what_is_no_matrix_moves_as_with_adamw():
    generator = torch.Generator().manual_seed(3)
    mine = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((40,), (32, 1, 3, 3), (4, 60))]
    assert not any(map(is_matrix, mine))
    theirs = [nn.Parameter(one.detach().clone()) for one in mine]
    settings = {"lr": 1e-2, "betas": (0.9, 0.98), "weight_decay": 1e-2}
    optimizers = Muon(mine, **settings), torch.optim.AdamW(theirs, **settings)
    for _ in range(5):
        for one, other in zip(mine, theirs, strict=True):
            one.grad = torch.randn(one.shape, generator=generator)
            other.grad = one.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_a_saved_state_goes_on_as_if_nothing_had_happened():
    def gradients(seed):
        return [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for shape in ((16, 40), (16,))]

    def made():
        return [nn.Parameter(torch.ones(16, 40)), nn.Parameter(torch.ones(16))]

    def moved(optimizer, parameters, seed):
        for parameter, gradient in zip(parameters, gradients(seed), strict=True):
            parameter.grad = gradient
        optimizer.step()

    first = made()
    optimizer = Muon(first, lr=1e-2)
    moved(optimizer, first, 1)
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    second = [nn.Parameter(one.detach().clone()) for one in first]
    resumed = Muon(second, lr=1e-2)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    moved(optimizer, first, 2)
    moved(resumed, second, 2)
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)

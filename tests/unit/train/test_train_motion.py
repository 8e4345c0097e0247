# SPDX-License-Identifier: Apache-2.0
"""The motion stage: its pairs are made as live, errors mean the same at every size, the net learns from them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from toy_world import write_toy_world

from mirage_lsd.worker.models.nets.tiny import MirageTiny
from mirage_lsd.worker.tracking.motion import Motion
from mirage_lsd.worker.train.recipe import StageConfig
from mirage_lsd.worker.train.runs import Stage
from mirage_lsd.worker.train.samples.compose import compose_source
from mirage_lsd.worker.train.samples.dataset import open_world
from mirage_lsd.worker.train.samples.loader import stack
from mirage_lsd.worker.train.samples.true_flow import AROUND_CELLS, spread
from mirage_lsd.worker.train.stages.motion import as_live, body_losses, shrunk, train_motion


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return open_world(write_toy_world(tmp_path_factory.mktemp("world") / "train"))


def batch_of(world, count=6):
    return stack([compose_source(world, np.random.default_rng((3, i)), 2, (320, 192)) for i in range(count)])


def test_true_motion_leads_back_to_where_things_were(world):
    batch = batch_of(world)
    assert batch["flow"].shape == (6, 2, 2, 24, 40)
    moves = batch["flow"][:, 1, 0] * (batch["labels"][:, 1, 4::8, 4::8] > 0)
    compared = 0
    for before, now, moved in zip(batch["labels"][:, 0], batch["labels"][:, 1], moves, strict=True):
        middles = [float(torch.nonzero(labels > 0)[:, 1].float().mean()) for labels in (before, now)]
        if moved.abs().max() > 0.1:
            assert np.sign(middles[0] - middles[1]) == np.sign(float(moved.sum()))
            compared += 1
    assert compared > 0


def test_what_is_put_on_around_a_person_moves_as_they_do():
    flow, inside = np.zeros((9, 12, 2), np.float32), np.zeros((9, 12, 1), bool)
    flow[3:6, 4:6], inside[3:6, 4:6] = (2.0, -1.0), True
    flow[0, 0] = 7.0  # of the background
    for step in range(1, AROUND_CELLS + 1):
        flow, inside = spread(flow, inside)
        known = np.zeros((9, 12), bool)
        known[3 - step : 6 + step, 4 - step : 6 + step] = True
        assert np.array_equal(inside[..., 0], known)
        assert np.allclose(flow[known], (2.0, -1.0))


def test_pairs_are_the_same_at_every_working_size(world):
    batch = batch_of(world, 2)
    whole, half = shrunk(batch, 1.0), shrunk(batch, 0.5)
    assert whole["grey"].shape == half["grey"].shape == (2, 2, 192, 320)
    assert half["source"].shape == (2, 2, 3, 96, 160) and half["flow"].shape == (2, 2, 12, 20)
    assert torch.allclose(half["flow"].mean(), 0.5 * whole["flow"].mean(), atol=1e-3)
    model = MirageTiny().eval()
    flow, evidence, regions, surface = as_live(model, half, Motion())
    assert flow.shape == (2, 2, 12, 20) and evidence.shape == (2, 28, 12, 20)
    assert regions.shape == (2, 8, 12, 20) and surface.shape == (2, 3, 24, 40)


def test_a_fresh_net_adds_nothing_and_learns(world, tmp_path):
    torch.manual_seed(0)
    model = MirageTiny().eval()
    pair = shrunk(batch_of(world), 1.0)
    flow, *rest = as_live(model, pair, Motion())
    assert torch.equal(model.body_motion(flow, *rest), flow)
    again = as_live(model, pair, Motion(), corrected=1)
    assert all(torch.equal(one, two) for one, two in zip(again, (flow, *rest), strict=True))
    first = body_losses(model, pair, Motion())["motion"]
    train_motion(model, Stage(world, tmp_path, StageConfig(10, 60.0, 4, 2e-3, frames=2), (320, 192), report=str))
    optimizer = torch.optim.AdamW(model.body_motion.parameters(), 2e-3)
    for _ in range(80):  # on the same pairs: a stage as short as a test's shows little on others
        optimizer.zero_grad()
        model.body_motion.train()
        body_losses(model, pair, Motion())["motion"].backward()
        optimizer.step()
    last = body_losses(model.eval(), pair, Motion())["motion"]
    assert last < 0.8 * first
    corrected, evidence, *_ = as_live(model, pair, Motion(), corrected=1)
    assert torch.equal(corrected, model.body_motion(flow, *rest))
    assert not torch.equal(evidence, rest[0])
    assert (tmp_path / "motion-sheet.png").is_file()

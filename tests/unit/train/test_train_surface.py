# SPDX-License-Identifier: Apache-2.0
"""The surface stage: its samples, its losses, and that what it must hold stays what it was."""
import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from toy_world import write_toy_world

from mirage_lsd.worker.models.nets.tiny import MirageTiny
from mirage_lsd.worker.train.learning.losses import surface_losses
from mirage_lsd.worker.train.recipe import StageConfig
from mirage_lsd.worker.train.runs import Stage, frame_of
from mirage_lsd.worker.train.samples.compose import compose_source
from mirage_lsd.worker.train.samples.coverage import UPPER
from mirage_lsd.worker.train.samples.dataset import open_world
from mirage_lsd.worker.train.samples.loader import stack
from mirage_lsd.worker.train.stages.surface import source_losses, train_surface


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return open_world(write_toy_world(tmp_path_factory.mktemp("world") / "train"))


def batch_of(world, count=3):
    return stack([compose_source(world, np.random.default_rng((2, i)), 1, (128, 96)) for i in range(count)])


def test_a_source_comes_with_its_own_surface(world):
    batch = batch_of(world, 12)
    assert batch["source"].shape == (12, 1, 3, 96, 128) and batch["surface"].shape == (12, 1, 3, 24, 32)
    assert 0 <= batch["source"].min() and batch["source"].max() <= 1 and 0 <= batch["mask"].min() <= 1
    for labels, surface in zip(batch["labels"][:, 0], batch["surface"][:, 0], strict=True):
        person = labels[2::4, 2::4] > 0
        assert surface[1].diff(dim=0)[person[1:]].mean() < -0.005  # z grows upwards
        assert surface[0].diff(dim=1)[person[:, 1:]].mean().abs() > 0.005


def test_errors_on_the_upper_garment_count_most():
    true, labels = torch.zeros(1, 3, 8, 8), torch.zeros(1, 32, 32, dtype=torch.uint8)
    labels[:, :, 16:] = UPPER
    on_cloth, elsewhere = true.clone(), true.clone()
    on_cloth[:, :2, :, 5:] = 0.02
    elsewhere[:, :2, :, :2] = 0.02
    cloth, other = (surface_losses(found, true, labels)["surface"] for found in (on_cloth, elsewhere))
    assert cloth > 10 * other > 0
    bumpy = true.clone()
    bumpy[:, 1, ::2] = 0.02
    steps = [surface_losses(found, true, labels)["surface_steps"] for found in (bumpy, true + 0.1)]
    assert steps[0] > 0 and steps[1] == 0


def test_the_surface_learns_and_what_the_other_nets_are_told_is_held(world, tmp_path):
    torch.manual_seed(0)
    model = MirageTiny()
    before = copy.deepcopy(model.encoder).eval()
    now = frame_of(batch_of(world), 0)
    first = source_losses(model.encoder.eval(), before, now)
    assert first["held"] == 0
    train_surface(model, Stage(world, tmp_path, StageConfig(100, 60.0, 2, 2e-3), (128, 96), report=str))
    last = source_losses(model.encoder.eval(), before, now)
    assert last["surface"] < 0.8 * first["surface"]
    assert all(torch.equal(one, other) for one, other in
               zip(model.encoder.stem.state_dict().values(), before.stem.state_dict().values(), strict=True))
    assert all(parameter.requires_grad for parameter in model.encoder.parameters())
    with torch.no_grad():
        shifted = source_losses(model.encoder, MirageTiny().encoder.eval(), now)
    assert 0 < last["held"] < 0.3 * shifted["held"]


def test_the_decoders_guide_holds_stem_and_parts_and_leaves_the_parts_alone():
    torch.manual_seed(0)
    encoder = MirageTiny().encoder
    source, mask = torch.rand(2, 3, 64, 96), torch.rand(2, 1, 64, 96)
    guide = encoder.features(source, mask)[4]
    stem = encoder.stem_features(source, mask)
    assert guide.shape == (2, 56, 16, 24) and torch.allclose(guide[:, :32], stem, atol=1e-5)
    assert guide[:, 32:].abs().max() > 0
    guide.sum().backward()
    assert encoder.parse.weight.grad is None and encoder.locate.out.weight.grad is None
    assert encoder.parsed[0].weight.grad.abs().max() > 0 and encoder.stem[0][0].weight.grad.abs().max() > 0
    unparsed = encoder.unparsed(source, mask)
    assert torch.allclose(unparsed[:, :32], stem, atol=1e-5) and not unparsed[:, 32:].any()

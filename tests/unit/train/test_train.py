# SPDX-License-Identifier: Apache-2.0
"""Training: samples keep their promises, and stages move what they should."""
import copy
from collections import Counter

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from safetensors.torch import save_file
from toy_world import write_toy_world

from mirage_lsd.worker.models.nets.tiny import MirageTiny
from mirage_lsd.worker.train.learning.echo import met_again
from mirage_lsd.worker.train.recipe import StageConfig
from mirage_lsd.worker.train.runs import Stage
from mirage_lsd.worker.train.samples.compose import compose
from mirage_lsd.worker.train.samples.coverage import CHANGED_LABELS
from mirage_lsd.worker.train.samples.dataset import DatasetError, open_world
from mirage_lsd.worker.train.samples.loader import Loader
from mirage_lsd.worker.train.stages.decoder import KEPT, MET, train_decoder, with_latents
from mirage_lsd.worker.train.stages.denoise import train_denoiser
from mirage_lsd.worker.train.stages.schedule import train_schedule
from mirage_lsd.worker.train.stages.stream import train_stream
from mirage_lsd.worker.train.train_run import start_from


@pytest.fixture(scope="module")
def world_dir(tmp_path_factory):
    return write_toy_world(tmp_path_factory.mktemp("world") / "train")


def samples(world, count, frames=2, size_px=(128, 96)):
    return [compose(world, np.random.default_rng((5, i)), frames, size_px) for i in range(count)]


def test_same_seed_same_sample(world_dir):
    world = open_world(world_dir)
    one, two = (compose(world, np.random.default_rng(9), 2, (128, 96)) for _ in range(2))
    for name in vars(one):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_what_words_do_not_name_is_not_painted(world_dir):
    world = open_world(world_dir)
    kept = changed = faces = 0
    for sample in samples(world, 60):
        upper, _, lower, hair, expression, scene, _ = sample.ids
        alpha = sample.layer[:, 3]
        assert sample.layer.min() >= 0.0 and sample.layer.max() <= 1.0
        if not sample.ids.any() and not sample.colors.any():
            assert not alpha.any()
            kept += 1
        face = sample.labels == CHANGED_LABELS["expression"][0]
        if not scene and not expression and face.sum() > 400:  # of a face at the edge new hair may cover most
            assert not alpha[face].mean() > 0.2
            faces += 1
        if upper and not scene:
            assert alpha[sample.labels == CHANGED_LABELS["upper"][0]].mean() > 0.6
            changed += 1
    assert kept and changed and faces > 5


def test_what_is_dyed_is_what_the_words_name(world_dir):
    """Only named parts have dye shares; the scene share is what the asked look leaves of the background."""
    dyed = 0
    for sample in samples(open_world(world_dir), 40):
        upper_given, lower_given, hair_given = sample.colors[:, 3]
        upper, lower, hair = sample.layer[:, 4:7].max(axis=(0, 2, 3))
        assert (upper_given or not upper) and (lower_given or not lower) and (hair_given or not hair)
        shown = sample.layer[:, 7] * sample.layer[:, 3]
        beside = sample.labels == 0
        if sample.ids[5]:
            assert shown[beside].mean() > 0.5, "a new scene is painted"
            assert sample.place.std(axis=0).max() == 0.0, "and stands still"
        dyed += bool(upper)
    assert dyed > 5


def test_uncovered_background_is_what_is_around(world_dir):
    """Where the source's person makes way, the place that is shown is made of the source's own background."""
    uncovered = 0
    for sample in samples(open_world(world_dir), 60):
        if sample.ids[5]:
            continue
        came_free = (sample.layer[:, 7] * sample.layer[:, 3] > 0.9) & (sample.labels > 0)
        sure = sample.mask[:, 0] == 0.0
        if came_free.sum() > 30 and sure.any():
            uncovered += 1
            place, source = sample.place.transpose(0, 2, 3, 1), sample.source.transpose(0, 2, 3, 1)
            low, high = source[sure].min(axis=0), source[sure].max(axis=0)
            inside = ((place[came_free] >= low - 0.02) & (place[came_free] <= high + 0.02)).mean()
            assert inside > 0.95
    assert uncovered


@pytest.mark.parametrize("stage", ["denoiser", "stream"])
def test_the_latent_space_stands_still_while_nets_learn_it(world_dir, tmp_path, stage):
    """Also for a caller whose model is in training mode: batch statistics would be noise on the targets."""
    model = MirageTiny().train()
    before = copy.deepcopy(model.layer_encoder.state_dict())
    run = {"denoiser": train_denoiser, "stream": train_stream}[stage]
    run(model, Stage(open_world(world_dir), tmp_path, StageConfig(2, 60.0, 2, 1e-4, frames=2), (128, 96), report=str))
    for name, value in model.layer_encoder.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_surface_is_of_the_source(world_dir):
    """Mirroring the picture mirrors the body: x grows to the person's left, which is the picture's right or left."""
    for sample in samples(open_world(world_dir), 12):
        person = sample.labels[0, 2::4, 2::4] > 0
        slope_x = np.diff(sample.surface[0, 0], axis=1)[person[:, 1:]].mean()
        slope_z = np.diff(sample.surface[0, 1], axis=0)[person[1:]].mean()
        assert abs(slope_x) > 0.005 and slope_z < -0.005


def test_flow_points_to_where_the_person_was(world_dir):
    """The figure moves sideways at one speed: its flow is the opposite of its motion."""
    world = open_world(world_dir)
    moved = [sample for sample in samples(world, 12) if np.abs(sample.flow[1]).max() > 0.02]
    assert moved
    for sample in moved:
        assert np.isfinite(sample.flow).all() and np.abs(sample.flow).max() < 4


def test_unfinished_and_damaged_data_sets_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="no finished data set"):
        open_world(tmp_path)
    folder = write_toy_world(tmp_path / "w", clips=1)
    (folder / "layers.npy").write_bytes(b"not numpy")
    with pytest.raises(DatasetError, match="damaged"):
        open_world(folder)


def test_the_schedules_stage_moves_the_times_and_nothing_else(world_dir, tmp_path):
    torch.manual_seed(0)
    model = MirageTiny()
    torch.nn.init.normal_(model.unet.leave[2].weight, std=0.05)
    before = copy.deepcopy(model.state_dict())
    train_schedule(model, Stage(open_world(world_dir), tmp_path, StageConfig(4, 60.0, 1, 1e-2, frames=3), (128, 96),
                                report=str))
    moved = {name for name, value in model.state_dict().items() if not value.equal(before[name])}
    assert moved and all(name.startswith("gaps.") for name in moved)
    times = model.timesteps(3)
    assert (times.diff() < 0).all() and 0 < times.min() and times.max() < 1
    assert all(parameter.requires_grad for parameter in model.unet.parameters())


def test_the_decoders_stage_moves_the_decoder_and_nothing_else(world_dir, tmp_path):
    """It learns from what the held nets end with, not from true latents."""
    model, world = MirageTiny().eval(), open_world(world_dir)
    before = copy.deepcopy(model.state_dict())
    train_decoder(model, Stage(world, tmp_path, StageConfig(4, 60.0, 2, 1e-2), (128, 96), report=str))
    moved = {name for name, value in model.state_dict().items() if not value.equal(before[name])}
    assert moved and all(name.startswith("decoder.") for name in moved)
    batch = next(iter(Loader(world, StageConfig(1, 1.0, 2, 1e-3), (128, 96), 3)))
    ended = with_latents(model, batch, torch.Generator().manual_seed(0))
    target = model.layer_encoder(batch["layer"][:, 0])
    assert ended["latent"].shape == (2, 1, *target.shape[1:]) and not ended["latent"].requires_grad
    assert (ended["latent"][:, 0] - target).abs().mean() > 0.1


def test_latents_are_met_several_times_and_all_of_them():
    order = [int(batch["n"]) for batch in met_again(({"n": torch.tensor(n)} for n in range(300)), KEPT, MET, 1)]
    met = Counter(order)
    assert order[::MET] == list(range(300)) and len(order) == 300 * MET
    assert np.median([met[n] for n in range(KEPT, 200)]) >= MET - 1


def test_batches_of_several_sizes_cost_alike(world_dir):
    config = StageConfig(1, 1.0, 2, 1e-3, scales=(0.5, 1.0))
    loader = Loader(open_world(world_dir), config, (128, 64), 3)
    shapes = {tuple(batch["source"].shape) for _, batch in zip(range(12), loader, strict=False)}
    loader.close()
    assert shapes == {(2, 1, 3, 64, 128), (8, 1, 3, 32, 64)}


def test_kept_batches_are_met_again_between_new_ones(world_dir):
    def first(count, again):
        loader = Loader(open_world(world_dir), StageConfig(1, 1.0, 1, 1e-3, again=again), (64, 64), 3)
        batches = [batch["source"] for _, batch in zip(range(count), loader, strict=False)]
        loader.close()
        return batches

    new, both = first(6, 0), first(12, 2)
    for number, fresh in enumerate(new):
        assert both[2 * number].equal(fresh)  # every second one is new, in the same order
        assert any(both[2 * number + 1].equal(kept) for kept in new[: number + 1])
    assert any(not both[2 * number + 1].equal(fresh) for number, fresh in enumerate(new))  # not just twice in a row


def test_an_error_in_the_loader_reaches_the_training(world_dir):
    world = open_world(world_dir)
    with pytest.raises(ValueError):
        next(iter(Loader(world, StageConfig(1, 1.0, 1, 1e-3, scales=()), (64, 64), 1)))


def test_a_run_may_start_from_other_weights(world_dir, tmp_path):
    """Tensors of the same name and shape are taken over; what differs starts anew."""
    model = MirageTiny()
    tensors = {name: value.detach() for name, value in model.state_dict().items()}
    taken = {"decoder.base.weight": torch.full_like(tensors["decoder.base.weight"], 0.5),
             "decoder.base.bias": torch.zeros(3), "not.there": torch.zeros(1)}
    save_file(taken, tmp_path / "old.safetensors")
    assert start_from(model, tmp_path / "old.safetensors") == 1
    assert (model.decoder.base.weight == 0.5).all()
    assert torch.equal(model.decoder.base.bias, tensors["decoder.base.bias"])

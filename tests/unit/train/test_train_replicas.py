# SPDX-License-Identifier: Apache-2.0
"""Replicas of a stage: what they leave each other, what is too old to be taken, and two that really learn together."""
import argparse

import pytest

torch = pytest.importorskip("torch")
from torch import nn

from mirage_lsd.worker.train import command
from mirage_lsd.worker.train.learning.replicas import STALE, Replicas
from mirage_lsd.worker.train.recipe import StageConfig, read_recipe
from mirage_lsd.worker.train.runs import Stage, StageRun


def filled(value):
    module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    for name, tensor in module.state_dict().items():
        tensor.fill_(7 if name.endswith("tracked") else value)
    return module


def values_of(module):
    return {float(tensor.mean()) for name, tensor in module.state_dict().items() if not name.endswith("tracked")}


def test_the_second_to_come_takes_the_mean_and_the_first_the_mean_of_that(tmp_path):
    one, two = filled(0.0), filled(1.0)
    assert Replicas(tmp_path, 0).meet("denoiser", one, 50) == 0
    assert Replicas(tmp_path, 1).meet("denoiser", two, 50) == 1
    assert values_of(one) == {0.0} and values_of(two) == {0.5}
    assert Replicas(tmp_path, 0).meet("denoiser", one, 100) == 1
    assert values_of(one) == {0.5}, "what the other left (1.0) and its own (0.0)"
    assert int(two[1].num_batches_tracked) == 7, "counts are not averaged"


def test_they_meet_only_now_and_then_in_their_own_stage_and_not_with_the_long_gone(tmp_path):
    Replicas(tmp_path, 1).meet("denoiser", filled(1.0), 100)
    here, module = Replicas(tmp_path, 0), filled(0.0)
    assert here.meet("denoiser", module, 101) == 0
    assert here.meet("stream", module, 100) == 0
    assert here.meet("denoiser", module, 100 + STALE * here.every) == 0
    assert values_of(module) == {0.0}
    assert here.meet("denoiser", module, 100 + (STALE - 1) * here.every) == 1


def test_replicas_on_different_samples_end_close_to_what_both_samples_ask_for(tmp_path):
    """One sees only 0, the other only 1: alone each would end at its own."""
    runs = []
    for own in range(2):
        module = nn.Linear(1, 1)
        nn.init.constant_(module.weight, 0.0), nn.init.constant_(module.bias, 0.5)
        config = StageConfig(400, 60.0, 1, 2e-2, replicas=Replicas(tmp_path / "met", own, every=4))
        runs.append((StageRun(Stage(None, tmp_path / str(own), config, (64, 64), report=str), "toy", module), module))
    for _ in range(400):
        for own, (run, module) in enumerate(runs):
            run._one({}, lambda _, module=module, own=own: {"gap": (module.bias - own).square().sum()})
    assert [abs(float(module.bias.detach()) - 0.5) < 0.2 for _, module in runs] == [True, True]


def options_of(tmp_path, *more):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(["--run-dir", str(tmp_path), *more])


def test_the_command_gives_each_replica_a_folder_and_samples_of_its_own(tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(command, "train", lambda config, _: begun.append(config))
    for number in (0, 1):
        options = options_of(tmp_path, "--replica", str(number), "--until", "stream")
        command.follow(command.adjusted(read_recipe(), options), options, (), str)
    first, second = begun
    assert first.run_dir == tmp_path / "base" and second.run_dir == tmp_path / "replica-1" / "base"
    assert first.seed != second.seed
    assert first.stages["stream"].replicas.folder == second.stages["stream"].replicas.folder
    alone = command.adjusted(read_recipe(), options_of(tmp_path))
    assert {stage.replicas for run in alone.runs for stage in run.stages.values()} == {None}


@pytest.mark.parametrize("more", [("--replica", "2", "--world", "w"), ("--replica", "0")])
def test_a_replica_too_many_or_without_clips_is_an_error(tmp_path, more):
    with pytest.raises(command.TrainError, match="--replica must be 0 to 1 .* and needs --world"):
        command.run(options_of(tmp_path, *more))

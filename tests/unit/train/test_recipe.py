# SPDX-License-Identifier: Apache-2.0
"""The recipe: it says what is shipped, faults are told before training, and the command makes a file of two runs."""
import argparse
import hashlib
import tomllib

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from toy_world import write_toy_world

from mirage_lsd.worker.engines import create_engine
from mirage_lsd.worker.models.graphs import GraphShapes
from mirage_lsd.worker.models.sampler import timesteps_from_gaps
from mirage_lsd.worker.models.weights import DEFAULT_WEIGHTS, WeightsError, load_weights, save_weights
from mirage_lsd.worker.train import command
from mirage_lsd.worker.train.blend import blended, write_blend
from mirage_lsd.worker.train.recipe import RECIPE, STAGES, Blend, StageConfig, TrainError, read_recipe

STAGE = 'steps = 3, seconds = 60.0, batch = 2, rate = 1e-3, frames = 3'
TWO_RUNS = f"""
name = "two runs"
[stages]
{"".join(f"{stage} = {{ {STAGE} }}" + chr(10) for stage in STAGES)}
[[step]]
name = "one"
run = {{ {", ".join(f"{stage} = {{}}" for stage in STAGES)} }}
[[step]]
name = "two"
seed = 10
start = "one"
run.stream = {{ hold_times = true, counts = {{ shape = 2.0 }} }}
[[step]]
name = "both"
blend."*" = {{ one = 0.75, two = 0.25 }}
blend."unet.*" = {{ one = 1.0 }}
timesteps.3 = [0.3, 0.2, 0.1]
"""


def recipe_file(tmp_path, text=TWO_RUNS):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


def trained(tmp_path, capsys, *more):
    """What the command prints."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    given = ["--run-dir", str(tmp_path / "run"), "--recipe", str(recipe_file(tmp_path)), "--smoke", *more]
    assert command.run(parser.parse_args(given)) == 0
    return capsys.readouterr().out


def test_the_shipped_recipe_is_of_the_shipped_file():
    described = tomllib.loads(RECIPE.read_text(encoding="utf-8"))["describes"]
    assert described["file"].endswith(DEFAULT_WEIGHTS.name)
    assert hashlib.sha256(DEFAULT_WEIGHTS.read_bytes()).hexdigest() == described["sha256"]
    recipe, shipped = read_recipe(), load_weights()
    assert list(recipe.runs[0].stages) == list(STAGES), "the first run makes every net"
    final, first = recipe.steps[-1], next(step for step in recipe.steps if step.name == "first")
    assert final.shares("unet.time8.mix.bias") == {"second": 1.0} and len(final.shares("encoder.stem.bias")) == 2
    np.testing.assert_allclose(timesteps_from_gaps(shipped["gaps.3"]), first.timesteps["3"], atol=1e-3)


def test_two_runs_and_their_blend_make_a_file_that_the_engine_runs(tmp_path, capsys):
    world = write_toy_world(tmp_path / "world")
    out = tmp_path / "shipped.safetensors"
    said = trained(tmp_path, capsys, "--world", str(world), "--out", str(out))
    assert said.count("stage ") == len(STAGES) + 1 and str(out) in said
    for stage in STAGES:
        for suffix in (".pt", ".csv", "-sheet.png"):
            assert (tmp_path / "run" / "one" / f"{stage}{suffix}").stat().st_size > 0, (stage, suffix)
    one, two, both = (load_weights(path) for path in (*(
        tmp_path / "run" / name / command.WEIGHTS for name in ("one", "two")), out))
    assert both["unet.enter.weight"].tolist() == one["unet.enter.weight"].tolist()
    name = "decoder.base.weight"
    assert not np.array_equal(one[name], two[name])
    np.testing.assert_allclose(both[name], 0.75 * one[name] + 0.25 * two[name], atol=1e-3)
    np.testing.assert_array_equal(one["gaps.2"], two["gaps.2"], "the time-steps were held")
    np.testing.assert_allclose(timesteps_from_gaps(both["gaps.3"]), [0.3, 0.2, 0.1], atol=1e-3)
    first = out.read_bytes()
    assert " step " not in trained(tmp_path, capsys, "--world", str(world), "--out", str(out)), "nothing left to do"
    assert out.read_bytes() == first
    engine = create_engine("onnx", GraphShapes((128, 96)), out, cache_dir=tmp_path)
    shapes = {tensor.name: tensor.shape for tensor in engine.specs["decode"].inputs}
    buffers = engine.run("decode", {name: np.zeros(shape, np.float32) for name, shape in shapes.items()})["buffers"]
    assert buffers.shape == (1, 8, 96, 128) and np.isfinite(buffers).all()


def test_minutes_are_shared_out_over_all_runs_and_until_keeps_the_first(tmp_path):
    options = argparse.Namespace(until=None, replica=None, minutes=9.0, smoke=False)
    recipe = command.adjusted(read_recipe(recipe_file(tmp_path)), options)
    assert [stage.seconds for run in recipe.runs for stage in run.stages.values()] == pytest.approx([60.0] * 9)
    options = argparse.Namespace(until="denoiser", replica=None, minutes=None, smoke=False)
    (only,) = command.adjusted(read_recipe(), options).steps
    assert list(only.stages) == ["autoencoder", "flow", "denoiser"]


@pytest.mark.parametrize(("old", "new", "said"), [
    ("one = 0.75", "one = 0.5", "do not add up to 1"),
    ("two = 0.25", "three = 0.25", "needs three, which no step before it makes"),
    ('start = "one"', 'start = "both"', "needs both"),
    ('name = "two"\n', 'name = "one"\n', "is there twice"),
    ('blend."*"', 'blend."flow.*"', "must say first"),
    ("run.stream =", "run.streams =", "cannot be read: KeyError: 'streams'"),
    ("hold_times", "hold_time", "unexpected keyword argument 'hold_time'"),
    ("hold_times = true", 'optimizer = "sgd"', "unknown optimizer sgd"),
    ("[stages]", "[stages", "TOMLDecodeError"),
])
def test_a_recipe_that_cannot_be_followed_is_refused_before_anything_is_trained(tmp_path, old, new, said):
    assert old in TWO_RUNS
    with pytest.raises(TrainError, match="recipe") as raised:
        read_recipe(recipe_file(tmp_path, TWO_RUNS.replace(old, new)))
    assert said in str(raised.value)


def blend_of(shares=None, **more):
    return Blend(**{"name": "mean", "blend": {"*": {"one": 0.5, "two": 0.5}, **(shares or {})}, "scale": {},
                    "timesteps": {}, **more})


def tensors(value, **more):
    return {name: np.full((2, 3), value, np.float32) for name in ("unet.a", "unet.b", "decoder.a")} | more


def test_each_net_is_averaged_by_its_own_shares_and_the_last_pattern_counts():
    step = blend_of({"unet.*": {"one": 0.25, "two": 0.75}, "unet.b": {"two": 1.0}}, scale={"decoder.*": 0.5})
    result = blended(step, {"one": tensors(0.0), "two": tensors(4.0)})
    assert {name: float(value.mean()) for name, value in result.items()} == {
        "unet.a": 3.0, "unet.b": 4.0, "decoder.a": 1.0}


@pytest.mark.parametrize("other", [{"unet.b": np.zeros((2, 4), np.float32)}, {"unet.new": np.zeros(1, np.float32)}])
def test_runs_of_other_forms_are_not_averaged(other):
    with pytest.raises(TrainError, match=r"cannot average one and two.*1 tensors differ, the first is unet\.(b|new)"):
        blended(blend_of(), {"one": tensors(0.0), "two": tensors(1.0, **other)})


def test_a_pattern_that_no_tensor_is_named_like_is_an_error():
    with pytest.raises(TrainError, match=r"no tensor is named like decodr\.\*"):
        blended(blend_of({"decodr.*": {"one": 1.0}}), {"one": tensors(0.0), "two": tensors(1.0)})


@pytest.mark.parametrize("times", [[0.5, 0.6, 0.1], [1.0, 0.5, 0.1], [0.5, 0.2]])
def test_time_steps_must_fall_and_be_as_many_as_they_are_called(times):
    with pytest.raises(TrainError, match="the time-steps of 3 steps must be 3, falling"):
        blended(blend_of(timesteps={"3": times}), {name: tensors(1.0, **{"gaps.3": np.zeros(4, np.float32)})
                                                   for name in ("one", "two")})


def test_weights_of_another_architecture_are_not_averaged(tmp_path):
    made = {name: tmp_path / f"{name}.safetensors" for name in ("one", "two")}
    for path in made.values():
        save_weights(tensors(1.0), path)
    made["two"].write_bytes(made["two"].read_bytes().replace(b"mirage-lsd-tiny/8", b"mirage-lsd-tiny/7"))
    with pytest.raises(WeightsError, match="'mirage-lsd-tiny/7'"):
        write_blend(blend_of(), made, tmp_path / "out.safetensors", {})


def test_losses_weigh_as_a_recipe_says(tmp_path):
    from mirage_lsd.worker.train.runs import Stage, StageRun

    net = torch.nn.Linear(1, 1, bias=False)
    config = StageConfig.of({"steps": 1, "seconds": 60.0, "batch": 1, "rate": 1e-3, "counts": {"shape": 0.0}})
    run = StageRun(Stage(None, tmp_path, config, (64, 64), report=str), "toy", net)
    run._one({}, lambda _: {"shape": 5.0 * net.weight.sum(), "latent": -1e-3 * net.weight.sum()})
    assert float(net.weight.grad) < 0.0, "only what counts pulls"

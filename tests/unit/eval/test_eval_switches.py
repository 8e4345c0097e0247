# SPDX-License-Identifier: Apache-2.0
"""The ablation switches: each takes away what it names, on the real graphs (small, random weights, torch engine)."""

import numpy as np
import pytest

pytest.importorskip("skimage", reason="scikit-image (training extra) is not installed")
pytest.importorskip("torch", reason="torch (training extra) is not installed")
pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")

from mirage_lsd.worker.eval.play import play
from mirage_lsd.worker.eval.switches import (
    EnginePool,
    EvalHost,
    SwitchedEngine,
    Switches,
    cut_weights,
    plain_upscale,
)

SHAPE_PX = (64, 64)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights in which every part has something to say (some start at zero)."""
    from mirage_lsd.worker.engines.device.eager import model_tensors
    from mirage_lsd.worker.models.nets.tiny import MirageTiny
    from mirage_lsd.worker.models.weights import save_weights

    rng = np.random.default_rng(1)
    tensors = {name: value + rng.normal(0, 0.05, value.shape).astype(np.float32) * ("unet" in name)
               for name, value in model_tensors(MirageTiny()).items()}
    tensors |= {name: value + np.linspace(0, 0.6, value.size, dtype=np.float32)
                for name, value in tensors.items() if name.startswith("gaps.")}
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_weights(tensors, path)
    return path


@pytest.fixture
def pool(weights, tmp_path):
    return EnginePool(tmp_path, weights, "eager")


def engine(pool, *off):
    from mirage_lsd.worker.models.graphs import GraphShapes

    switches = Switches.without(*off)
    return SwitchedEngine(pool.engine_for(switches, GraphShapes(SHAPE_PX)), switches)


def inputs(runner, graph, seed=0, **given):
    rng = np.random.default_rng(seed)
    made = {}
    for tensor in runner.specs[graph].inputs:
        made[tensor.name] = (rng.random(tensor.shape) * (tensor.dtype == "float32")).astype(tensor.dtype)
    if "history" in made:
        made["history"] = np.ones((1, 2), np.float32)
    return {**made, **given}


def velocity(runner, given):
    """The velocity of a denoising step after recalling what is given."""
    recalled = runner.run("recall", given)
    return runner.run("denoise", inputs(runner, "denoise", **recalled))["velocity"]


def velocity_change(runner, *names):
    """How much the velocity changes when these inputs are other ones."""
    first, second = inputs(runner, "recall"), inputs(runner, "recall", seed=9)
    other = {**first, **{name: second[name] for name in names}}
    return float(np.abs(velocity(runner, first) - velocity(runner, other)).max())


def test_with_everything_on_the_past_matters(pool):
    assert velocity_change(engine(pool), "a16", "a32") > 1e-4
    assert velocity_change(engine(pool), "c8") > 1e-4


def test_without_cache_nothing_of_the_past_matters(pool):
    assert velocity_change(engine(pool, "cache"), "c8", "c16", "c32", "a16", "a32") == 0.0


def test_without_attention_the_anchor_is_not_seen_but_the_caches_are(pool):
    assert velocity_change(engine(pool, "attention"), "a16", "a32") < 1e-5
    assert velocity_change(engine(pool, "attention"), "c8") > 1e-4


def test_without_temporal_convolutions_only_attention_sees_the_past(pool):
    assert velocity_change(engine(pool, "temporal"), "c8") < 1e-6  # 1/8 has no attention
    assert velocity_change(engine(pool, "temporal"), "a16", "a32") > 1e-4


def test_cut_weights_leave_the_original_alone():
    bias, mix = np.ones((4, 4), np.float32), np.ones((2, 2), np.float32)
    tensors = {"unet.attend16.source_bias": bias, "unet.time8.mix.weight": mix}
    cut = cut_weights(tensors, Switches.without("attention", "temporal"))
    assert (cut["unet.attend16.source_bias"][:, [0, 3]] == 1).all()
    assert (cut["unet.attend16.source_bias"][:, 1:3] == -30).all() and not cut["unet.time8.mix.weight"].any()
    assert (bias == 1).all() and (mix == 1).all()


@pytest.mark.parametrize(("part", "graph", "gone"), [
    ("flow", "flow", ("flow", "occlusion")),
    ("flow", "motion", ("motion",)),
    ("hidden_state", "warp", ("latent_out",)),
    ("prediction", "denoise", ("velocity",)),
])
def test_outputs_that_are_switched_off_are_zero_and_others_are_not(pool, part, graph, gone):
    runner = engine(pool, part)
    on = engine(pool).run(graph, inputs(runner, graph))
    off = runner.run(graph, inputs(runner, graph))
    for name, value in off.items():
        assert value.any() == (name not in gone)
        assert on[name].any()
        assert name in gone or np.array_equal(value, on[name])


def test_the_plain_upscaler_hands_the_layer_through():
    buffers = np.random.default_rng(2).random((1, 8, 32, 64), np.float32)
    result = plain_upscale(buffers)
    assert result["layer"][0, :, 3, 5] == pytest.approx(255 * buffers[0, 2::-1, 3, 5])
    alpha, scene = buffers[0, (3, 7), 3, 5]
    assert result["mask"][0, :, 3, 5] == pytest.approx((0, 0.5 + 6 * (alpha - 0.3 - 0.2 * scene), 0))


def test_the_runtime_plays_a_film_on_the_host(pool, monkeypatch):
    from mirage_lsd.shared.messages.settings import StreamSettings
    from mirage_lsd.worker.paint.detail.refined import Refiner
    from mirage_lsd.worker.tracking.person_memory import PersonMemory

    # What is held of the source is no part of the model's memory, and no switch turns it off; nor is what the source
    # knows of its people, of whom there are none in this one.
    monkeypatch.setattr(Refiner, "__call__", lambda self, source, working, maps, *others: maps)
    monkeypatch.setattr(PersonMemory, "__call__", lambda self, mask, picture, motion: mask)
    monkeypatch.setattr(PersonMemory, "observe", lambda self, mask, background: None)

    rng = np.random.default_rng(3)
    still = np.ascontiguousarray(np.kron(rng.integers(0, 256, (4, 8, 4)), np.ones((45, 40, 1))).astype(np.uint8))
    settings = StreamSettings(prompt="red jacket", steps=2, working_size="small")
    films = {off: play(EvalHost(pool, Switches.without(*off)), [still] * 3, settings, want_alpha=True)
             for off in ((), ("hidden_state", "cache", "attention"), ("schedule",))}
    model, alone, uniform = films.values()
    assert len(model.pictures) == len(model.alphas) == len(model.frame_ms) == 3
    assert model.pictures[0].shape == (180, 320, 3) and model.alphas[0].shape == (180, 320)
    assert not np.array_equal(model.pictures[0], model.pictures[2]), "history should matter"
    assert np.array_equal(alone.pictures[0], alone.pictures[2]), "without memory a still stays as it is"
    assert not np.array_equal(model.pictures[0], uniform.pictures[0]), "the schedule should matter"

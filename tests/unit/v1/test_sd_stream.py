# SPDX-License-Identifier: Apache-2.0
"""v1's temporal parts, edit control and graphs: what a stream of frames relies on."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import sd_stream

from mirage_lsd.worker.v1.graphs.config import SMALL_RANDOM, TEMPORAL_OFF, TemporalConfig
from mirage_lsd.worker.v1.graphs.graphs import GRAPH_NAMES, cache_names, graph_specs
from mirage_lsd.worker.v1.graphs.noise import NoiseSource
from mirage_lsd.worker.v1.graphs.schedule import FewStepSchedule
from mirage_lsd.worker.v1.graphs.shapes import SdShapes, sd_shapes_for
from mirage_lsd.worker.v1.graphs.warping import at_level, moved, moved_noise
from mirage_lsd.worker.v1.nets.model import graph_modules
from mirage_lsd.worker.v1.nets.random_model import random_model

SHAPES = SdShapes((320, 180), (192, 104))


@pytest.fixture(scope="module")
def model():
    return random_model(SMALL_RANDOM, seed=0)


@pytest.mark.parametrize(("temporal", "dtype"), [(TemporalConfig(), "float32"), (TEMPORAL_OFF, "float32"),
                                                 (TemporalConfig(anchor=False, convs=False), "float32"),
                                                 (TemporalConfig(), "float16")])
def test_every_graph_keeps_its_specification(temporal: TemporalConfig, dtype: str) -> None:
    config = replace(SMALL_RANDOM, temporal=temporal)
    specs, modules = graph_specs(SHAPES, config, dtype), graph_modules(random_model(config, dtype=dtype), SHAPES)
    assert tuple(specs) == tuple(modules) == GRAPH_NAMES
    for name, spec in specs.items():
        with torch.inference_mode():
            found = modules[name](*(sd_stream.random_input(tensor) for tensor in spec.inputs))
        found = found if isinstance(found, tuple) else (found,)
        wanted = [(tensor.name, tensor.shape, f"torch.{tensor.dtype}") for tensor in spec.outputs]
        assert [(w[0], tuple(f.shape), str(f.dtype)) for w, f in zip(wanted, found, strict=True)] == wanted
        assert all(bool(torch.isfinite(value.float()).all()) for value in found), name


def denoised(model, past_scale: float, history: tuple[float, float], occlusion: float = 0.0) -> dict:
    """One step with caches of random values times past_scale."""
    spec = graph_specs(SHAPES, model.config)["denoise"]
    torch.manual_seed(11)
    inputs = {tensor.name: sd_stream.random_input(tensor) for tensor in spec.inputs}
    plan = model.schedule.plan(4)
    inputs |= {"timestep": torch.from_numpy(plan.timesteps[1:2]), "step": torch.from_numpy(plan.steps[1:2]),
               "history": torch.tensor([history]), "occlusion": torch.full_like(inputs["occlusion"], occlusion),
               "edit_mask": torch.ones_like(inputs["edit_mask"])}
    for name in inputs:
        if name[:2] == "kv" or name[0] in "ac" and name[1:].isdigit():
            inputs[name] = inputs[name] * past_scale
    with torch.inference_mode():
        found = graph_modules(model, SHAPES)["denoise"](*(inputs[name] for name in spec.input_names))
    return dict(zip(spec.output_names, found, strict=True))


def test_without_history_the_past_does_not_show(model) -> None:
    a, b = (denoised(model, scale, (0.0, 0.0)) for scale in (1.0, 50.0))
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("history", [(1.0, 0.0), (0.0, 1.0)], ids=["previous frame", "anchor"])
def test_with_history_the_past_shows(model, history: tuple[float, float]) -> None:
    a, b = (denoised(model, scale, history)["latent_out"] for scale in (1.0, 5.0))
    assert (a - b).abs().max() > 1e-3


def test_what_was_hidden_before_is_not_asked(model) -> None:
    a, b = (denoised(model, scale, (1.0, 0.0), occlusion=1.0)["latent_out"] for scale in (1.0, 5.0))
    assert torch.equal(a, b)


def test_untrained_temporal_convolutions_change_nothing() -> None:
    results = []
    for convs in (True, False):
        temporal = TemporalConfig(attention=False, anchor=False, convs=convs)
        results.append(denoised(random_model(replace(SMALL_RANDOM, temporal=temporal)), 1.0, (1.0, 1.0))["latent_out"])
    assert torch.equal(*results)


def test_a_frame_seen_again_answers_as_itself(model) -> None:
    """kv written by one step and read by the next identical one give back that frame's own answer: the layers find
    their own part of the cache."""
    first = denoised(model, 0.0, (0.0, 0.0))
    spec = graph_specs(SHAPES, model.config)["denoise"]
    torch.manual_seed(11)
    inputs = {tensor.name: sd_stream.random_input(tensor) for tensor in spec.inputs}
    plan = model.schedule.plan(4)
    inputs |= {"timestep": torch.from_numpy(plan.timesteps[1:2]), "step": torch.from_numpy(plan.steps[1:2]),
               "history": torch.tensor([[1.0, 1.0]]), "occlusion": torch.zeros_like(inputs["occlusion"]),
               "edit_mask": torch.ones_like(inputs["edit_mask"])}
    inputs |= {name: first[f"{name}_out"] for name in cache_names(model.config)}
    inputs |= {f"a{name[2:]}": first[f"{name}_out"] for name in cache_names(model.config)
               if name.startswith("kv") and name != "kv8"}
    with torch.inference_mode():
        again = graph_modules(model, SHAPES)["denoise"](*(inputs[name] for name in spec.input_names))[0]
    assert (again - first["latent_out"]).abs().max() < 1e-4


def test_noise_keeps_unit_variance_and_follows_motion() -> None:
    torch.manual_seed(1)
    noise = torch.randn(1, 20, 48, 64)
    flow = torch.zeros(1, 2, 48, 64)
    flow[:, 0], flow[:, 1] = 0.3, -1.6
    source = NoiseSource(3, SdShapes((512, 384), (512, 384)))
    occlusion = (torch.rand(1, 1, 48, 64) > 0.9).float()
    start = noise
    for _ in range(30):
        noise = moved_noise(noise, torch.from_numpy(source.fresh()), flow, occlusion, torch.from_numpy(source.dither()))
        assert abs(float(noise.std()) - 1) < 0.03 and abs(float(noise.mean())) < 0.03
    flat = moved_noise(start, torch.randn_like(start), torch.full_like(flow, 0.3), torch.zeros_like(occlusion),
                       torch.tensor([[0.49, 0.49]]))
    assert float((flat[..., :-1, :-1] * start[..., 1:, 1:]).mean()) > 0.9, "a dither of 0.49 rounds 0.3 up: one cell on"


def test_slow_motion_moves_noise_by_its_mean() -> None:
    """A third of a cell a frame is ten cells in thirty frames, though noise moves by whole cells."""
    source = NoiseSource(3, SdShapes((512, 384), (512, 384)))
    steps = [float(torch.round(torch.tensor(1 / 3 + source.dither()[0, 0]))) for _ in range(30)]
    assert abs(sum(steps) - 10) <= 1


def test_noise_is_unmoved_where_nothing_moves() -> None:
    torch.manual_seed(1)
    noise, zero = torch.randn(1, 20, 8, 9), torch.zeros(1, 2, 8, 9)
    dithers = (torch.tensor([[-0.49, 0.49]]), torch.tensor([[0.49, -0.49]]))
    found = [moved_noise(noise, torch.zeros_like(noise), zero, torch.zeros(1, 1, 8, 9), dither) for dither in dithers]
    assert all((item / noise - item[0, 0, 0, 0] / noise[0, 0, 0, 0]).abs().max() < 1e-4 for item in found)


def test_a_warp_takes_every_level_to_the_same_place() -> None:
    flow = torch.zeros(1, 2, 12, 20)
    flow[:, 0] = 4.0
    for rows, columns, step in ((12, 20, 4), (6, 10, 2), (3, 5, 1)):
        x = torch.arange(columns, dtype=torch.float32)[None, None, None].repeat(1, 1, rows, 1)
        level_flow, visible = at_level(flow, torch.zeros(1, 1, 12, 20), x)
        found = moved(x, level_flow)
        assert torch.allclose(found[..., :-step], x[..., step:], atol=1e-4) and float(visible.min()) == 1.0


def test_half_precision_warps_to_the_same_cell() -> None:
    x = torch.arange(96, dtype=torch.float32)[None, None, None].repeat(1, 1, 4, 1)
    flow = torch.zeros(1, 2, 4, 96)
    assert (moved(x.half(), flow).float() - x).abs().max() < 0.07


def test_a_stream_stays_finite_and_follows_the_prompt(model) -> None:
    """Five frames; the same frames under another prompt give another picture; memory is one frame deep."""
    pictures = {}
    for prompt in ("a red jacket", "a blue hat"):
        stream = sd_stream.Stream(model, SHAPES, prompt)
        for number in range(5):
            output = stream.frame(sd_stream.frame_bytes(number, SHAPES))
            assert output.shape == (180, 320, 4) and bool(torch.isfinite(stream.seen["latent"]).all())
        pictures[prompt] = output
        # Unit variance a cell; cells that motion has merged are alike, so the mean over cells scatters more.
        assert float(stream.seen["noise"].std()) == pytest.approx(1.0, abs=0.08)
    assert not torch.equal(*pictures.values())


@pytest.mark.parametrize(("size", "wanted"), [((1280, 720), (768, 432)), ((640, 640), (512, 512)),
                                              ((1080, 1920), (432, 768)), ((640, 480), (640, 480))])
def test_the_working_size_fits_the_source(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert sd_shapes_for(*size).working_px == wanted


def test_wrong_sizes_and_steps_are_refused() -> None:
    for call in (lambda: SdShapes((640, 360), (500, 288)), lambda: FewStepSchedule().plan(6),
                 lambda: FewStepSchedule().plan(4, 0.0), lambda: sd_shapes_for(640, 360, "huge")):
        with pytest.raises(ValueError, match="must|unknown"):
            call()

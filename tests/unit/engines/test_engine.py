# SPDX-License-Identifier: Apache-2.0
"""Engines: each agrees with torch on every graph and size, refuses bad input, and mends a damaged cache."""
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mirage_lsd.worker.engines import ENGINE_NAMES, TOLERANCE, EngineError, cache, create_engine
from mirage_lsd.worker.engines.device.eager import model_tensors
from mirage_lsd.worker.models.config import TINY
from mirage_lsd.worker.models.graphs import GRAPH_NAMES, GraphShapes
from mirage_lsd.worker.models.nets.tiny import MirageTiny
from mirage_lsd.worker.models.nets.upscaler import Upscaler
from mirage_lsd.worker.models.weights import WeightsError, save_weights

COMPILED = [name for name in ENGINE_NAMES if name != "eager"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights, nowhere zero, so that every node matters."""
    torch.manual_seed(3)
    model = MirageTiny()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point() and not name.startswith("gaps."):
                value.add_(torch.rand_like(value) * 0.04)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_weights(model_tensors(model), path)
    return path


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def make_inputs(spec, seed=0):
    rng = np.random.default_rng(seed)
    return {tensor.name: rng.integers(0, 2, tensor.shape) if tensor.dtype == "int64"
            else rng.random(tensor.shape, dtype=np.float32) for tensor in spec.inputs}


@pytest.mark.parametrize("size_px", [(320, 192), (96, 128)])
@pytest.mark.parametrize("name", COMPILED)
def test_agrees_with_torch(name, size_px, weights, cache_dir):
    shapes = GraphShapes(size_px)
    engine = create_engine(name, shapes, weights, cache_dir=cache_dir)
    reference = create_engine("eager", shapes, weights)
    for graph in GRAPH_NAMES:
        inputs = make_inputs(engine.specs[graph])
        found, wanted = engine.run(graph, inputs), reference.run(graph, inputs)
        for tensor in engine.specs[graph].outputs:
            assert found[tensor.name].shape == tensor.shape, (graph, tensor.name)
            scale = max(1.0, float(np.abs(wanted[tensor.name]).max()))
            gap = float(np.abs(found[tensor.name] - wanted[tensor.name]).max()) / scale
            assert gap <= TOLERANCE, (graph, tensor.name, gap)


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_outputs_belong_to_the_caller(name, weights, cache_dir):
    engine = create_engine(name, GraphShapes((128, 96)), weights, cache_dir=cache_dir)
    first = engine.run("decode", make_inputs(engine.specs["decode"], 1))["buffers"]
    kept = first.copy()
    engine.run("decode", make_inputs(engine.specs["decode"], 2))
    np.testing.assert_array_equal(first, kept)


def test_bad_input_is_named(weights, cache_dir):
    engine = create_engine("onnx", GraphShapes((128, 96)), weights, cache_dir=cache_dir)
    good = make_inputs(engine.specs["encode"])
    cases = [({**good, "extra": good["source"]}, "extra"), ({"source": good["source"]}, "person_mask"),
             ({**good, "source": good["source"].astype(np.float64)}, "float64"),
             ({**good, "person_mask": good["source"]}, "person_mask")]
    for inputs, word in cases:
        with pytest.raises(EngineError, match=word) as caught:
            engine.run("encode", inputs)
        assert caught.value.code == "bad_input"


def test_unknown_engine_is_refused(weights):
    with pytest.raises(EngineError, match="openvino"):
        create_engine("tensorflow", GraphShapes((128, 96)), weights)


def test_auto_says_what_it_chose(weights, cache_dir, caplog):
    with caplog.at_level("INFO"):
        engine = create_engine("auto", GraphShapes((128, 96)), weights, cache_dir=cache_dir)
    lines = [record.getMessage() for record in caplog.records if "chosen" in record.getMessage()]
    assert len(lines) == 1 and engine.name in lines[0]


def test_damaged_cache_is_built_again(weights, tmp_path):
    folder = cache.prepared_graphs(weights, tmp_path)
    data = bytearray((folder / cache.WEIGHTS_BIN).read_bytes())
    data[1000] ^= 0xFF
    (folder / cache.WEIGHTS_BIN).write_bytes(data)
    assert not cache.is_whole(folder)
    assert cache.prepared_graphs(weights, tmp_path) == folder
    assert cache.is_whole(folder)
    (folder / "flow.onnx").unlink()
    assert cache.is_whole(cache.prepared_graphs(weights, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]  # no leftovers


def test_weights_of_another_shape_are_refused(tmp_path):
    path = tmp_path / "odd.safetensors"
    save_weights({"decoder.base.bias": np.zeros(3, np.float32)}, path)
    with pytest.raises(WeightsError, match="does not fit") as caught:
        create_engine("onnx", GraphShapes((128, 96)), path, cache_dir=tmp_path)
    assert caught.value.code == "weights_architecture"


def test_compiled_engines_import_no_torch(weights, cache_dir):
    code = ("import sys; from pathlib import Path; from mirage_lsd.worker.engines import create_engine; "
            "from mirage_lsd.worker.models.graphs import GraphShapes; "
            f"[create_engine(name, GraphShapes((128, 96)), Path({str(weights)!r}), cache_dir=Path({str(cache_dir)!r})) "
            f"for name in {COMPILED!r}]; assert 'torch' not in sys.modules and 'onnx' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_shipped_skeletons_fit_the_model():
    import json

    from mirage_lsd.worker.engines.device.export import weight_layout

    assert json.loads((cache.GRAPHS_DIR / "layout.json").read_text())["tensors"] == weight_layout(MirageTiny())


def test_coverage_is_decided_where_the_layer_is_put_on():
    """What is more likely not to be painted is left alone, what is likely is painted in full; scenes decide at half."""
    net = Upscaler(TINY).eval()  # a fresh one corrects nothing
    buffers = torch.zeros(1, 8, 32, 64)
    chances = torch.linspace(0, 1, 64)
    buffers[:, 3] = chances
    with torch.no_grad():
        _, plain = net(torch.rand(1, 3, 32, 64), buffers)
        buffers[:, 7] = 1.0
        _, scene = net(torch.rand(1, 3, 32, 64), buffers)
    for mask, half in ((plain, 0.3), (scene, 0.5)):
        alpha = mask[0, 1, 0].clamp(0, 1)
        assert not alpha[chances < half - 0.09].any() and (alpha[chances > half + 0.09] == 1).all()
        assert abs(float(alpha[(chances - half).abs().argmin()]) - 0.5) < 0.06
        assert not mask[0, 2].any()


def ncnn_sum(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x + y as Net.add lets ncnn add them."""
    ncnn = pytest.importorskip("ncnn")
    from mirage_lsd.worker.engines.ncnn import engine
    from mirage_lsd.worker.engines.ncnn.net import Net

    written = Net({})
    written.output("sum", written.add(written.input("x"), written.constant(y)))
    (net,) = engine._loaded(written, (1,), False)
    run, out = net.create_extractor(), ncnn.Mat()
    run.input("x", ncnn.Mat(x).clone())
    run.extract("sum", out)
    return np.array(out)


@pytest.mark.parametrize("shape", [(3, 3), (1, 3), (3, 1), (1, 1), (1,)])
def test_ncnn_stretches_axes_of_length_1_as_numpy_does(shape):
    x = np.arange(9, dtype=np.float32).reshape(3, 3)
    y = np.arange(1, 1 + np.prod(shape), dtype=np.float32).reshape(shape)
    assert np.array_equal(ncnn_sum(x, y), x + y)


def test_ncnn_lays_fewer_axes_along_the_first_ones_as_net_combine_says():
    x, y = np.zeros((3, 3), np.float32), np.float32([1, 2, 3])
    assert np.array_equal(ncnn_sum(x, y), x + y[:, None])
    assert np.array_equal(ncnn_sum(x, y[None]), x + y), "as many axes: numpy's rules"

# SPDX-License-Identifier: Apache-2.0
"""Device-resident engines on the CPU: eager, compiled and ONNX Runtime agree; bad bindings are named."""

from __future__ import annotations

import shutil

import pytest

torch = pytest.importorskip("torch")

from mirage_lsd.worker.engines import EngineError
from mirage_lsd.worker.engines.device.graph_set import GraphSet
from mirage_lsd.worker.engines.device.onnx_graphs import OnnxGraphs, export_graph
from mirage_lsd.worker.engines.device.torch_engine import CompiledEngine, TorchEngine
from mirage_lsd.worker.engines.onnx import open_session
from mirage_lsd.worker.models.graphs import GraphShapes, GraphSpec, TensorSpec, graph_specs
from mirage_lsd.worker.models.nets.tiny import MirageTiny, graph_modules

CPU = torch.device("cpu")
GRAPHS = ("flow", "warp", "denoise", "decode")


def graph_set() -> GraphSet:
    torch.manual_seed(5)
    model = MirageTiny().eval()
    specs = {name: spec for name, spec in graph_specs(GraphShapes((96, 64))).items() if name in GRAPHS}
    return GraphSet(specs, {name: graph_modules(model)[name] for name in GRAPHS}, "float32", CPU)


def filled(graphs: GraphSet, graph: str) -> tuple[dict, dict]:
    spec, generator = graphs.specs[graph], torch.Generator().manual_seed(1)
    inputs = {tensor.name: graphs.new_buffer(tensor) for tensor in spec.inputs}
    for tensor in inputs.values():
        tensor.copy_(torch.rand(tensor.shape, generator=generator))
    return inputs, {tensor.name: graphs.new_buffer(tensor) for tensor in spec.outputs}


def run(engine, graphs: GraphSet, graph: str) -> dict:
    inputs, outputs = filled(graphs, graph)
    engine.bind(graph, inputs, outputs)()
    return {name: value.float() for name, value in outputs.items()}


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_exported_graph_says_what_torch_says(graph):
    graphs = graph_set()
    wanted = run(TorchEngine(graphs), graphs, graph)
    for name, value in run(OnnxGraphs(graphs), graphs, graph).items():
        assert torch.allclose(value, wanted[name], atol=2e-4), (graph, name)
        assert wanted[name].abs().max() > 0


class Small(torch.nn.Module):
    """Enough to be compiled, and quick at it."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.linspace(-1, 1, 4))

    def forward(self, latent):
        return torch.sigmoid(latent * self.weight)


@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile on a CPU needs a C++ compiler")
def test_the_compiled_engine_agrees_and_fills_the_same_buffers():
    spec = GraphSpec("denoise", (TensorSpec("latent", (2, 4)),), (TensorSpec("rgba", (2, 4)),))
    graphs = GraphSet({"denoise": spec}, {"denoise": Small()}, "float32", CPU)
    wanted = run(TorchEngine(graphs), graphs, "denoise")["rgba"]
    inputs, outputs = filled(graphs, "denoise")
    launch = CompiledEngine(graphs).bind("denoise", inputs, outputs)
    address = outputs["rgba"].data_ptr()
    for factor in (1.0, 0.5):
        inputs["latent"].mul_(factor)
        launch()
        assert torch.allclose(outputs["rgba"], run_once(graphs, inputs), atol=1e-5)
    assert outputs["rgba"].data_ptr() == address and not torch.equal(outputs["rgba"], wanted)


def run_once(graphs: GraphSet, inputs: dict) -> torch.Tensor:
    outputs = {"rgba": torch.zeros(2, 4)}
    TorchEngine(graphs).bind("denoise", inputs, outputs)()
    return outputs["rgba"]


def test_without_a_compiler_the_reason_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineError, match=r"needs a C\+\+ compiler") as caught:
        CompiledEngine(graph_set())
    assert caught.value.code == "compile_failed"


def test_a_binding_is_checked():
    graphs = graph_set()
    inputs, outputs = filled(graphs, "decode")
    engine = TorchEngine(graphs)
    cases = [({}, outputs, "latent"), (inputs, {}, "has the outputs"),
             ({**inputs, "latent": inputs["latent"].double()}, outputs, "float64"),
             ({**inputs, "latent": inputs["latent"][..., :1]}, outputs, "must be")]
    for given, made, word in cases:
        with pytest.raises(EngineError, match=word) as caught:
            engine.bind("decode", given, made)
        assert caught.value.code == "bad_input"


@pytest.mark.parametrize("graph", ["denoise", "encode", "decode"])
def test_the_half_precision_graph_that_tensorrt_reads_is_typed_and_right(graph, tmp_path):
    """TensorRT takes a graph's types as they are and refuses one that mixes them; ONNX's strict inference does too."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("transformers")
    graphs = v1_graphs("float16")
    path = export_graph(graphs, graph, tmp_path)
    model = onnx.load(path)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    names = {tensor.name: tensor.type.tensor_type.elem_type for tensor in (*model.graph.input, *model.graph.output)}
    for tensor in graphs.specs[graph].outputs:
        assert onnx.helper.tensor_dtype_to_np_dtype(names[tensor.name]) == tensor.dtype, tensor.name
    inputs, outputs = filled(graphs, graph)
    TorchEngine(graphs).bind(graph, inputs, outputs)()
    session = open_session(graphs.specs[graph], path, 1)
    feed = {tensor.name: inputs[tensor.name].numpy() for tensor in session.get_inputs()}
    for name, value in zip(outputs, session.run(list(outputs), feed), strict=True):
        wanted = outputs[name].float()
        assert (torch.from_numpy(value).float() - wanted).abs().max() < 5e-3 * max(1.0, wanted.abs().max()), name


def test_every_attention_of_a_step_can_run_in_a_fused_kernel(monkeypatch):
    """A key whose channels are not neighbours would send attention to the past through a whole N x N matrix. The CPU's
    fused kernel asks for the same layout as a card's."""
    graphs, fused = v1_graphs("float32"), []
    plain = torch.nn.functional.scaled_dot_product_attention

    def watched(query, key, value):
        fused.append(torch._fused_sdp_choice(query, key, value))
        return plain(query, key, value)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", watched)
    run(TorchEngine(graphs), graphs, "denoise")
    assert len(fused) > 20 and 0 not in fused  # 0: the unfused one


def v1_graphs(dtype: str) -> GraphSet:
    """mirage-lsd-v1's graphs at tiny size."""
    from mirage_lsd.worker.v1.graphs import graphs as sd_graphs
    from mirage_lsd.worker.v1.graphs.shapes import SdShapes
    from mirage_lsd.worker.v1.nets import model as sd_model
    from mirage_lsd.worker.v1.nets.random_model import random_model

    made, shapes = random_model(dtype=dtype), SdShapes((96, 72), (64, 64))
    return GraphSet(sd_graphs.graph_specs(shapes, made.config, dtype), sd_model.graph_modules(made, shapes), dtype, CPU)

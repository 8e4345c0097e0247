# SPDX-License-Identifier: Apache-2.0
"""Device-resident engines on the CPU: eager, compiled and ONNX Runtime agree; bad bindings are named."""

from __future__ import annotations

import shutil

import pytest

torch = pytest.importorskip("torch")

from mirage_lsd.worker.engines import EngineError  # noqa: E402
from mirage_lsd.worker.engines.graph_set import GraphSet  # noqa: E402
from mirage_lsd.worker.engines.onnx_graphs import OnnxGraphs  # noqa: E402
from mirage_lsd.worker.engines.torch_engine import CompiledEngine, TorchEngine  # noqa: E402
from mirage_lsd.worker.models.graphs import GraphShapes, GraphSpec, TensorSpec, graph_specs  # noqa: E402
from mirage_lsd.worker.models.tiny import MirageTiny, graph_modules  # noqa: E402

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
def test_the_exported_graph_says_what_torch_says(graph, tmp_path):
    graphs = graph_set()
    wanted = run(TorchEngine(graphs), graphs, graph)
    for name, value in run(OnnxGraphs(graphs, tmp_path), graphs, graph).items():
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
    spec = GraphSpec("small", (TensorSpec("latent", (2, 4)),), (TensorSpec("rgba", (2, 4)),))
    graphs = GraphSet({"small": spec}, {"small": Small()}, "float32", CPU)
    wanted = run(TorchEngine(graphs), graphs, "small")["rgba"]
    inputs, outputs = filled(graphs, "small")
    launch = CompiledEngine(graphs).bind("small", inputs, outputs)
    address = outputs["rgba"].data_ptr()
    for factor in (1.0, 0.5):
        inputs["latent"].mul_(factor)
        launch()
        assert torch.allclose(outputs["rgba"], run_once(graphs, inputs), atol=1e-5)
    assert outputs["rgba"].data_ptr() == address and not torch.equal(outputs["rgba"], wanted)


def run_once(graphs: GraphSet, inputs: dict) -> torch.Tensor:
    outputs = {"rgba": torch.zeros(2, 4)}
    TorchEngine(graphs).bind("small", inputs, outputs)()
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
             ({**inputs, "latent": inputs["latent"][..., :1]}, outputs, "must be")]  # fmt: skip
    for given, made, word in cases:
        with pytest.raises(EngineError, match=word) as caught:
            engine.bind("decode", given, made)
        assert caught.value.code == "bad_input"

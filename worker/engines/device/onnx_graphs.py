# SPDX-License-Identifier: Apache-2.0
"""A graph set as ONNX files, weights included, and run by ONNX Runtime on the CPU. Needs torch and onnx.

The files are what TensorRT is built from; running them beside torch shows that the export says the same as the
model. Called by the loading thread and by tests. Invariant: every cache is an input or an output, so a file holds
no state; shapes are fixed.
"""

from __future__ import annotations

import importlib.util
import tempfile
import warnings
from pathlib import Path

import torch
from torch.onnx import symbolic_helper

from mirage_lsd.worker.engines import EngineError
from mirage_lsd.worker.engines.device.graph_set import GraphSet, Launch, Tensors, checked

OPSET = 17
_THREADS = 2


def export_graph(graphs: GraphSet, graph: str, folder: Path) -> Path:
    """Writes one graph to folder/<graph>.onnx (with its weights beside it where they exceed 2 GB); returns the path."""
    if importlib.util.find_spec("onnx") is None:
        raise EngineError("exporting a model needs the package onnx: pip install onnx", "engine_missing")
    torch.onnx.register_custom_op_symbolic("aten::linspace", _linspace, OPSET)
    spec, path = graphs.specs[graph], folder / f"{graph}.onnx"
    inputs = tuple(graphs.new_buffer(tensor) for tensor in spec.inputs)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracer warns about every Python-side shape, which we fix on purpose
        torch.onnx.export(graphs.modules[graph], inputs, str(path), input_names=list(spec.input_names),
                          output_names=list(spec.output_names), opset_version=OPSET, dynamo=False,
                          do_constant_folding=False)
    return path


def _linspace(graph, start, end, steps, dtype=None, *_options):
    """torch.linspace as a float32 constant: with fixed shapes the exporter makes it a double, which fits nothing."""
    first, last = (symbolic_helper._maybe_get_const(value, "f") for value in (start, end))
    count = symbolic_helper._maybe_get_const(steps, "i")
    return graph.op("Constant", value_t=torch.linspace(first, last, count))


class OnnxGraphs:
    """ONNX Runtime over exported files; keeps graph_set.DeviceEngine's contract, on the CPU."""

    name = "onnx"

    def __init__(self, graphs: GraphSet) -> None:
        if graphs.device.type != "cpu" or graphs.precision != "float32":
            raise EngineError("ONNX Runtime runs these graphs on the CPU in float32 only", "bad_input")
        self._folder = tempfile.TemporaryDirectory(prefix="mirage-lsd-onnx-")
        self._graphs = graphs
        self._sessions: dict = {}

    def bind(self, graph: str, inputs: Tensors, outputs: Tensors) -> Launch:
        """See graph_set.DeviceEngine."""
        arguments, targets = checked(self._graphs, graph, inputs, outputs)
        spec, session = self._graphs.specs[graph], self._session(graph)
        kept = {tensor.name for tensor in session.get_inputs()}  # the exporter drops inputs that change nothing
        feed = {name: tensor.numpy() for name, tensor in zip(spec.input_names, arguments, strict=True) if name in kept}

        def launch() -> None:
            for target, result in zip(targets, session.run(list(spec.output_names), feed), strict=True):
                target.copy_(torch.from_numpy(result))

        return launch

    def _session(self, graph: str):
        from mirage_lsd.worker.engines.onnx import open_session  # the export alone needs no ONNX Runtime

        if graph not in self._sessions:
            path = export_graph(self._graphs, graph, Path(self._folder.name))
            self._sessions[graph] = open_session(self._graphs.specs[graph], path, _THREADS)
        return self._sessions[graph]

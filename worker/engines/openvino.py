# SPDX-License-Identifier: Apache-2.0
"""The graphs in OpenVINO on the CPU. No torch. One compiled model a graph, in float32."""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

# OpenVINO reports its use to its makers at import; without this package it uses a stub that sends nothing.
sys.modules.setdefault("openvino_telemetry", None)

import openvino

from mirage_lsd.worker.engines import checked_inputs
from mirage_lsd.worker.models.graphs import GraphSpec


class OpenVinoEngine:
    """See engines.Engine."""

    name = "openvino"

    def __init__(self, specs: dict[str, GraphSpec], folder: Path, threads: int):
        self.specs = specs
        core = openvino.Core()
        settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        self._requests = {name: _request(core, spec, folder / f"{name}.onnx", settings)
                          for name, spec in specs.items()}

    def run(self, graph_name: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        spec = self.specs[graph_name]
        feed = dict(zip(spec.input_names, checked_inputs(spec, inputs), strict=True))
        results = self._requests[graph_name].infer(feed, share_inputs=True)  # outputs are copies
        return {name: results[name] for name in spec.output_names}


def _request(core: openvino.Core, spec: GraphSpec, path: Path, settings: dict) -> openvino.InferRequest:
    model = core.read_model(path)
    model.reshape({tensor.name: list(tensor.shape) for tensor in spec.inputs})
    return core.compile_model(model, "CPU", settings).create_infer_request()

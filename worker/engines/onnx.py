# SPDX-License-Identifier: Apache-2.0
"""The graphs in ONNX Runtime on the CPU. No torch. One session a graph, opened at start."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from mirage_lsd.worker.engines import checked_inputs
from mirage_lsd.worker.models.graphs import GraphSpec


class OnnxEngine:
    """See engines.Engine."""

    name = "onnx"

    def __init__(self, specs: dict[str, GraphSpec], folder: Path, threads: int):
        self.specs = specs
        self._sessions = {name: open_session(spec, folder / f"{name}.onnx", threads) for name, spec in specs.items()}

    def run(self, graph_name: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        spec = self.specs[graph_name]
        feed = dict(zip(spec.input_names, checked_inputs(spec, inputs), strict=True))
        results = self._sessions[graph_name].run(list(spec.output_names), feed)
        return dict(zip(spec.output_names, results, strict=True))


def open_session(spec: GraphSpec, path: Path, threads: int) -> onnxruntime.InferenceSession:
    """A graph's file opened for the sizes of its specification; those that the file leaves open are fixed."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Idle threads of many sessions must not burn the cores that the other sessions and OBS need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for tensor in spec.inputs:
        if len(tensor.shape) == 4:
            options.add_free_dimension_override_by_name(f"{tensor.name}_rows", tensor.shape[2])
            options.add_free_dimension_override_by_name(f"{tensor.name}_columns", tensor.shape[3])
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

# SPDX-License-Identifier: Apache-2.0
"""Engines run the graphs of models/graphs.py. One contract, four ways to fulfil it.

    engine = create_engine("auto", GraphShapes((320, 192)))       # or "ncnn", "openvino", "onnx", "eager"
    outputs = engine.run("encode", {"source": source, "person_mask": mask})   # name -> array

Names, shapes, dtypes and ranges of every input and output: the table in models/graphs.py. Arrays are
C-contiguous numpy; outputs belong to the caller (nothing is overwritten by the next run). An engine is
bound to one working size (another size: another engine; the weights are shared on disk through the
cache) and is not thread-safe: one thread, or one engine a thread.

| name     | runs on                  | imports torch | use |
|----------|--------------------------|---------------|-----|
| ncnn     | ncnn, CPU                | no            | the default where it is installed: Winograd convolutions |
| openvino | OpenVINO, CPU            | no            | the next one; fastest of those without Winograd |
| onnx     | ONNX Runtime, CPU        | no            | the default otherwise |
| eager    | torch, CPU               | yes           | the reference; training |

ncnn, openvino and onnx agree with eager fp32 within TOLERANCE (absolute, on values of about unit size).
mirage-lsd-v1's engines work on tensors that stay on their device and keep another contract: graph_set.py.
Warping is a graph ("warp"), 0.5 ms; the full-size blend is not (paint/apply_layer.py).
"""
from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import Protocol

import numpy as np

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker.models.graphs import GraphShapes, GraphSpec, graph_specs
from mirage_lsd.worker.models.weights import DEFAULT_WEIGHTS

ENGINE_NAMES = ("ncnn", "openvino", "onnx", "eager")
TOLERANCE = 2e-3
_PACKAGES = {"ncnn": "ncnn", "openvino": "openvino", "onnx": "onnxruntime"}
_log = logging.getLogger(__name__)


class EngineError(MirageError):
    """An engine cannot be made or was called wrongly. Codes: engine_unknown, engine_missing, bad_input."""

    code = "engine_error"


class Engine(Protocol):
    """What every engine offers."""

    name: str
    specs: dict[str, GraphSpec]

    def run(self, graph_name: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run one graph. Raises EngineError("bad_input") naming the input that is missing, extra or misshapen."""


def create_engine(name: str, shapes: GraphShapes, weights: Path = DEFAULT_WEIGHTS, threads: int = 2,
                  cache_dir: Path | None = None) -> Engine:
    """Make the named engine ("auto" chooses, and logs what and why in one line)."""
    specs = graph_specs(shapes)
    if name == "auto":
        name, reason = choose_engine()
        _log.info("engine %s chosen: %s; %d threads", name, reason, threads)
    if name not in ENGINE_NAMES:
        raise EngineError(f"unknown engine {name!r}; use auto, {', '.join(ENGINE_NAMES)}", "engine_unknown")
    if name == "eager":
        _require("torch", name)
        from mirage_lsd.worker.engines.device.eager import EagerEngine
        return EagerEngine(specs, weights, threads)
    from mirage_lsd.worker.engines.cache import prepared_graphs
    folder = prepared_graphs(weights, cache_dir)
    _require(_PACKAGES[name], name)
    if name == "ncnn":
        from mirage_lsd.worker.engines.ncnn.engine import NcnnEngine
        return NcnnEngine(specs, shapes, weights, folder, threads)
    if name == "openvino":
        from mirage_lsd.worker.engines.openvino import OpenVinoEngine
        return OpenVinoEngine(specs, folder, threads)
    from mirage_lsd.worker.engines.onnx import OnnxEngine
    return OnnxEngine(specs, folder, threads)


def choose_engine() -> tuple[str, str]:
    """(engine name, reason) for this machine."""
    if importlib.util.find_spec("ncnn") and importlib.util.find_spec("onnxruntime"):
        return "ncnn", "fastest on a CPU in our measurements: it halves the arithmetic of 3x3 convolutions"
    if importlib.util.find_spec("openvino"):
        return "openvino", "ncnn is not installed"
    if importlib.util.find_spec("onnxruntime"):
        return "onnx", "neither ncnn nor OpenVINO is installed"
    return "eager", "none of ncnn, OpenVINO and ONNX Runtime is installed"


def _require(module: str, engine: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise EngineError(f"engine {engine!r} needs the package {module}: pip install {module}", "engine_missing")


def checked_inputs(spec: GraphSpec, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Inputs in call order, each of the specified dtype and shape, else EngineError("bad_input")."""
    extra = set(inputs) - set(spec.input_names)
    if extra:
        raise EngineError(f"graph {spec.name!r} has no input {sorted(extra)[0]!r}; it takes "
                          f"{', '.join(spec.input_names)}", "bad_input")
    ordered = []
    for tensor in spec.inputs:
        if tensor.name not in inputs:
            raise EngineError(f"graph {spec.name!r} needs the input {tensor.name!r}", "bad_input")
        array = inputs[tensor.name]
        if array.shape != tensor.shape or array.dtype != tensor.dtype:
            raise EngineError(f"graph {spec.name!r}: input {tensor.name!r} must be {tensor.dtype} {tensor.shape}, "
                              f"got {array.dtype} {array.shape}", "bad_input")
        ordered.append(np.ascontiguousarray(array))
    return ordered

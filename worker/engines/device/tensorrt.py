# SPDX-License-Identifier: Apache-2.0
"""The graphs in TensorRT on an NVIDIA card: built from ONNX, kept on disk, run on torch's tensors and streams.

`TensorRtEngine` builds on the thread that makes it, minutes the first time, while the pipeline's thread goes on
with another engine; launches belong to the pipeline's thread. Invariants: a context's addresses are bound once,
to the pipeline's static buffers; nothing is run that was not built for exactly this card, driver and weights.

Everything that touches the tensorrt package is in `TensorRtBuilder`, imported on first use.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from mirage_lsd.worker.engines import EngineError
from mirage_lsd.worker.engines.device.graph_set import GraphSet, Launch, Tensors, checked
from mirage_lsd.worker.engines.device.onnx_graphs import export_graph
from mirage_lsd.worker.engines.engine_store import EngineKey, EngineStore
from mirage_lsd.worker.hosts.devices import Gpu
from mirage_lsd.worker.models.graphs import GraphSpec
from mirage_lsd.worker.v1.graphs.config import GRAPHS_VERSION

_log = logging.getLogger(__name__)
_WORKSPACE_BYTES = 2 << 30  # else TensorRT may plan with all of the card's memory, which the stream needs too
Progress = Callable[[str, float], None]  # graph name, share done 0..1


class TensorRtEngine:
    """See graph_set.DeviceEngine. Raises EngineError saying why TensorRT cannot be used; the caller keeps what it has.

    progress(graph, share): told while building. cancelled(): asked between graphs.
    """

    name = "tensorrt"

    def __init__(self, graphs: GraphSet, gpu: Gpu, store: EngineStore, progress: Progress = lambda graph, share: None,
                 cancelled: Callable[[], bool] = lambda: False, builder: TensorRtBuilder | None = None) -> None:
        self._graphs, self._gpu, self._store, self._progress = graphs, gpu, store, progress
        self._builder = builder or TensorRtBuilder()
        self._engines: dict[str, Any] = {}
        for graph in graphs.specs:
            if cancelled():
                raise EngineError("the TensorRT build was stopped", "build_cancelled")
            self._engines[graph] = self._engine(graph)

    def bind(self, graph: str, inputs: Tensors, outputs: Tensors) -> Launch:
        """See graph_set.DeviceEngine."""
        checked(self._graphs, graph, inputs, outputs)
        return self._builder.bind(self._engines[graph], {**inputs, **outputs})

    def _engine(self, graph: str) -> Any:
        key = engine_key(self._graphs, graph, self._gpu)
        plan = self._store.load(key)
        if plan is not None:
            try:
                return self._builder.open(plan)
            except EngineError as error:
                _log.warning("the kept engine of %s cannot be used (%s); building it again", graph, error)
                self._store.discard(key)
        plan = self._build(graph)
        engine = self._builder.open(plan)
        self._store.save(key, plan)
        return engine

    def _build(self, graph: str) -> bytes:
        self._progress(graph, 0.0)
        with tempfile.TemporaryDirectory(prefix="mirage-lsd-onnx-") as folder:
            onnx = export_graph(self._graphs, graph, Path(folder))
            return self._builder.build(onnx, self._store.timing_cache(), lambda share: self._progress(graph, share))


def engine_key(graphs: GraphSet, graph: str, gpu: Gpu) -> EngineKey:
    """What the built engine of one graph depends on."""
    return EngineKey(graph, graphs.fingerprint, shapes_text(graphs.specs[graph]), graphs.precision, gpu.name,
                     gpu.driver, f"tensorrt {_tensorrt_version()}, torch {torch.__version__}, cuda "
                     f"{torch.version.cuda}, graphs {GRAPHS_VERSION}")


def shapes_text(spec: GraphSpec) -> str:
    """Names, types and shapes of all inputs and outputs."""
    return " ".join(f"{t.name}:{t.dtype}{'x'.join(map(str, t.shape))}" for t in (*spec.inputs, *spec.outputs))


def _tensorrt_version() -> str:
    """Of the package under any of the names that it is installed by."""
    for package in ("tensorrt", "tensorrt-cu13", "tensorrt-cu12"):
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return "none"


class TensorRtBuilder:
    """The tensorrt package itself (10 or newer). Not run by our tests: no NVIDIA card was at hand."""

    def __init__(self) -> None:
        if importlib.util.find_spec("tensorrt") is None:
            raise EngineError("TensorRT is not installed: pip install 'mirage-lsd[tensorrt]'", "engine_missing")
        try:
            self._trt = trt = importlib.import_module("tensorrt")
        except (ImportError, OSError) as error:  # OSError: its libraries do not find the driver's
            raise EngineError(f"TensorRT cannot be loaded: {error}", "engine_missing") from error
        if int(trt.__version__.split(".")[0]) < 10:
            raise EngineError(f"TensorRT {trt.__version__} is too old; install 10 or newer", "engine_missing")
        self._logger = trt.Logger(trt.Logger.WARNING)
        self._runtime = trt.Runtime(self._logger)

    def build(self, onnx: Path, timing_cache: Path, progress: Callable[[float], None]) -> bytes:
        """The serialised engine for an ONNX file; its types decide the arithmetic (strongly typed)."""
        trt = self._trt
        builder = trt.Builder(self._logger)
        strongly_typed = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)  # the only kind from 11 on
        network = builder.create_network(0 if strongly_typed is None else 1 << int(strongly_typed))
        parser = trt.OnnxParser(network, self._logger)
        if not parser.parse_from_file(str(onnx)):
            reason = parser.get_error(0).desc() if parser.num_errors else "no reason given"
            raise EngineError(f"TensorRT cannot read graph {onnx.stem!r}: {reason}", "build_failed")
        config = builder.create_builder_config()
        config.progress_monitor = _monitor(trt, progress)
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, _WORKSPACE_BYTES)
        _use_timing_cache(config, timing_cache)
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise EngineError(f"TensorRT could not build graph {onnx.stem!r}; see the worker's log", "build_failed")
        _write_whole(timing_cache, bytes(config.get_timing_cache().serialize()))
        return bytes(plan)

    def open(self, plan: bytes) -> Any:
        """The engine of a plan."""
        engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise EngineError("TensorRT refuses the built engine (made by another release or for another card)",
                              "engine_refused")
        return engine

    def bind(self, engine: Any, tensors: Tensors) -> Launch:
        """A launch over these tensors, which must live as long as it does."""
        context = engine.create_execution_context()
        if context is None:
            raise torch.OutOfMemoryError("TensorRT found no memory for an execution context")
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        for name in names:
            if not context.set_tensor_address(name, tensors[name].data_ptr()):
                raise EngineError(f"TensorRT refuses the buffer of {name!r}", "bad_input")

        def launch() -> None:
            if not context.execute_async_v3(torch.cuda.current_stream().cuda_stream):
                raise EngineError("TensorRT could not start the engine; see the worker's log", "launch_failed")

        return launch


def _use_timing_cache(config: Any, path: Path) -> None:
    """Measurements of earlier builds; a file that is damaged or of another release or card is left unused."""
    kept = path.read_bytes() if path.is_file() else b""
    for data in (kept, b""):
        cache = config.create_timing_cache(data)
        if cache is not None and config.set_timing_cache(cache, ignore_mismatch=False):
            return


def _monitor(trt: Any, progress: Callable[[float], None]) -> Any:
    """TensorRT's progress reports as one share of the outermost phase."""

    class Monitor(trt.IProgressMonitor):
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            if parent_phase is None:
                self._steps[phase_name] = max(num_steps, 1)

        def step_complete(self, phase_name: str, step: int) -> bool:
            if phase_name in self._steps:
                progress(min(1.0, (step + 1) / self._steps[phase_name]))
            return True

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()


def _write_whole(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(data)
    partial.replace(path)

# SPDX-License-Identifier: Apache-2.0
"""The graphs on torch tensors that stay on their device: eager, and compiled with CUDA graphs. Needs torch.

Bound by the loading thread, launched by the pipeline's thread on the current stream. Invariant: the same static
buffers are read and written by every launch; on a CUDA device the compiled engine allocates nothing then.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import warnings

import torch

from mirage_lsd.worker.engines import EngineError
from mirage_lsd.worker.engines.graph_set import GraphSet, Launch, Tensors, checked

_WARM_UPS = 3


class TorchEngine:
    """Eager torch: ready at once, and the reference that the others are held to."""

    name = "eager"

    def __init__(self, graphs: GraphSet) -> None:
        self._graphs = graphs
        self._modules = dict(graphs.modules)

    def bind(self, graph: str, inputs: Tensors, outputs: Tensors) -> Launch:
        """See graph_set.DeviceEngine."""
        arguments, targets = checked(self._graphs, graph, inputs, outputs)
        module = self._modules[graph]

        def launch() -> None:
            with torch.inference_mode():
                results = module(*arguments)
                for target, result in zip(targets, results if isinstance(results, tuple) else (results,), strict=True):
                    target.copy_(result)

        return launch

    def close(self) -> None:
        """Lets the modules go."""
        self._modules = {}


class CompiledEngine(TorchEngine):
    """torch.compile, and on CUDA one captured graph for each binding. Raises EngineError where it cannot compile."""

    name = "compiled"

    def __init__(self, graphs: GraphSet) -> None:
        super().__init__(graphs)
        _need_compiler(graphs.device)
        # Not "reduce-overhead": its own CUDA graphs copy inputs and own the outputs; ours use the static buffers.
        mode = "max-autotune-no-cudagraphs" if graphs.device.type == "cuda" else "default"
        self._modules = {name: torch.compile(module, mode=mode, dynamic=False) if has_weights(module) else module
                         for name, module in self._modules.items()}  # fmt: skip

    def bind(self, graph: str, inputs: Tensors, outputs: Tensors) -> Launch:
        """See graph_set.DeviceEngine. Compiles and warms up on copies: another engine may be using the buffers now."""
        launch = super().bind(graph, inputs, outputs)
        rehearse = super().bind(graph, _copies(inputs), _copies(outputs))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the compiler warns about its own settings
                if self._graphs.device.type == "cuda":
                    return capture(launch, rehearse, self._graphs.device)
                rehearse()
                return launch
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:  # what the compiler and its back ends raise
            reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
            raise EngineError(f"torch.compile cannot build graph {graph!r}: {reason[0]}", "compile_failed") from error


def capture(launch: Launch, rehearse: Launch, device: torch.device) -> Launch:
    """The launch as one CUDA graph, captured on a stream of its own; nothing but the rehearsal runs meanwhile.

    Other threads may use the card during the capture.
    """
    side = torch.cuda.Stream(device)
    side.wait_stream(torch.cuda.current_stream(device))  # where the copies for the rehearsal were made
    with torch.cuda.stream(side):
        for _ in range(_WARM_UPS):
            rehearse()
        side.synchronize()
        graph = torch.cuda.CUDAGraph()
        graph.capture_begin(capture_error_mode="thread_local")
        launch()
        graph.capture_end()
    return graph.replay


def _copies(tensors: Tensors) -> Tensors:
    return {name: tensor.clone() for name, tensor in tensors.items()}


def has_weights(module: torch.nn.Module) -> bool:
    """Whether there is enough in a module to be worth compiling."""
    return next(module.parameters(), None) is not None


def _need_compiler(device: torch.device) -> None:
    compiler = "cl" if sys.platform == "win32" else "g++"
    if device.type == "cpu" and not (shutil.which(compiler) or shutil.which("clang++")):
        raise EngineError(f"torch.compile on a CPU needs a C++ compiler and {compiler} is not installed",
                          "compile_failed")  # fmt: skip
    if device.type == "cuda" and torch.version.hip is None and importlib.util.find_spec("triton") is None:
        raise EngineError("torch.compile on this card needs the package triton: pip install triton", "compile_failed")

# SPDX-License-Identifier: Apache-2.0
"""The graphs on torch tensors that stay on their device: eager, captured as CUDA graphs, compiled. Needs torch.

Bound by the loading thread, launched by the pipeline's thread on the current stream. Invariant: the same static
buffers are read and written by every launch; on a CUDA device the compiled engine allocates nothing then.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import warnings
from collections.abc import Callable

import torch

from mirage_lsd.shared.errors import MirageError, reason_of
from mirage_lsd.worker.engines import EngineError
from mirage_lsd.worker.engines.cache import default_cache_dir
from mirage_lsd.worker.engines.device.capture import CapturePlace, capture
from mirage_lsd.worker.engines.device.device import ran_out_of_memory
from mirage_lsd.worker.engines.device.graph_set import GraphSet, Launch, Tensors, checked

# What the compiler makes is kept there and not in a temporary folder, so that the next start finds it. Set before the
# compiler is imported, which writes down its own choice.
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(default_cache_dir() / "inductor"))
# The C++ compiler takes about a second for each of a net's hundred kernels; the U-Net runs several times a frame.
_WORTH_IT_ON_A_CPU = ("denoise",)
# One code object serves every working size; past its own limit of 8 the compiler would go back to eager, silently.
_COMPILER_LIMITS = {"recompile_limit": 64, "accumulated_recompile_limit": 1024, "fail_on_recompile_limit_hit": True}


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


class CapturedEngine(TorchEngine):
    """On CUDA one captured graph for each binding; elsewhere the launches themselves.

    lane_of: which graphs never run at the same time, as the name of their lane; these share scratch memory.
    """

    name = "captured"

    def __init__(self, graphs: GraphSet, lane_of: Callable[[str], str] = lambda graph: graph) -> None:
        super().__init__(graphs)
        self._lane_of = lane_of
        self._places: dict[str, CapturePlace] = {}

    def bind(self, graph: str, inputs: Tensors, outputs: Tensors) -> Launch:
        """See graph_set.DeviceEngine. Warms up on copies: another engine may be using the buffers now."""
        launch = super().bind(graph, inputs, outputs)
        rehearse = super().bind(graph, _copies(inputs), _copies(outputs))
        if self._graphs.device.type == "cuda":
            return capture(launch, rehearse, self._place(graph))
        rehearse()
        return launch

    def _place(self, graph: str) -> CapturePlace:
        lane = self._lane_of(graph)
        if lane not in self._places:
            self._places[lane] = CapturePlace(self._graphs.device)
        return self._places[lane]


class CompiledEngine(CapturedEngine):
    """torch.compile, captured on CUDA. Raises EngineError where it cannot compile."""

    name = "compiled"

    def __init__(self, graphs: GraphSet, lane_of: Callable[[str], str] = lambda graph: graph) -> None:
        super().__init__(graphs, lane_of)
        _need_compiler(graphs.device)
        # Not "reduce-overhead": its own CUDA graphs copy inputs and own the outputs; ours use the static buffers.
        on_card = graphs.device.type == "cuda"
        mode = "max-autotune-no-cudagraphs" if on_card else "default"
        for name, module in graphs.modules.items():
            if has_weights(module) and (on_card or name in _WORTH_IT_ON_A_CPU):
                self._modules[name] = torch.compile(module, mode=mode, dynamic=False)

    def bind(self, graph: str, inputs: Tensors, outputs: Tensors) -> Launch:
        """See graph_set.DeviceEngine."""
        try:
            with warnings.catch_warnings(), torch._dynamo.config.patch(_COMPILER_LIMITS):
                warnings.simplefilter("ignore")  # the compiler warns about its own settings
                return super().bind(graph, inputs, outputs)
        except MirageError:
            raise
        except Exception as error:  # a compiler may raise anything: a reason for another engine
            if ran_out_of_memory(error):
                raise
            raise EngineError(f"torch.compile cannot build graph {graph!r}: {reason_of(error)}",
                              "compile_failed") from error


def _copies(tensors: Tensors) -> Tensors:
    return {name: tensor.clone() for name, tensor in tensors.items()}


def has_weights(module: torch.nn.Module) -> bool:
    """Whether there is enough in a module to be worth compiling."""
    return next(module.parameters(), None) is not None


def _need_compiler(device: torch.device) -> None:
    windows = sys.platform == "win32"
    compiler = "cl" if windows else "g++"
    if device.type == "cpu" and not (shutil.which(compiler) or shutil.which("clang++")):
        raise EngineError(f"torch.compile on a CPU needs a C++ compiler and {compiler} is not installed",
                          "compile_failed")
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        package = "triton-windows" if windows else "triton"
        raise EngineError(f"torch.compile on this card needs the package triton: pip install {package}",
                          "compile_failed")
    # Triton builds a small launcher for each kernel; its Windows package brings a compiler for that.
    found = any(map(shutil.which, (os.environ.get("CC") or "cc", "gcc", "clang")))
    if device.type == "cuda" and not windows and not found:
        raise EngineError("torch.compile on this card needs a C compiler and none is installed: install gcc",
                          "compile_failed")

# SPDX-License-Identifier: Apache-2.0
"""A model's graphs as the device-resident engines take them: torch modules with their specifications. Needs torch.

Made by the model's loader, read by the engines on the loading thread. Invariant: `fingerprint` changes whenever a
weight or a graph does, so that what was built from other weights is never run.

An engine binds a graph to static buffers once and then launches it without arguments:

    run = engine.bind("decode", {"latent": latent}, {"rgba": rgba})    # tensors on the engine's device
    run()                                                              # on the current stream; nothing is returned
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

from mirage_lsd.worker.engines import EngineError
from mirage_lsd.worker.models.graphs import GraphSpec, TensorSpec

Tensors = dict[str, torch.Tensor]
Launch = Callable[[], None]


class DeviceEngine(Protocol):
    """What every device-resident engine offers."""

    name: str

    def bind(self, graph: str, inputs: Tensors, outputs: Tensors) -> Launch: ...


@dataclass(frozen=True)
class GraphSet:
    """specs and modules by graph name, the specifications' dtypes being those of the buffers; precision: "float32",
    "float16" or "bfloat16", of the weights; device: where they are; fingerprint: of weights and architecture."""

    specs: dict[str, GraphSpec]
    modules: dict[str, torch.nn.Module]
    precision: str
    device: torch.device
    fingerprint: str = ""

    def new_buffer(self, spec: TensorSpec) -> torch.Tensor:
        """A zeroed static buffer for one input or output."""
        return torch.zeros(spec.shape, dtype=dtype_of(spec), device=self.device)


def dtype_of(spec: TensorSpec) -> torch.dtype:
    """torch's name for the type of a specification."""
    return getattr(torch, spec.dtype)


def checked(graphs: GraphSet, graph: str, inputs: Tensors, outputs: Tensors) -> tuple[list, list]:
    """Inputs and outputs in call order, of the specified shape and type, else EngineError("bad_input")."""
    spec = graphs.specs[graph]
    return (_checked(graphs, graph, "input", spec.inputs, inputs),
            _checked(graphs, graph, "output", spec.outputs, outputs))


def _checked(graphs: GraphSet, graph: str, kind: str, specs: tuple[TensorSpec, ...], tensors: Tensors) -> list:
    names = [spec.name for spec in specs]
    if set(tensors) != set(names):
        raise EngineError(f"graph {graph!r} has the {kind}s {', '.join(names)}; got {', '.join(tensors)}", "bad_input")
    for spec in specs:
        tensor, dtype = tensors[spec.name], dtype_of(spec)
        if tuple(tensor.shape) != spec.shape or tensor.dtype != dtype or tensor.device != graphs.device:
            wanted = f"{dtype} {spec.shape} on {graphs.device}"
            raise EngineError(f"graph {graph!r}: {kind} {spec.name!r} must be {wanted}, got {tensor.dtype} "
                              f"{tuple(tensor.shape)} on {tensor.device}", "bad_input")
    return [tensors[name] for name in names]

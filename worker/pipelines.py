# SPDX-License-Identifier: Apache-2.0
"""The named pipelines: each an ordered list of stages. This file is the architecture.

Called by the worker's loop thread when a stream opens or changes its pipeline. Invariant: the order below is the
order in which a frame passes; upload comes before and download after every pipeline (see loop.py).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.stages.base import Stage
from mirage_lsd.worker.stages.condition import Condition
from mirage_lsd.worker.stages.context import ModelContext
from mirage_lsd.worker.stages.decode import Decode
from mirage_lsd.worker.stages.denoise import Denoise
from mirage_lsd.worker.stages.encode import Encode
from mirage_lsd.worker.stages.fade import Fade
from mirage_lsd.worker.stages.flow import Flow
from mirage_lsd.worker.stages.upscale import Upscale

if TYPE_CHECKING:
    from mirage_lsd.worker.v1.frame.context import V1Context

PIPELINES: dict[str, tuple[type, ...]] = {
    "passthrough": (),
    "lsd": (Flow, Encode, Condition, Denoise, Decode, Upscale, Fade),
}
# The same order for mirage-lsd-v1: class Flow of worker/v1/stages/flow.py and so on. By name, since importing them
# brings in PyTorch, which a worker that runs mirage-lsd-tiny never needs.
V1_STAGES = ("flow", "encode", "condition", "denoise", "decode", "upscale", "fade")
V1_PACKAGE = "mirage_lsd.worker.v1.stages"


class UnknownPipelineError(MirageError):
    """A stream asks for a pipeline that does not exist."""

    code = "unknown_pipeline"


def needs_model(name: str) -> bool:
    """Whether the pipeline runs the model, so that it has to wait until one is loaded."""
    return bool(PIPELINES.get(name))


def build(name: str, host: EngineHost) -> list[Stage]:
    """New stages of the pipeline `name`, in running order, for one stream."""
    if name not in PIPELINES:
        raise UnknownPipelineError(f"no pipeline is called {name!r}; choose one of {', '.join(PIPELINES)}")
    context = ModelContext(host)
    return [stage(context) for stage in PIPELINES[name]]


def build_v1(context: V1Context) -> list[Stage]:
    """New stages of the lsd pipeline with mirage-lsd-v1, in running order, for one stream."""
    modules = [(name, importlib.import_module(f"{V1_PACKAGE}.{name}")) for name in V1_STAGES]
    return [getattr(module, name.capitalize())(context) for name, module in modules]

# SPDX-License-Identifier: Apache-2.0
"""The contract every stage keeps, and the job that travels through the stages.

Called by the worker's loop thread only, one job at a time per stream. Invariant: a stage changes only the
fields of the job that its own file names, and holds state of exactly one stream.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.ring.frame import FrameHeader


@dataclass
class Job:
    """One frame on its way from the input ring to the output ring.

    header: as read from the input ring; `settings`/`generation`: the settings this frame is rendered under.
    source: uint8 [height, width, 4] BGRA, the stream's own copy of the captured picture.
        mirage-lsd-v1: the same as a tensor on its device, for output as well.
    output: uint8 [height, width, 4] BGRA, the picture to show (None until a stage has made one).
    tensors: what the model stages hand on, by name (see worker/models/graphs.py for shapes and ranges).
    cut: whether the source shows another scene than in the last frame (the flow stage says so).
    stage_ms: how long each stage took, filled by the loop.
    """

    header: FrameHeader
    settings: StreamSettings
    generation: int
    source: np.ndarray
    output: np.ndarray | None = None
    tensors: dict[str, Any] = field(default_factory=dict)
    cut: bool = False
    stage_ms: dict[str, float] = field(default_factory=dict)


class Stage(Protocol):
    """One step of a pipeline.

    `name`: the stage's name in timings. Calling it transforms a job and returns it.
    `reset()` forgets the history of the stream (scene cut, new size): the next frame starts afresh.
    `flush()` gives back everything the stage holds; it is not called again afterwards.
    """

    name: str

    def __call__(self, job: Job) -> Job: ...

    def reset(self) -> None: ...

    def flush(self) -> None: ...


class StatelessStage:
    """Base of stages that remember nothing between frames."""

    name = "stage"

    def reset(self) -> None:
        """Nothing to forget."""

    def flush(self) -> None:
        """Nothing to give back."""

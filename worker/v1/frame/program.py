# SPDX-License-Identifier: Apache-2.0
"""One stream's frame program: static buffers, the graphs bound to them, and the lanes they run on. Needs torch.

Made when a size is first seen and used by the pipeline's thread; `bind` and `offer` may be called by the loading
thread. Invariants: buffers are made once and never move; a better engine takes over between two frames, never
within one; what a graph touches is derived from its binding, so the lanes know every dependency.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from mirage_lsd.worker.engines.device.device import Device
from mirage_lsd.worker.engines.device.graph_set import DeviceEngine, GraphSet, Launch
from mirage_lsd.worker.engines.device.lanes import Lanes, Traced
from mirage_lsd.worker.models.graphs import GraphSpec, TensorSpec
from mirage_lsd.worker.v1.frame.numbers import Numbers
from mirage_lsd.worker.v1.frame.wiring import (
    FRAME_GRAPHS,
    NUMBERS,
    STAGE_OF,
    in_turn,
    inputs_of,
    lane_of,
    outputs_of,
)

Launches = dict[tuple[str, int], Launch]
TABLE_STEPS = 5
STAGED = ("person_mask", "fresh", "strength#now")


@dataclass(frozen=True)
class ProgramOptions:
    """separate: lanes of their own, or all on one. timed: record stage times. trace: note every launch and event."""

    separate: bool = True
    timed: bool = False
    trace: list[Traced] | None = None


class FrameProgram:
    """`turn` is 0 or 1: which copy of the buffers in pairs belongs to the frame under way."""

    def __init__(self, graphs: GraphSet, device: Device, engine: DeviceEngine,
                 options: ProgramOptions = ProgramOptions()) -> None:  # fmt: skip
        self.graphs, self.device = graphs, device
        self.lanes = Lanes(device, options.separate, options.timed, options.trace)
        self.turn = 0
        self.numbers = Numbers(self._number_specs(), graphs.device)
        self.buffers: dict[str, torch.Tensor] = {**self.numbers.views, **self._make_buffers()}
        self._staged = {name: self._host_pair(name) for name in STAGED}
        pinned = graphs.device.type == "cuda"
        self._finite = [torch.ones((), dtype=torch.bool, pin_memory=pinned) for _ in (0, 1)]
        self.engine = engine.name
        self._launches = self.bind(engine)
        self.lanes.settle()
        self._offered: tuple[str, Launches] | None = None

    def bind(self, engine: DeviceEngine, notify: Callable[[str], None] = lambda graph: None) -> Launches:
        """Every graph over this program's buffers, for both turns where they differ. notify: called before each."""
        launches: Launches = {}
        for graph in FRAME_GRAPHS:
            notify(graph)
            spec = self.graphs.specs[graph]
            names = (*inputs_of(spec).values(), *outputs_of(spec).values())
            for turn in (0, 1):
                if turn and not any("#" in name for name in names):
                    launches[graph, 1] = launches[graph, 0]
                else:
                    launches[graph, turn] = engine.bind(graph, *self._tensors(spec, turn))
        return launches

    def offer(self, name: str, launches: Launches) -> None:
        """From the next frame on, run these. Called by the loading thread."""
        self._offered = name, launches

    def begin_frame(self) -> bool:
        """An offered engine takes over. False: the last picture of this turn's buffers was not finite."""
        if self._offered is not None:
            (self.engine, self._launches), self._offered = self._offered, None
            self.device.give_back()  # the scratch memory of the engine before
        finite = bool(self._finite[self.turn])
        self._finite[self.turn].fill_(True)
        return finite

    def end_frame(self) -> None:
        """All of the frame is queued and will leave: the next one takes the other turn's buffers. A frame that is
        given up leaves the turn as it is, so the buffers of the one that is still leaving are not touched."""
        self.turn = 1 - self.turn

    def watch(self, stage: str, name: str) -> None:
        """Queues a look at a buffer, whether it is finite: two frames later `begin_frame` tells, and no one waits."""
        is_finite = self._finite[self.turn]
        watched = self[name]

        def work() -> None:
            is_finite.copy_(torch.isfinite(watched).all(), non_blocking=True)

        self.do("diffusion", stage, work, reads=[name])

    def run(self, graph: str) -> Any:
        """Queues a graph on its lane."""
        spec = self.graphs.specs[graph]
        reads, writes = self._here(inputs_of(spec).values()), self._here(outputs_of(spec).values())
        launch, stage = self._launches[graph, self.turn], STAGE_OF.get(graph, graph)
        return self.lanes.launch(lane_of(graph), stage, launch, reads, writes)

    def do(self, lane: str, stage: str, work: Callable[[], None], reads: Iterable[str] = (),
           writes: Iterable[str] = ()) -> Any:  # fmt: skip
        """Queues work of a stage's own on named buffers."""
        return self.lanes.launch(lane, stage, work, self._here(reads), self._here(writes))

    def copy(self, stage: str, pairs: Iterable[tuple[str, str]], lane: str = "diffusion") -> Any:
        """Queues copies from buffer to buffer."""
        pairs = tuple(pairs)

        def work() -> None:
            for source, target in pairs:
                self[target].copy_(self[source])

        return self.do(lane, stage, work, [source for source, _ in pairs], [target for _, target in pairs])

    def stage_in(self, lane: str, stage: str, name: str, value: np.ndarray) -> Any:
        """Queues the upload of a host array (one of STAGED) through pinned memory."""
        pinned, target = self._staged[name][self.turn], self[name]
        pinned.copy_(torch.from_numpy(value).view(pinned.shape))
        return self.do(lane, stage, lambda: target.copy_(pinned, non_blocking=True), writes=[name])

    def __getitem__(self, name: str) -> torch.Tensor:
        """A buffer, "#now" and "#before" resolved for the frame under way."""
        return self.buffers[in_turn(name, self.turn)]

    def _here(self, names: Iterable[str]) -> list[str]:
        return [in_turn(name, self.turn) for name in names]

    def _tensors(self, spec: GraphSpec, turn: int) -> tuple[dict, dict]:
        return tuple({tensor: self.buffers[in_turn(name, turn)] for tensor, name in wires.items()}
                     for wires in (inputs_of(spec), outputs_of(spec)))  # fmt: skip

    def _host_pair(self, name: str) -> list[torch.Tensor]:
        like, pinned = self[name], self.graphs.device.type == "cuda"
        return [torch.zeros(like.shape, dtype=like.dtype, pin_memory=pinned) for _ in (0, 1)]

    def _number_specs(self) -> list[TensorSpec]:
        inputs = {tensor.name: tensor for graph in FRAME_GRAPHS for tensor in self.graphs.specs[graph].inputs
                  if tensor.name in NUMBERS}  # fmt: skip
        tables = [TensorSpec(f"{name}_table", (TABLE_STEPS, *inputs[name].shape)) for name in ("step", "timestep")]
        return [*inputs.values(), *tables]

    def _make_buffers(self) -> dict[str, torch.Tensor]:
        made: dict[str, torch.Tensor] = {}
        for graph in FRAME_GRAPHS:
            spec = self.graphs.specs[graph]
            wires = [(tensor, inputs_of(spec)[tensor.name]) for tensor in spec.inputs]
            wires += [(tensor, outputs_of(spec)[tensor.name]) for tensor in spec.outputs]
            for tensor, name in wires:
                for turn in (0, 1):
                    buffer = in_turn(name, turn)
                    if buffer not in made and buffer not in self.numbers.views:
                        made[buffer] = self.graphs.new_buffer(tensor)
        return made

# SPDX-License-Identifier: Apache-2.0
"""From eager to the best engine there is, while the stream already runs. Needs torch.

`upgrade` and `forget` belong to the pipeline's thread, building to one thread of this class; an engine that was named
is built by `upgrade` itself, which returns when it is there. Invariants: a program always has an engine; one that
cannot be built leaves the one before it, with the reason in a note; one program's engines are built at a time.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import torch

from mirage_lsd.shared.errors import reason_of
from mirage_lsd.worker.engines import EngineError
from mirage_lsd.worker.engines.device.device import ran_out_of_memory
from mirage_lsd.worker.engines.device.graph_set import DeviceEngine, GraphSet, Launch, Tensors
from mirage_lsd.worker.engines.device.onnx_graphs import OnnxGraphs
from mirage_lsd.worker.engines.device.tensorrt import TensorRtEngine
from mirage_lsd.worker.engines.device.torch_engine import CapturedEngine, CompiledEngine, TorchEngine
from mirage_lsd.worker.engines.engine_store import EngineStore
from mirage_lsd.worker.hosts.devices import Gpu
from mirage_lsd.worker.v1.frame.program import FrameProgram
from mirage_lsd.worker.v1.frame.wiring import FRAME_GRAPHS, lane_of

# The graphs with the weights; the rest is arithmetic on pictures, where captured torch kernels are as fast.
HEAVY_GRAPHS = ("encode", "denoise", "decode")
ENGINE_NAMES = ("eager", "captured", "compiled", "tensorrt", "onnx")
# What a named engine that cannot be had is replaced by on a graphics card.
NEXT_BEST = {"tensorrt": "compiled", "compiled": "captured"}


class EngineUpgrader:
    """wanted: "auto", or one engine to have from the first frame on. `engine`: what the newest program runs;
    `progress`: what is being built, "" when nothing is; notify: called with each such text."""

    def __init__(self, wanted: str, note: Callable[[str], None], notify: Callable[[str], None] = lambda text: None):
        if wanted not in ("auto", *ENGINE_NAMES):
            raise EngineError(f"unknown engine {wanted!r}; use auto, {', '.join(ENGINE_NAMES)}", "engine_unknown")
        self.progress = ""
        self.thread: threading.Thread | None = None
        self._wanted, self._note, self._notify = wanted, note, notify
        self._jobs: queue.SimpleQueue[tuple[FrameProgram, tuple[str, ...], Gpu | None] | None] = queue.SimpleQueue()
        self._wanting: set[int] = set()
        self._newest: FrameProgram | None = None

    @property
    def engine(self) -> str:
        """What the newest program runs, or will from its next frame on."""
        return self._newest.engine if self._newest is not None else "eager"

    def upgrade(self, program: FrameProgram, better: tuple[str, ...], gpu: Gpu | None) -> None:
        """Has a program's engines built: now for a wanted one, else in the background."""
        self._newest = program
        self._wanting.add(id(program))
        if self._wanted == program.engine:
            return
        if self._wanted != "auto":
            name = self._wanted
            while name and not self._build(program, name, gpu):
                name = NEXT_BEST.get(name, "") if gpu is not None else ""
            self.progress = ""
        elif better:
            self._jobs.put((program, better, gpu))
            if self.thread is None or not self.thread.is_alive():
                self.thread = threading.Thread(target=self._run, name="engine-build", daemon=True)
                self.thread.start()

    def forget(self, program: FrameProgram) -> None:
        """Nothing more is built for a program."""
        self._wanting.discard(id(program))
        if self._newest is program:
            self._newest = None

    def stop(self) -> None:
        """Nothing more is built for the programs there are."""
        self._wanting.clear()
        self._newest = None

    def close(self) -> None:
        """Ends the thread, after the graph it is at."""
        self.stop()
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            program, better, gpu = job
            for name in better:
                if id(program) in self._wanting:
                    self._build(program, name, gpu)
            self.progress = ""
            del job, program  # else a dropped program's buffers stay until the next one comes

    def _build(self, program: FrameProgram, name: str, gpu: Gpu | None) -> bool:
        """Whether the engine is there now."""
        self._tell(program, f"building the {name} engine")
        try:
            with program.device.chosen():
                launches = program.bind(self._make(name, program, gpu),
                                        lambda graph: self._tell_graph(program, name, graph))  # fmt: skip
        except EngineError as error:
            reason = "" if error.code == "build_cancelled" else str(error)
        except Exception as error:  # noqa: BLE001  a compiler or driver may raise anything, and frames go on
            full = ran_out_of_memory(error)
            reason = "graphics memory ran out while it was built" if full else reason_of(error)
        else:
            if id(program) in self._wanting:
                program.offer(name, launches)
            return True
        if reason:
            self._note(f"{name} engine not used: {reason}")
        program.device.give_back()
        return False

    def _tell(self, program: FrameProgram, doing: str) -> None:
        meanwhile = f", {program.engine} runs meanwhile" if self._wanted == "auto" else ""
        self.progress = doing + meanwhile
        self._notify(self.progress)

    def _tell_graph(self, program: FrameProgram, name: str, graph: str) -> None:
        number = FRAME_GRAPHS.index(graph) + 1
        self._tell(program, f"building the {name} engine, graph {number} of {len(FRAME_GRAPHS)} ({graph})")

    def _make(self, name: str, program: FrameProgram, gpu: Gpu | None) -> DeviceEngine:
        graphs = program.graphs
        if name == "captured":
            return CapturedEngine(graphs, lane_of)
        if name == "compiled":
            return CompiledEngine(graphs, lane_of)
        if name == "onnx":
            return OnnxGraphs(graphs)
        if name == "tensorrt":
            if gpu is None or torch.version.hip:
                raise EngineError("TensorRT needs an NVIDIA card", "engine_missing")
            return MixedEngine(self._tensorrt(program, gpu), CapturedEngine(graphs, lane_of))
        return TorchEngine(graphs)

    def _tensorrt(self, program: FrameProgram, gpu: Gpu) -> TensorRtEngine:
        graphs = program.graphs
        heavy = GraphSet({name: graphs.specs[name] for name in HEAVY_GRAPHS},
                         {name: graphs.modules[name] for name in HEAVY_GRAPHS},
                         graphs.precision, graphs.device, graphs.fingerprint)  # fmt: skip

        def tell(graph: str, share: float) -> None:
            number = HEAVY_GRAPHS.index(graph) + 1
            self._tell(program, f"building TensorRT engine {number} of {len(HEAVY_GRAPHS)} ({graph}, {share:.0%})")

        return TensorRtEngine(heavy, gpu, EngineStore(), tell, lambda: id(program) not in self._wanting)


class MixedEngine:
    """TensorRT for the graphs it was built for, another engine for the rest."""

    name = "tensorrt"

    def __init__(self, heavy: TensorRtEngine, rest: DeviceEngine) -> None:
        self._heavy, self._rest = heavy, rest

    def bind(self, graph: str, inputs: Tensors, outputs: Tensors) -> Launch:
        """See graph_set.DeviceEngine."""
        return (self._heavy if graph in HEAVY_GRAPHS else self._rest).bind(graph, inputs, outputs)

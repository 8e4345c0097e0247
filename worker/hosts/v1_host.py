# SPDX-License-Identifier: Apache-2.0
"""mirage-lsd-v1, loaded once for all its streams: in the background, with a plan for the card's memory. Needs torch.

`load_or_tell` runs on the loader's thread, `new_program` and `out_of_memory` on the pipeline's; engines are built on a
thread of their own. Invariants: a program runs from its first frame on (eager) and takes a better engine over between
two frames; when memory runs out, a stream's buffers are given back before it goes on with a smaller plan (the weights
stay); `generation` rises whenever programs have to be made anew.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from mirage_lsd.shared.errors import MirageError, reason_of
from mirage_lsd.shared.messages.settings import V1, StreamSettings
from mirage_lsd.worker.engines.device.device import Device, open_device, ran_out_of_memory
from mirage_lsd.worker.engines.device.graph_set import GraphSet
from mirage_lsd.worker.engines.device.torch_engine import TorchEngine
from mirage_lsd.worker.hosts import devices
from mirage_lsd.worker.hosts.v1_engines import EngineUpgrader
from mirage_lsd.worker.hosts.v1_model import TokenReader, load_model, new_prompts
from mirage_lsd.worker.hosts.vram import OutOfVramError, VramPlan, main_memory, plan_for, smaller
from mirage_lsd.worker.pipeline import Pipeline
from mirage_lsd.worker.stage_order import v1_stages
from mirage_lsd.worker.timing import since_ms
from mirage_lsd.worker.v1.first_kernel import probe
from mirage_lsd.worker.v1.frame.context import V1Context
from mirage_lsd.worker.v1.frame.program import FrameProgram, ProgramOptions
from mirage_lsd.worker.v1.frame.transport import DeviceTransport
from mirage_lsd.worker.v1.graphs.graphs import graph_specs
from mirage_lsd.worker.v1.graphs.shapes import SdShapes, sd_shapes_for
from mirage_lsd.worker.v1.nets.model import MirageV1, graph_modules
from mirage_lsd.worker.v1.status import V1Status

log = logging.getLogger(__name__)
MEMORY_RAN_OUT = "graphics memory ran out"


@dataclass(frozen=True)
class V1Options:
    """checkpoint: folder, file or hub id, "" for the default, "random:NAME" for random weights. device: a setting.
    precision: "float16", "float32", "bfloat16" or "auto". engine: "auto" climbs from eager to the best there is; any
    other is built before the first frame. working_px: instead of the working size's own (tests, benchmarks)."""

    checkpoint: str = ""
    device: str = "auto"
    precision: str = "auto"
    engine: str = "auto"
    working_px: tuple[int, int] | None = None


class V1Host:
    """See model_host.ModelHost."""

    def __init__(self, options: V1Options, gpus: tuple[devices.Gpu, ...] | None = None,
                 notify: Callable[[str], None] = lambda text: None) -> None:  # fmt: skip
        self.options = options
        self.status = V1Status(notify)
        self.model, self.load_ms = V1, 0.0
        self.generation = 0
        self.plan: VramPlan | None = None
        self.processor: Device | None = None
        self._gpus = devices.find_gpus() if gpus is None else gpus
        self._gpu: devices.Gpu | None = None
        self._loaded: MirageV1 | None = None
        self._tokens: TokenReader | None = None
        self._upgrader = EngineUpgrader(options.engine, self.status.note, notify)

    @property
    def state(self) -> str:
        """"loading", "ready" or "failed"."""
        return self.status.state

    @property
    def notes(self) -> list[str]:
        """What the user should know, the newest last."""
        return self.status.notes

    @property
    def device(self) -> str:
        """The device's id, or the setting until it is chosen."""
        if self._gpu is not None:
            return self._gpu.id
        return devices.CPU if self.processor is not None else self.options.device

    @property
    def ready(self) -> bool:
        """Whether frames can be rendered."""
        return self.state == "ready"

    @property
    def engine(self) -> str:
        """The engine of the newest program."""
        return self._upgrader.engine

    @property
    def text(self) -> str:
        """One line for the status: what runs where, or what is being done, or why not."""
        if not self.ready:
            return self.status.text(self.model)
        plan = f", {self.plan.name}" if self._gpu is not None and self.plan is not None else ""
        extra = [part for part in (self._upgrader.progress, *self.notes[-1:]) if part]
        return "; ".join([f"{self.model} on {self._device_name()}, {self.engine}{plan}", *extra])

    @property
    def config(self):
        """The U-Net's configuration."""
        return self._loaded.config

    @property
    def schedule(self):
        """The checkpoint's few-step schedule."""
        return self._loaded.schedule

    def load(self) -> None:
        """Loads now. Raises MirageError naming what is wrong."""
        started_ns = time.perf_counter_ns()
        self._gpu = devices.resolve(self.options.device, self._gpus)
        devices.check_torch(self._gpu)
        self.plan = self.plan or (plan_for(self._gpu) if self._gpu else plan_for(main_memory()))
        if self._gpu is None and self.options.precision == "float16":
            self.note("float16 on a processor is many times slower than float32; leave out --precision float16")
        self.processor = open_device(self._gpu.id if self._gpu else devices.CPU)
        probe(self.processor, self._gpu)
        while True:
            try:
                self._loaded = load_model(self.options.checkpoint, self.processor.torch_device, self._precision(),
                                          self.plan.text_on_gpu, self.status.tell)  # fmt: skip
                self._tokens = TokenReader(self._loaded, self.processor.torch_device)
                break
            except RuntimeError as error:
                if not ran_out_of_memory(error):
                    raise
                self._shrink(error)
        self.model = self._loaded.info.name
        self.load_ms = since_ms(started_ns)
        self.status.state = "ready"
        log.info("%s (%.0f ms)", self.text, self.load_ms)

    def prepare(self, width_px: int, height_px: int, working_size: str) -> bool:
        """Every size may be used at once: its program is made when it is first seen."""
        return True

    def new_pipeline(self, live: bool = True, options: ProgramOptions | None = None) -> Pipeline:
        """One stream more."""
        context = V1Context(self, live, options)
        return Pipeline(self, context, v1_stages(context), DeviceTransport(context))

    def record_frame(self, settings: StreamSettings, size_px: tuple[int, int], frame_ms: float) -> None:
        """Nothing follows the pace: a card keeps it, or the user chooses another size."""

    def running_text(self, settings: StreamSettings) -> str:
        """As `text`."""
        return self.text

    def shapes_for(self, width_px: int, height_px: int, working_size: str) -> SdShapes:
        """The sizes for a source, within the plan."""
        if self.options.working_px:
            return SdShapes((width_px, height_px), self.options.working_px)
        return sd_shapes_for(width_px, height_px, self.plan.allows(working_size))

    def new_program(self, shapes: SdShapes, options: ProgramOptions) -> FrameProgram:
        """A program that runs at once; in "auto" better engines are built for it in the background."""
        graphs = self._graphs(shapes)
        with self.processor.chosen():  # else pinned memory wakes the first card, whichever is in use
            program = FrameProgram(graphs, self.processor, TorchEngine(graphs), options)
        self._upgrader.upgrade(program, self._better_engines(), self._gpu)
        return program

    def drop_program(self, program: FrameProgram) -> None:
        """The program's stream has no more use for it."""
        self._upgrader.forget(program)

    def new_prompts(self):
        """Reads one stream's prompts, on a thread of its own."""
        return new_prompts(self._tokens)

    def out_of_memory(self, error: Exception) -> OutOfVramError:
        """Books that a frame did not fit: the next smaller plan, or the end of v1. Returns what to raise."""
        log.warning("%s under the %s: %s", MEMORY_RAN_OUT, self.plan.name, error)
        self._upgrader.stop()
        self.generation += 1
        try:
            self._shrink(error)
            if not self.plan.text_on_gpu:
                self._tokens.move_to_cpu()
        except MirageError as failed:
            self.status.fail(str(failed))
            self._loaded = self._tokens = None
        return OutOfVramError(f"{MEMORY_RAN_OUT}: {self.plan.name if self.ready else 'mirage-lsd-tiny'} from now on")

    def release_memory(self) -> None:
        """Returns freed memory to the driver: call it once nothing holds the old program any more."""
        if self.processor is not None:
            self.processor.give_back()

    def close(self) -> None:
        """Lets the model go; a build under way ends with the graph it is at."""
        self.status.closing = True
        self._upgrader.close()
        self._loaded = self._tokens = None
        self.release_memory()

    def note(self, text: str) -> None:
        """Something the user should know."""
        self.status.note(text)

    def load_or_tell(self) -> None:
        """Loads now; failure is told by `state` and `text`."""
        try:
            self.load()
        except MirageError as error:
            log.error("%s cannot be loaded: %s (%s)", V1, error, error.code)
            self.status.fail(str(error))
        except Exception as error:  # drivers and readers of model files may raise anything: it is told
            log.exception("%s cannot be loaded", V1)
            self.status.fail(f"{reason_of(error)} (the worker's log has more)")

    def _shrink(self, error: Exception) -> None:
        plan = smaller(self.plan)
        if plan is None:
            raise devices.DeviceError(f"{MEMORY_RAN_OUT} even at {self.plan.largest} working size ({error}); close "
                                      "other programs that use the card", "too_little_vram") from error  # fmt: skip
        self.note(f"{MEMORY_RAN_OUT}, now the {plan.name}")
        self.plan = plan

    def _graphs(self, shapes: SdShapes) -> GraphSet:
        precision, modules = self._precision(), graph_modules(self._loaded, shapes)
        specs = graph_specs(shapes, self.config, precision)
        return GraphSet(specs, modules, precision, self.processor.torch_device, self._loaded.info.fingerprint)

    def _precision(self) -> str:
        if self.options.precision != "auto":
            return self.options.precision
        return "float16" if self._gpu is not None else "float32"

    def _better_engines(self) -> tuple[str, ...]:
        if self.options.engine != "auto":
            return (self.options.engine,)
        return self.plan.engines if self._gpu is not None else ()

    def _device_name(self) -> str:
        return f"{self._gpu.id} {self._gpu.name}" if self._gpu is not None else self.device

# SPDX-License-Identifier: Apache-2.0
"""The model, loaded once for all streams, in the background while the loop already answers.

`start` and `prepare` return at once and load on a thread of their own; everything else belongs to the loop thread.
Invariant: an engine is handed out only after a whole frame has gone through it, so no real frame pays for warm-up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from weakref import WeakValueDictionary

import numpy as np

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker import engines
from mirage_lsd.worker.hosts.model_context import ModelContext, TinyModel
from mirage_lsd.worker.hosts.pace import Pace
from mirage_lsd.worker.models.graphs import GraphShapes, shapes_for
from mirage_lsd.worker.models.sampler import Schedule
from mirage_lsd.worker.models.weights import load_schedule
from mirage_lsd.worker.pipeline import Pipeline
from mirage_lsd.worker.processes import freed_memory
from mirage_lsd.worker.stage_order import tiny_stages
from mirage_lsd.worker.timing import since_ms
from mirage_lsd.worker.tracking.person_follow import PersonFollower
from mirage_lsd.worker.transport import HostTransport

log = logging.getLogger(__name__)
FIRST_SHAPES = GraphShapes((320, 192))  # 16:9 at medium quality: what most streams ask for
SIZES_KEPT = 32
ENGINES_KEPT = 2  # the size that runs and the one before, which "auto" may soon go back to


class EngineHost:
    """state: "loading", "ready" or "failed"; text: what to tell the user; model, engine, device: what runs.

    looks_for_people: whether what was not seen to be somebody stays unpainted. One engine per working size, for as long
    as a stream uses it; the ENGINES_KEPT loaded last stay anyway.
    """

    looks_for_people = True

    def __init__(self) -> None:
        self.state = "loading"
        self.text = "loading the model"
        self.model, self.device, self.engine = "mirage-lsd-tiny", "cpu", "none"
        self.load_ms = 0.0
        self.schedule = Schedule.uniform()
        self.pace = Pace()
        self._present: dict[tuple[int, int], GraphShapes] = {}  # of "auto", by the source's size
        self._engines: WeakValueDictionary[GraphShapes, engines.Engine] = WeakValueDictionary()
        self._kept: deque[engines.Engine] = deque(maxlen=ENGINES_KEPT)
        self._preparing: threading.Thread | None = None

    @property
    def ready(self) -> bool:
        """Whether frames of the usual size can be rendered."""
        return self.state == "ready"

    def start(self) -> None:
        """Loads in the background; failure is told by `state` and `text`."""
        self.prepare_engine(FIRST_SHAPES)

    def load(self, shapes: GraphShapes = FIRST_SHAPES) -> engines.Engine:
        """Loads and warms the model for one working size now. Raises MirageError naming what is wrong."""
        started_ns = time.perf_counter_ns()
        self.schedule = load_schedule()
        engine = engines.create_engine("auto", shapes)
        warm_up(engine)
        if not self._kept and shapes == FIRST_SHAPES:
            self.pace.start("medium", nets_ms(engine))
        self._kept.append(engine)
        self._engines[shapes] = engine
        freed_memory.give_back()
        self.engine = engine.name
        self.load_ms = since_ms(started_ns)
        self.state, self.text = "ready", f"{self.model} on {self.device}"
        width_px, height_px = shapes.working_px
        log.info("%s on %s, %s, %dx%d: loaded in %.0f ms", self.model, self.device, self.engine, width_px,
                 height_px, self.load_ms)  # fmt: skip
        return engine

    def prepare(self, width_px: int, height_px: int, working_size: str) -> bool:
        """True when a frame of a source of this size need not wait; else an engine is made in the background."""
        return self.prepare_engine(self.shapes_for(width_px, height_px, working_size))

    def new_pipeline(self, live: bool = True) -> Pipeline:
        """One stream more."""
        return tiny_pipeline(self)

    def prepare_engine(self, shapes: GraphShapes) -> bool:
        """True when an engine for this working size is there; else has it made in the background."""
        if shapes in self._engines:
            return True
        if self.state != "failed" and (self._preparing is None or not self._preparing.is_alive()):
            load = threading.Thread(target=self._load_or_tell, args=(shapes,), name="model-load", daemon=True)
            self._preparing = load
            load.start()
        return False

    def engine_for(self, shapes: GraphShapes) -> engines.Engine:
        """The engine of a working size; made now if `prepare` has not been asked for it."""
        engine = self._engines.get(shapes)  # taken at once: the loading thread may let the last hold on it go
        return self.load(shapes) if engine is None else engine

    def shapes_for(self, width_px: int, height_px: int, working_size: str) -> GraphShapes:
        """The graphs' sizes for a source now. Where "auto" has come to another size: that one once its engine is
        there, until then the one before."""
        if working_size != "auto":
            return shapes_for(width_px, height_px, working_size)
        wanted, present = shapes_for(width_px, height_px, self.pace.size), self._present.get((width_px, height_px))
        if wanted == present or (present in self._engines and not self.prepare_engine(wanted)):
            return present
        latest = list(self._present.items())[-SIZES_KEPT:]  # a source that grows has a new size in every frame
        self._present = {**dict(latest), (width_px, height_px): wanted}
        return wanted

    def record_frame(self, settings: StreamSettings, size_px: tuple[int, int], frame_ms: float) -> None:
        """Books a frame of a source of this size that went through the stages."""
        size = self.pace.size
        if settings.working_size == "auto" and self._present.get(size_px) == shapes_for(*size_px, size):
            self.pace.record(size, frame_ms)

    def running_text(self, settings: StreamSettings) -> str:
        """For the status: what "auto" has come to."""
        return self.pace.text(settings.steps) if settings.working_size == "auto" else "running"

    def steps_for(self, settings: StreamSettings) -> int:
        """How many denoising steps a frame gets: fewer than asked for where "auto" has come to that."""
        return self.pace.steps(settings.steps) if settings.working_size == "auto" else settings.steps

    def new_person_mask(self) -> PersonFollower:
        """A person segmenter of its own for one stream."""
        return PersonFollower()

    def close(self) -> None:
        """The shipped model stays as long as the worker."""

    def _load_or_tell(self, shapes: GraphShapes) -> None:
        try:
            self.load(shapes)
        except MirageError as error:
            log.error("the model cannot be loaded: %s (%s)", error, error.code)
            self.state, self.text = "failed", f"the model cannot be loaded: {error}"


def tiny_pipeline(host: EngineHost | TinyModel) -> Pipeline:
    """One stream more of a host of mirage-lsd-tiny."""
    context = ModelContext(host)
    return Pipeline(host, context, tiny_stages(context), HostTransport())


def nets_ms(engine: engines.Engine, steps: int = 3, rounds: int = 4) -> float:
    """Milliseconds that the nets of a frame take: the best of a few rounds."""
    best: dict[str, float] = {}
    for _ in range(rounds):
        for name, spec in engine.specs.items():
            inputs = {tensor.name: np.zeros(tensor.shape, tensor.dtype) for tensor in spec.inputs}
            started_ns = time.perf_counter_ns()
            engine.run(name, inputs)
            best[name] = min(best.get(name, float("inf")), since_ms(started_ns))
    return sum(took_ms * {"denoise": steps, "condition": 0}.get(name, 1) for name, took_ms in best.items())


def warm_up(engine: engines.Engine) -> None:
    """Runs every graph once on zeros."""
    for name, spec in engine.specs.items():
        engine.run(name, {tensor.name: np.zeros(tensor.shape, tensor.dtype) for tensor in spec.inputs})

# SPDX-License-Identifier: Apache-2.0
"""mirage-lsd-tiny as one stream uses it: the graphs for its size, its person mask, its eyes, and its history.

Called by the worker's loop thread. Invariant: `fit` comes before any graph of a frame, and another working size is
taken up only once its engine is there.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from threading import Event
from typing import Protocol

import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.engines import Engine
from mirage_lsd.worker.history import History
from mirage_lsd.worker.models.graphs import GraphShapes
from mirage_lsd.worker.models.sampler import Schedule
from mirage_lsd.worker.processes.side_by_side import beside
from mirage_lsd.worker.tracking.eyes.eyes import Eyes, seen
from mirage_lsd.worker.tracking.eyes.sight import Sight
from mirage_lsd.worker.tracking.person_follow import PersonFollower

RESTED_FRAMES = 10  # so many frames of one working size, and a source is no longer changing


class TinyModel(Protocol):
    """What the stages need of the host of mirage-lsd-tiny. looks_for_people: whether what was not seen to be somebody
    stays unpainted."""

    engine: str
    schedule: Schedule
    looks_for_people: bool
    new_person_mask: Callable[[], PersonFollower]
    steps_for: Callable[[StreamSettings], int]
    shapes_for: Callable[[int, int, str], GraphShapes]
    prepare_engine: Callable[[GraphShapes], bool]
    engine_for: Callable[[GraphShapes], Engine]


class ModelContext:
    """What the stages of one stream share."""

    def __init__(self, host: TinyModel) -> None:
        self.host = host
        self.history = History()
        self._shapes: GraphShapes | None = None
        self._wish: GraphShapes | None = None
        self._wished = 0
        self._engine: Engine | None = None
        self._person_mask = host.new_person_mask()
        self._masks: Future | None = None
        self._eyes = Eyes()
        self._sights: list[Future] = []

    @property
    def engine(self) -> str:
        """What runs the graphs."""
        return self.host.engine

    def fit(self, width_px: int, height_px: int, working_size: str) -> bool:
        """Chooses the working size for a source; True when it changed, so that the past must go. Where one runs, it
        goes on until the source has come to rest and the next one's engine is there."""
        shapes = self.host.shapes_for(width_px, height_px, working_size)
        self._wished = self._wished + 1 if shapes == self._wish else 0
        self._wish = shapes
        if shapes == self._shapes:
            return False
        if self._engine is not None and (self._wished < RESTED_FRAMES or not self.host.prepare_engine(shapes)):
            return False
        self._shapes, self._engine = shapes, None
        return True

    @property
    def shapes(self) -> GraphShapes:
        """The sizes last fitted."""
        assert self._shapes is not None, "fit() comes before any graph"
        return self._shapes

    def run(self, graph: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Runs one graph at this stream's sizes."""
        if self._engine is None:
            self._engine = self.host.engine_for(self.shapes)
        return self._engine.run(graph, inputs)

    def begin_mask(self, working: np.ndarray) -> None:
        """Starts the person mask of a working picture uint8 [h, w, 3] RGB on another thread, so that the flow runs
        beside it; returns once it is under way, so that it is whether or not a graph holds the interpreter."""
        begun = Event()
        self._masks = beside(partial(self._person_mask, working, begun=begun.set))
        begun.wait()

    def end_mask(self) -> np.ndarray:
        """The mask begun last, float32 [h, w] 0..1."""
        assert self._masks is not None, "begin_mask() comes first"
        masks, self._masks = self._masks, None
        return masks.result()

    def begin_faces(self, source: np.ndarray) -> None:
        """Starts to look for faces in a source uint8 [H, W, 4] BGRA, after the mask and on its thread. The source must
        stay as it is until `end_eyes`."""
        self._sights = [beside(partial(self._eyes.faces, source))]

    def begin_hands(self, source: np.ndarray) -> None:
        """Starts to look for hands in the same source: once there is a graph that leaves a core to it."""
        self._sights.append(beside(partial(self._eyes.hands, source)))

    def end_eyes(self) -> Sight:
        """What was seen in the source given last."""
        assert len(self._sights) == 2, "begin_faces() and begin_hands() come first"
        sights, self._sights = self._sights, []
        return seen(*(sight.result() for sight in sights))

    def expect(self, sight: Sight) -> None:
        """What the eyes should look for in the next frame: see Eyes.expect."""
        self._eyes.expect(sight)

    def observe(self, mask: np.ndarray, background: np.ndarray) -> None:
        """Where the person of this frame is: see PersonFollower.observe."""
        self._person_mask.observe(mask, background)

    def look_at(self, working: np.ndarray, cells: np.ndarray, turn: int) -> np.ndarray:
        """Another look at the person in cells bool [h/8,w/8]: see PersonFollower.look_at."""
        return self._person_mask.look_at(working, cells, turn)

    def forget(self) -> None:
        """Drops the stream's past. The pipeline's to call."""
        self.history.clear()
        self._person_mask.reset()
        while self._sights:  # a frame failed half way
            self._sights.pop().exception()
        self._eyes.reset()

    def guarded(self) -> AbstractContextManager:
        """Nothing of this model's runs out."""
        return nullcontext()

    def release(self) -> None:
        """Gives graphs and history back."""
        self._engine, self._shapes = None, None
        self.forget()

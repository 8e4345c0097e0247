# SPDX-License-Identifier: Apache-2.0
"""What the model stages of one stream share: the graphs for its size, and its hidden state.

Called by the worker's loop thread. Invariant: memory is bounded: one frame of history and one anchor frame,
however long the stream.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from threading import Event

import cv2
import numpy as np

from mirage_lsd.worker.engine_host import EngineHost
from mirage_lsd.worker.engines import Engine
from mirage_lsd.worker.models.config import LATENT_FACTOR
from mirage_lsd.worker.models.graphs import GraphShapes
from mirage_lsd.worker.models.layer_box import Part
from mirage_lsd.worker.models.person_mask import PERSON_MASK_PX
from mirage_lsd.worker.models.person_view import PersonView
from mirage_lsd.worker.models.remembered import seen_from
from mirage_lsd.worker.models.side_by_side import beside

CACHES = ("c8", "c16", "c32")
ANCHORS = {"a16": "c16", "a32": "c32"}
_FACTORS = {"c8": 8, "c16": 16, "c32": 32, "a16": 16, "a32": 32}  # of the working px


@dataclass
class History:
    """What a stream remembers of its past (see worker/models/graphs.py for shapes).

    latent: the last output latent, or None after a reset. surface: the last body surface, f32 [1,3,h/2,w/2], steadied;
    buffers: the last layer's, f32 [1,8,h,w], steadied.
    caches: features of the last frame (kv_cache).
    anchor: features of an older frame that the look is held to. frames: how many frames since the reset.
    """

    latent: np.ndarray | None = None
    surface: np.ndarray | None = None
    buffers: np.ndarray | None = None
    caches: dict[str, np.ndarray] = field(default_factory=dict)
    anchor: dict[str, np.ndarray] = field(default_factory=dict)
    frames: int = 0

    def clear(self) -> None:
        """Forgets everything."""
        self.latent = self.surface = self.buffers = None
        self.caches = {}
        self.anchor = {}
        self.frames = 0

    def move(self, old: Part, new: Part, shapes: GraphShapes) -> None:
        """Sees everything from another part of the picture, at other sizes; nothing may be empty."""
        def moved(maps: np.ndarray, factor: float) -> np.ndarray:
            width_px, height_px = shapes.working_px
            return seen_from(maps, old, new, (int(height_px / factor), int(width_px / factor)))

        self.latent, self.surface, self.buffers = (
            moved(self.latent, LATENT_FACTOR), moved(self.surface, 2), moved(self.buffers, 1))
        self.caches, self.anchor = (
            {name: moved(maps, _FACTORS[name]) for name, maps in kept.items()} for kept in (self.caches, self.anchor))


class ModelContext:
    """The model as one stream uses it. patient: pictures may wait while an engine for another size is made (files).

    frame_px: size of the source; view: the part of it that the nets look at; person_view: where the person was lately.
    """

    def __init__(self, host: EngineHost, patient: bool = True) -> None:
        self.host, self.patient = host, patient
        self.history = History()
        self.frame_px: tuple[int, int] | None = None
        self.view: Part | None = None
        self.person_view: PersonView | None = None
        self._shapes: GraphShapes | None = None
        self._engine: Engine | None = None
        self._person_mask = host.new_person_mask()
        self._masks: Future | None = None
        self._person: np.ndarray | None = None

    def begin_mask(self, picture: np.ndarray) -> None:
        """Starts the person mask of a whole picture (see PersonMask) on another thread, so that the flow runs beside
        it; returns once it is under way, since a graph may hold the interpreter that it needs to start."""
        begun = Event()
        self._masks = beside(partial(self._person_mask, picture, PERSON_MASK_PX, begun.set))
        begun.wait()

    def end_mask(self) -> np.ndarray:
        """The mask begun last, as it is in the view, float32 [1, 1, h, w] 0..1."""
        assert self._masks is not None, "begin_mask() comes first"
        masks, self._masks = self._masks, None
        self._person = masks.result()
        whole, cells = (0, 0, *self.frame_px), self.shapes.cells(1)
        if self.view == whole:
            seen = cv2.resize(self._person, cells[::-1], interpolation=cv2.INTER_LINEAR)
        else:
            seen = seen_from(self._person, whole, self.view, cells)
        return np.ascontiguousarray(seen, np.float32)[None, None]

    def person(self, source: np.ndarray) -> np.ndarray:
        """The newest mask of the whole picture, f32 [h,w] 0..1: of the last frame, or else of this one now."""
        if self._person is None:
            self._person = self._person_mask(source, PERSON_MASK_PX)
        return self._person

    def begin(self, frame_px: tuple[int, int], working_size: str) -> None:
        """Sources are of this size from now on: all of it is looked at and nothing is known."""
        self.history.clear()
        self.frame_px, self.view, self._person = frame_px, (0, 0, *frame_px), None
        self._shapes, self._engine = self.host.shapes_for(*frame_px, working_size), None

    def look_at(self, view: Part, working_size: str) -> bool:
        """Sees this part of the picture from now on, at the working size that goes with it, unless its engine is not
        there yet; True when what is remembered was moved along."""
        shapes = self.host.shapes_for(view[2] - view[0], view[3] - view[1], working_size)
        if (view, shapes) == (self.view, self._shapes):
            return False
        if shapes != self._shapes and not self.patient and not self.host.prepare(shapes):
            return False
        known = self.history.latent is not None
        if known:
            self.history.move(self.view, view, shapes)
        if shapes != self._shapes:
            self._shapes, self._engine = shapes, None
        self.view = view
        return known

    def forget(self) -> None:
        """Another scene or stream: nothing that was seen holds."""
        self.history.clear()
        self.person_view = self._person = None

    @property
    def shapes(self) -> GraphShapes:
        """The sizes now."""
        assert self._shapes is not None, "begin() comes before any graph"
        return self._shapes

    def run(self, graph: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Runs one graph at this stream's sizes."""
        if self._engine is None:
            self._engine = self.host.engine_for(self.shapes)
        return self._engine.run(graph, inputs)

    def release(self) -> None:
        """Gives graphs and history back."""
        self._engine, self._shapes, self.frame_px = None, None, None
        self.forget()

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

import numpy as np

from mirage_lsd.worker.engines import Engine
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.models.graphs import GraphShapes
from mirage_lsd.worker.processes.side_by_side import beside

CACHES = ("c8", "c16", "c32")
RESTED_FRAMES = 10  # so many frames of one working size, and a source is no longer changing
ANCHORS = {"a16": "c16", "a32": "c32"}


@dataclass
class History:
    """What a stream remembers of its past (see worker/models/graphs.py for shapes).

    latent: the last output latent, or None after a reset. surface: the last body surface, f32 [1,3,h/2,w/2], steadied;
    buffers: the last layer's, f32 [1,8,h,w], steadied; layer_frames: how many frames after its first it is.
    caches: features of the last frame (kv_cache).
    anchor: features of an older frame that the look is held to. frames: how many frames since the reset.
    """

    latent: np.ndarray | None = None
    surface: np.ndarray | None = None
    buffers: np.ndarray | None = None
    caches: dict[str, np.ndarray] = field(default_factory=dict)
    anchor: dict[str, np.ndarray] = field(default_factory=dict)
    frames: int = 0
    layer_frames: int = 0

    def clear(self) -> None:
        """Forgets everything."""
        self.latent = self.surface = self.buffers = None
        self.caches = {}
        self.anchor = {}
        self.frames = self.layer_frames = 0


class ModelContext:
    """The model as one stream uses it."""

    def __init__(self, host: EngineHost) -> None:
        self.host = host
        self.history = History()
        self._shapes: GraphShapes | None = None
        self._wish: GraphShapes | None = None
        self._wished = 0
        self._engine: Engine | None = None
        self._person_mask = host.new_person_mask()
        self._masks: Future | None = None

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

    def fit(self, width_px: int, height_px: int, working_size: str) -> bool:
        """Chooses the working size for a source; True when it changed, so that the history must go. Where one runs, it
        goes on until the source has come to rest and the next one's engine is there."""
        shapes = self.host.shapes_for(width_px, height_px, working_size)
        self._wished = self._wished + 1 if shapes == self._wish else 0
        self._wish = shapes
        if shapes == self._shapes:
            return False
        if self._engine is not None and (self._wished < RESTED_FRAMES or not self.host.prepare(shapes)):
            return False
        self._shapes, self._engine = shapes, None
        self.forget()
        return True

    def saw(self, mask: np.ndarray, background: np.ndarray) -> None:
        """Tells where the person of this frame is: see PersonFollower.saw."""
        self._person_mask.saw(mask, background)

    def look_at(self, working: np.ndarray, cells: np.ndarray, turn: int) -> np.ndarray:
        """Another look at the person in cells bool [h/8,w/8]: see PersonFollower.look_at."""
        return self._person_mask.look_at(working, cells, turn)

    def forget(self) -> None:
        """Drops the stream's past: another scene or size."""
        self.history.clear()
        self._person_mask.reset()

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

    def release(self) -> None:
        """Gives graphs and history back."""
        self._engine, self._shapes = None, None
        self.forget()

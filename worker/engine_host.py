# SPDX-License-Identifier: Apache-2.0
"""The model, loaded once for all streams, in the background while the loop already answers.

`start` is called by the worker's main thread and loads on a thread of its own; the rest by the loop thread.
Invariant: `ready` becomes True only after a whole frame has gone through, so the first real frame is not slow.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker.models.graphs import GraphShapes

log = logging.getLogger(__name__)
NS_PER_MS = 1_000_000


class EngineHost:
    """state: "loading", "ready" or "failed"; text: what to tell the user; model, engine, device: what runs."""

    def __init__(self) -> None:
        self.state = "loading"
        self.text = "loading the model"
        self.model = self.engine = self.device = "none"
        self.load_ms = 0.0
        self._engine: Any = None

    @property
    def ready(self) -> bool:
        """Whether frames can be rendered."""
        return self.state == "ready"

    def start(self) -> None:
        """Loads in the background; failure is told by `state` and `text`."""
        threading.Thread(target=self._load_or_tell, name="model-load", daemon=True).start()

    def load(self) -> None:
        """Loads and warms the model now. Raises MirageError naming what is missing or damaged."""
        from mirage_lsd.worker import engines

        started_ns = time.perf_counter_ns()
        self._engine = engines.load()
        self.model, self.engine, self.device = self._engine.model, self._engine.name, self._engine.device
        self.load_ms = (time.perf_counter_ns() - started_ns) / NS_PER_MS
        self.state, self.text = "ready", f"{self.model} on {self.device}"
        log.info("%s runs on %s with %s, loaded in %.0f ms", self.model, self.device, self.engine, self.load_ms)

    def graphs(self, shapes: GraphShapes):
        """The model's graphs for one pair of sizes, with `run(name, inputs) -> outputs`."""
        return self._engine.graphs(shapes)

    @property
    def schedule(self):
        """The learned time-steps."""
        return self._engine.schedule

    def new_person_segmenter(self):
        """A person segmenter of its own for one stream."""
        from mirage_lsd.worker.models.person_mask import PersonSegmenter

        return PersonSegmenter()

    def devices(self) -> tuple[str, ...]:
        """What the device setting may be on this machine."""
        return ("auto", "cpu")

    def _load_or_tell(self) -> None:
        try:
            self.load()
        except MirageError as error:
            log.error("the model cannot be loaded: %s (%s)", error, error.code)
            self.state, self.text = "failed", f"the model cannot be loaded: {error}"

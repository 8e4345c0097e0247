# SPDX-License-Identifier: Apache-2.0
"""What the worker has been told of one stream, and what it says about it.

Used by streams.py on the supervisor thread; tell() may wait for the worker's answer. Invariants: the worker is never
told of settings before it has the rings; Lua learns of a generation before whoever asked for it, so no older frame is
shown after the answer.
"""

from __future__ import annotations

import time
from typing import Any

from mirage_lsd.obs_script.filters.ring_pair import RingPair
from mirage_lsd.obs_script.host.control_block import Area
from mirage_lsd.obs_script.processes.worker_process import RUNNING, WorkerProcess
from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.messages.worker_commands import ApplySettings, CloseStream, OpenStream
from mirage_lsd.shared.messages.worker_events import State, Stats

SEEN_WITHIN_S = 0.4


class WorkerLink:
    """`stats`, `state`: the worker's last ones, None while there are none."""

    def __init__(self, slot: Area) -> None:
        self._slot, self._stream_id = slot, slot.get("instance")
        self.stats: Stats | None = None
        self.state: State | None = None
        self._opened = self._applied = (0, 0)
        self._applied_at = 0.0

    def observe(self, event: Any) -> None:
        """Take an event of the worker about this stream."""
        if isinstance(event, Stats):
            self.stats = event
        elif isinstance(event, State):
            self.state = event

    def forget(self) -> None:
        """There is no worker."""
        self._slot.put("ready", 0)
        self.stats = self.state = None

    def tell(self, worker: WorkerProcess, rings: RingPair, settings: StreamSettings, generation: int) -> bool:
        """Have the worker serve these rings and settings; True once it does. Raises MirageError."""
        opened = (worker.launch, rings.epoch)
        if self._opened != opened:
            worker.request(OpenStream(self._stream_id, rings.epoch, rings.input_name, rings.output_name))
            self._opened = opened
        wanted = (worker.launch, generation)
        if self._applied != wanted and self._last_one_is_seen():
            self._applied_at = time.monotonic()
            worker.request(ApplySettings(self._stream_id, generation, settings))
            self._applied = wanted
            self._slot.put("generation", generation)
        return self._applied == wanted

    def close(self, worker: WorkerProcess) -> None:
        """The stream ends. Raises MirageError."""
        if worker.state == RUNNING and self._opened[0] == worker.launch:
            worker.request(CloseStream(self._stream_id, self._opened[1]))

    def _last_one_is_seen(self) -> bool:
        """Whether a frame of the last settings was shown, or none will be. A slider that is being dragged, or a crowd
        of controllers, must not outdate every frame before it is shown."""
        shown = self._slot.get("shown_generation") >= self._slot.get("generation")
        patience_s = SEEN_WITHIN_S + self._slot.get("hold_ns") / 1e9
        return shown or time.monotonic() - self._applied_at > patience_s

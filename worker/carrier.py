# SPDX-License-Identifier: Apache-2.0
"""How a stream's frames get from the input ring to its stages, and from them to the output ring.

Called by the worker's loop thread. `HostCarrier` here is for stages that work in main memory and are done when they
return; v1/frame/carrier.py is for stages that only queue work on a device. Invariant: a job that was sent is
either collected once or given up as a whole.
"""

from __future__ import annotations

from typing import Protocol

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.ring.ring import Ring
from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.stages.download import put
from mirage_lsd.worker.stages.upload import Upload

Taken = tuple[int, Job]
Finished = tuple[Job, int]


class Carrier(Protocol):
    """full: no frame may be taken now. busy: sent frames are not collected yet."""

    full: bool
    busy: bool

    def take(self, ring: Ring, after: int, settings: StreamSettings, generation: int) -> Taken | None: ...

    def send(self, ring: Ring, job: Job) -> None: ...

    def collect(self, ring: Ring) -> list[Finished]: ...

    def abandon(self) -> None: ...

    def release_rings(self) -> None: ...

    def flush(self) -> None: ...


class HostCarrier:
    """One copy out of the ring, one into it, both done at once."""

    full = busy = False

    def __init__(self) -> None:
        self._upload = Upload()
        self._finished: list[Finished] = []

    def take(self, ring: Ring, after: int, settings: StreamSettings, generation: int) -> Taken | None:
        """The newest frame after number `after`, copied, as (its number, job)."""
        return self._upload.take(ring, after, settings, generation)

    def send(self, ring: Ring, job: Job) -> None:
        """Publishes a finished job."""
        self._finished.append((job, put(ring, job)))

    def collect(self, ring: Ring) -> list[Finished]:
        """What was published since the last call, with the times in monotonic ns."""
        finished, self._finished = self._finished, []
        return finished

    def abandon(self) -> None:
        """Nothing is ever under way."""

    def release_rings(self) -> None:
        """Nothing is held of a ring."""

    def flush(self) -> None:
        """Gives the buffers back."""
        self._upload.flush()

# SPDX-License-Identifier: Apache-2.0
"""What happens when a frame does not fit into the card's memory. Needs torch.

Called by the worker's loop thread around everything that queues work. Invariant: running out of memory costs the
frame; the host chooses the next smaller plan and the stream goes on with it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mirage_lsd.worker.engines.device.device import ran_out_of_memory
from mirage_lsd.worker.stages.base import Job, Stage

if TYPE_CHECKING:
    from mirage_lsd.worker.hosts.v1_host import V1Host


@contextmanager
def within_memory(host: V1Host):
    """Turns running out of memory into the host's OutOfVramError."""
    try:
        yield
    except RuntimeError as error:
        if not ran_out_of_memory(error):
            raise
        raise host.out_of_memory(error) from None  # the traceback would keep what must be freed


class GuardedStage:
    """A stage within its host's memory."""

    def __init__(self, stage: Stage, host: V1Host) -> None:
        self.name = stage.name
        self._stage, self._host = stage, host

    def __call__(self, job: Job) -> Job:
        with within_memory(self._host):
            return self._stage(job)

    def reset(self) -> None:
        """As the stage's own."""
        self._stage.reset()

    def flush(self) -> None:
        """As the stage's own."""
        self._stage.flush()

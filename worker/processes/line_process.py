# SPDX-License-Identifier: Apache-2.0
"""A process that talks in lines with its owner (shared/messages/process_lines.py): voice and gestures.

Called on the main thread. The first line of standard input is the launch line; events go to the real standard output.
Invariants: when standard input ends, the owner is gone, and so is this process, whatever it is doing; a service that
says so yields to the picture where the processor is short.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Protocol

from mirage_lsd.shared.errors import MirageError, OtherRelease
from mirage_lsd.shared.messages.process_lines import CANNOT_WORK, Failed, LineMessage, Lines
from mirage_lsd.shared.release import RELEASE
from mirage_lsd.worker.processes.priority import GESTURES, give_way

log = logging.getLogger(__name__)


class LineService(Protocol):
    """What does the work."""

    def run(self, lines: queue.SimpleQueue) -> None:
        """Until the process ends; `lines`: what the owner writes after the launch line."""


def run(
    lines: Lines, make: Callable[[str, Callable[[LineMessage], None]], LineService], picture_first: bool = False
) -> int:
    """Run the service that `make` makes from the launch line and a function that tells; returns the exit status.

    picture_first: at low priority, for a service that works all the time.
    """
    # The real standard output carries events only; whatever a library prints goes to the log instead.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if picture_first:
        give_way(GESTURES)

    def tell(event: LineMessage) -> None:
        events.write(lines.write(event))
        events.flush()

    try:
        make(sys.stdin.readline(), tell).run(_lines_from_owner())
    except OtherRelease as error:
        log.error("%s", error)
        tell(Failed(error.code, RELEASE))
        return CANNOT_WORK
    except MirageError as error:
        log.error("cannot work: %s (%s)", error, error.code)
        tell(Failed(error.code, str(error)))
        return CANNOT_WORK
    except BrokenPipeError:  # the owner closed its end of our output: it is gone
        return 0
    return 0


def _lines_from_owner() -> queue.SimpleQueue:
    """Lines as they come; the end of input ends the process from the reading thread, so that nothing can delay it."""
    lines: queue.SimpleQueue = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        log.info("the owner is gone: ending")
        os._exit(0)

    threading.Thread(target=read, name="owner-watch", daemon=True).start()
    return lines

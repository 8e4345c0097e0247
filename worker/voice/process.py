# SPDX-License-Identifier: Apache-2.0
"""The voice process from its launch line to its end: listens and writes commands.

Called by __main__.py on the main thread. The owner, the OBS half or the CLI, writes one launch line
(voice_lines.VoiceLaunch) to standard input and reads events, one JSON object a line, from standard output. Invariant:
when standard input ends, the owner is gone, and so is this process, whatever it is doing.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.voice_lines import Failed, VoiceLaunch, to_line
from mirage_lsd.worker.voice.service import VoiceService

log = logging.getLogger("mirage_lsd.worker.voice")
EXIT_CANNOT_WORK = 2


def main() -> int:
    """Runs the process; returns its exit status."""
    # The real standard output carries events only; whatever a library prints goes to the log instead.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    def tell(event) -> None:
        events.write(to_line(event))
        events.flush()

    try:
        launch = VoiceLaunch.from_line(sys.stdin.readline())
        VoiceService(launch, tell).run(_lines_from_owner())
    except MirageError as error:
        log.error("voice cannot work: %s (%s)", error, error.code)
        tell(Failed(error.code, str(error)))
        return EXIT_CANNOT_WORK
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

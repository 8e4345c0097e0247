# SPDX-License-Identifier: Apache-2.0
"""What a Python program's end means for streams that still run: it waits for them, and what went wrong is told.

`hold` is called from any thread, the rest by the main thread as the interpreter ends, before it closes its thread pools
(after that no frame could be restyled). Invariants: an error that nobody has fetched is printed with its traceback and
makes the exit status 1; Ctrl-C ends the streams after the picture they are at (130), a second one at once.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401  its own hook has to be there first: hooks run backwards
import contextlib
import os
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130
_held: dict[Future, Callable[[], None]] = {}
_status = 0


def hold(stream: Future, stop: Callable[[], None]) -> None:
    """The program does not end before this stream does. stop: asks it to end, and returns at once."""
    _held[stream] = stop
    stream.add_done_callback(_let_go_of_the_successful)


def let_go(stream: Future) -> None:
    """Somebody has fetched, or will have, what became of it."""
    _held.pop(stream, None)


def _let_go_of_the_successful(stream: Future) -> None:
    if stream.exception() is None:
        let_go(stream)


def _wait_for_all() -> None:
    # A program that failed, or somebody who leaves an interactive session, does not want to wait for a camera.
    if getattr(sys, "last_value", None) is not None or hasattr(sys, "ps1"):
        _stop_all()
    for stream in list(_held):
        _wait_for(stream)


def _wait_for(stream: Future) -> None:
    try:
        error = stream.exception()
    except KeyboardInterrupt:
        _end_with(EXIT_INTERRUPTED)
        _stop_all()
        try:
            error = stream.exception()
        except KeyboardInterrupt:
            _leave()
    if error is not None:
        traceback.print_exception(error)
        _end_with(EXIT_FAILED)
    let_go(stream)


def _stop_all() -> None:
    for stop in list(_held.values()):
        stop()


def _end_with(status: int) -> None:
    global _status
    _status = _status or status


def _leave() -> None:
    """Ends the program with the status there is; Python itself would end it with 0."""
    if _status:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(_status)


atexit.register(_leave)  # among the first, so that it runs among the last
# atexit itself would be too late. The name is private, but it has been there since 3.9 and there is no other way.
threading._register_atexit(_wait_for_all)

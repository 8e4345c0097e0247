# SPDX-License-Identifier: Apache-2.0
"""Work of one frame on two threads, where it is OpenCV's or numpy's and lets go of the interpreter.

Called by the worker's loop thread and by programs' threads. Invariant: everything given is done, or has failed, when
`in_parallel` returns; what failed first is raised.
"""
from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any

BAND_ROWS = 128


def in_parallel(tasks: list[Callable[[], Any]]) -> list[Any]:
    """Each task's result; every other one runs on the calling thread."""
    others = beside(lambda: [task() for task in tasks[1::2]]) if len(tasks) > 1 else None
    try:
        own = [task() for task in tasks[::2]]
    finally:
        theirs = others.result() if others else []
    results: list[Any] = [None] * len(tasks)
    results[::2], results[1::2] = own, theirs
    return results


def in_bands(rows: int, work: Callable[[slice], Any]) -> None:
    """Calls `work` with so many rows, a few at a time, which fit a core's cache."""
    in_parallel([partial(work, slice(top, min(top + BAND_ROWS, rows))) for top in range(0, rows, BAND_ROWS)])


def done(task: Callable[[], Any], begun: Future) -> Any:
    """The result of a task that `beside` was given as `begun`, here and now if that thread has not come to it."""
    return task() if begun.cancel() else begun.result()


def beside(task: Callable[[], Any]) -> Future:
    """Starts a task on another thread."""
    return _pool().submit(task)


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "mirage-lsd-beside")

# SPDX-License-Identifier: Apache-2.0
"""Work of one frame on two threads, where it is OpenCV's or numpy's and lets go of the interpreter.

Called by the worker's loop thread and by programs' threads. Invariant: everything given is done, or has failed, when
`in_parallel` returns; what failed first is raised.
"""
from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache
from typing import Any


def in_parallel(tasks: list[Callable[[], Any]]) -> list[Any]:
    """Each task's result; the first runs on the calling thread."""
    others = [beside(task) for task in tasks[1:]]
    try:
        own = [tasks[0]()] if tasks else []
    finally:
        wait(others)
    return own + [other.result() for other in others]


def beside(task: Callable[[], Any]) -> Future:
    """Starts a task on another thread."""
    return _pool().submit(task)


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "mirage-lsd-beside")

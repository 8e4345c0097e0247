# SPDX-License-Identifier: Apache-2.0
"""A look command on its way to the worker, and the answer to whoever asked.

Made and closed by the look store, under its lock. Invariant: the listener is called exactly once.
"""

from __future__ import annotations

import time
from typing import Any, Callable

ANSWER_WITHIN_S = 3.0


class PendingCommand:
    """`needs`: the revision of each filter's look that the worker must have applied."""

    def __init__(self, revision: int, needs: dict[int, int]) -> None:
        self.revision, self.needs = revision, needs
        self.deadline = time.monotonic() + ANSWER_WITHIN_S
        self._answer: Any = None
        self._listener: Callable[[Any], None] | None = None

    def done(self, listener: Callable[[Any], None]) -> None:
        """Call `listener` with the LookDone, now or as soon as there is one, from any thread."""
        self._listener = listener
        if self._answer is not None:
            listener(self._answer)

    def close(self, answer: Any) -> None:
        """The look store's part: the answer is there."""
        self._answer = answer
        if self._listener is not None:
            self._listener(answer)

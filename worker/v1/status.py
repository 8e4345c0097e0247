# SPDX-License-Identifier: Apache-2.0
"""What mirage-lsd-v1 tells its user: how far it is, what went wrong, and what it does otherwise than asked.

Written by the loading, the building and the pipeline's thread, read by any. Invariant: who lets the model go ends its
loading at the next step that is told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from mirage_lsd.shared.errors import MirageError

log = logging.getLogger(__name__)
NOTES_KEPT = 5


class V1Status:
    """state: "loading", "ready" or "failed". notify: called with each new text. closing: nobody wants it any more."""

    def __init__(self, notify: Callable[[str], None]) -> None:
        self.state, self._doing = "loading", "starting"
        self.notes: list[str] = []
        self.closing = False
        self._notify = notify

    def text(self, model: str) -> str:
        """One line while the model does not run: what is being done, or why it cannot."""
        return f"{model}: {self._doing}" if self.state == "failed" else f"loading {model}: {self._doing}"

    def tell(self, doing: str) -> None:
        """The next step of loading."""
        if self.closing:
            raise MirageError("stopped", "stopped")
        self._doing = doing
        self._notify(doing)

    def fail(self, reason: str) -> None:
        """The model cannot run."""
        self.state, self._doing = "failed", reason

    def note(self, text: str) -> None:
        """Something the user should know."""
        log.info(text)
        self._notify(text)
        self.notes = [*self.notes[1 - NOTES_KEPT :], text]

# SPDX-License-Identifier: Apache-2.0
"""Prompts encoded on a thread of their own, so that a new prompt costs no frame.

`request` and `current` are for the worker's loop thread and return at once; the encoding runs on the prompt thread.
Invariants: `current` is always whole tokens of one prompt, the newest that is ready; the last few prompts stay
encoded, so that going back costs nothing; only the newest waiting request is encoded.
"""
from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from mirage_lsd.shared.errors import MirageError

KEPT = 32  # prompts; 77 x 768 halves each: some 120 KB
_log = logging.getLogger(__name__)


class PromptEncoder:
    """encode: prompt -> tokens, slow, called on the prompt thread only (text.encode_prompt, or the "text" graph)."""

    def __init__(self, encode: Callable[[str], Any], first: str = ""):
        self._encode = encode
        self._known: OrderedDict[str, Any] = OrderedDict({first: encode(first)})
        self._current = first
        self._wanted: str | None = None
        self._error = ""
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="prompt-encoder", daemon=True)
        self._thread.start()

    def request(self, prompt: str) -> bool:
        """Make this the prompt as soon as it is encoded; True when it already is."""
        with self._changed:
            if prompt in self._known:
                self._known.move_to_end(prompt)
                self._current, self._wanted = prompt, None
                return True
            if prompt != self._wanted:
                self._wanted = prompt
                self._changed.notify()
            return False

    def current(self) -> tuple[str, Any]:
        """(prompt, tokens) to render with now."""
        with self._changed:
            return self._current, self._known[self._current]

    @property
    def error(self) -> str:
        """Why the newest request could not be encoded, "" when it could."""
        return self._error

    def close(self) -> None:
        """Ends the thread; at most the encoding under way is waited for."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while self._wanted is None and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                prompt = self._wanted
            self._store(prompt, *self._tried(prompt))

    def _tried(self, prompt: str) -> tuple[Any, str]:
        """(tokens or None, error text)."""
        try:
            return self._encode(prompt), ""
        except (MirageError, RuntimeError, ValueError) as error:  # RuntimeError: torch, out of memory included
            _log.error("the prompt cannot be encoded: %s", error)
            return None, f"the prompt cannot be encoded: {error}"

    def _store(self, prompt: str, tokens: Any, error: str) -> None:
        with self._changed:
            self._error = error
            newest = self._wanted == prompt
            if tokens is not None:
                self._known[prompt] = tokens
                if newest:
                    self._current = prompt
            if newest:
                self._wanted = None
            while len(self._known) > KEPT:
                self._known.pop(next(name for name in self._known if name != self._current))

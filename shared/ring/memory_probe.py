# SPDX-License-Identifier: Apache-2.0
"""Proof at launch that both processes share memory and the doorbell, before any frame flows.

Made by the OBS half in the session folder for each launch, answered by the worker before it reports. Invariant: only a
process that reads what the owner wrote, is woken by the owner's ring, and writes where the owner reads, passes. In a
sandbox each of the three can be missing: the folder may not be there, or be another one of the same name.

The file: a mapping of 4096 bytes; 0: 32 random bytes, the challenge; 64: the answer, SHA-256 of the challenge. The
owner writes the challenge, then rings the worker's doorbell; the worker waits for that ring, then answers.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import Any

from mirage_lsd.shared.doorbell.doorbell import Doorbell
from mirage_lsd.shared.errors import EndpointError, MirageError
from mirage_lsd.shared.ring.mapping import create_mapping, open_mapping

FILE_BYTES = 4096
CHALLENGE_BYTES = 32
ANSWER_AT = 64
RUNG_WITHIN_S = 2.0
EXIT_NOT_SHARED = 5
"""Exit status of a worker that could not answer. Trying again would not help."""


class MemoryProbe:
    """The owner's side: a file called `name` in the session folder. `close` removes it."""

    def __init__(self, session_dir: str, name: str, doorbell: str) -> None:
        """Write the challenge and ring the doorbell of that file name. Raises MappingError, DoorbellError."""
        self.name = name
        self._mapping = create_mapping(os.path.join(session_dir, name), FILE_BYTES)
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        self._mapping.memory[:CHALLENGE_BYTES] = challenge
        self._expected = hashlib.sha256(challenge).digest()
        bell = Doorbell.open(os.path.join(session_dir, doorbell))
        bell.ring()
        bell.close()

    @property
    def answered(self) -> bool:
        """Whether the right answer lies there."""
        return self._mapping.memory[ANSWER_AT : ANSWER_AT + len(self._expected)] == self._expected

    def close(self) -> None:
        """Give it back. Idempotent."""
        self._mapping.unlink()
        self._mapping.close()


def answer(path: str, doorbell: Any) -> None:
    """The worker's side. Raises EndpointError (not_shared)."""
    if not doorbell.wait(RUNG_WITHIN_S):
        raise not_shared("its doorbell does not wake this process")
    try:
        mapping = open_mapping(path)
    except MirageError as error:
        raise not_shared(str(error)) from error
    digest = hashlib.sha256(mapping.memory[:CHALLENGE_BYTES]).digest()
    mapping.memory[ANSWER_AT : ANSWER_AT + len(digest)] = digest
    mapping.close()


def not_shared(why: str) -> EndpointError:
    """The error for memory that only one side has."""
    return EndpointError(f"OBS and the worker do not share memory: {why}", "not_shared")

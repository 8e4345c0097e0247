# SPDX-License-Identifier: Apache-2.0
"""What v1 is asked for: a prompt in any words, and how much may change. Torch-free.

Called by the worker's loop thread. Invariant: the same settings give the same words and the same EditControl.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.models.looks import prompt_of
from mirage_lsd.worker.v1.graphs.edit import EditControl


@dataclass(frozen=True)
class PromptLook:
    """prompt: what the text encoder is given, "" to change nothing; control: how much and where."""

    prompt: str
    control: EditControl


@lru_cache(maxsize=64)
def prompt_look(settings: StreamSettings) -> PromptLook:
    """The look of these settings."""
    prompt = prompt_of(settings)
    control = EditControl(settings.strength if prompt else 0.0, settings.structure_lock, settings.edit_region)
    return PromptLook(prompt, control)

# SPDX-License-Identifier: Apache-2.0
"""The prompt that one stream of v1 wears, and which of its tokens are still to be copied to the device.

Called by the pipeline's thread. Invariant: until the first prompt is read nothing is changed: the source is shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.v1.frame.look import PromptLook, prompt_look
from mirage_lsd.worker.v1.frame.prompts import PromptEncoder

if TYPE_CHECKING:
    import torch

POLL_S = 0.002


class StreamPrompt:
    """look: of the frame under way. live: no frame waits until its prompt is read."""

    def __init__(self, encoder: PromptEncoder, live: bool) -> None:
        self.look = PromptLook("", prompt_look(StreamSettings()).control)
        self._encoder, self._live = encoder, live
        self._tokens: torch.Tensor | None = None
        self._new_tokens: torch.Tensor | None = None
        self._noted_error = ""

    def follow(self, look: PromptLook, note: Callable[[str], None]) -> bool:
        """Takes a look up. True with another prompt's first frame, which does without the caches: they would drag the
        old look along. note: is called with what went wrong."""
        if self._live:
            self._encoder.request(look.prompt)
        else:
            self.wait_for(look)
        read, tokens = self._encoder.current()
        if look.prompt and not read:  # the first prompt is still being read: the source, untouched
            look = replace(look, control=replace(look.control, strength=0.0))
        is_another = tokens is not self._tokens
        if is_another:
            self._tokens = self._new_tokens = tokens
        if self._encoder.error not in ("", self._noted_error):
            self._noted_error = self._encoder.error
            note(self._noted_error)
        self.look = look
        return is_another

    def wait_for(self, look: PromptLook) -> None:
        """Returns once a look's prompt is read, or cannot be."""
        while not self._encoder.request(look.prompt) and not self._encoder.error:
            time.sleep(POLL_S)

    def take_tokens(self) -> torch.Tensor | None:
        """Tokens that are not in the program's buffer yet, or None."""
        tokens, self._new_tokens = self._new_tokens, None
        return tokens

    def copy_again(self) -> None:
        """There is a new program, whose buffers are empty."""
        self._tokens = None

    def close(self) -> None:
        """Ends the encoder's thread."""
        self._encoder.close()

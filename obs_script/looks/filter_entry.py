# SPDX-License-Identifier: Apache-2.0
"""What the look store keeps of one filter besides its look: its slot, what the worker has applied, what was refused.

Used by the look store alone, under its lock. Invariant: pure but for the slot's `off` word.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from mirage_lsd.obs_script.host.control_block import Area
from mirage_lsd.obs_script.looks.look_state import FilterLook
from mirage_lsd.shared.messages.look import KEEP, MAX_STATUS_CHARS, Look
from mirage_lsd.shared.messages.settings import Layer
from mirage_lsd.shared.vocabulary import UnknownWordError, unknown_word

REFUSAL_SHOWN_S = 10.0


@dataclass
class FilterEntry:
    """takes_any_words: its model has no vocabulary. previewed: it has a twin on air, which is the one to tell of.
    origin: of the look it has now. applied, generation: the look's revision and the settings' generation that the
    worker acknowledged last."""

    slot: Area
    takes_any_words: bool = False
    previewed: bool = False
    origin: str = ""
    applied: int = 0
    generation: int = 0
    _refusal: str = ""
    _refused_at: float = 0.0

    def show(self, look: Look) -> None:
        """On or off, in OBS's next frame."""
        self.slot.put("off", int(look.off))

    def admit(self, now: FilterLook, wish: FilterLook) -> FilterLook:
        """The wish. Raises UnknownWordError, and keeps that for the status line, where the filter's model does not
        know what is new in it."""
        error = self.unknown_word(tuple(layer for layer in wish.look.layers if layer not in now.look.layers))
        if error is not None:
            self._refusal, self._refused_at = str(error), time.monotonic()
            raise error
        if wish.look != now.look:
            self._refusal = ""
        return wish

    def without_unknown(self, wish: FilterLook) -> FilterLook:
        """Without layers that it came with, or wore with another model, and that its model does not know."""
        known = tuple(layer for layer in wish.look.layers if self.unknown_word((layer,)) is None)
        return replace(wish, look=replace(wish.look, layers=known))

    @property
    def refusal(self) -> str:
        """What was refused last, "" once the look changed after that, or after REFUSAL_SHOWN_S."""
        return self._refusal if time.monotonic() - self._refused_at < REFUSAL_SHOWN_S else ""

    @property
    def status(self) -> str:
        """The filter's status line."""
        return (self.slot.text("status") or "")[:MAX_STATUS_CHARS]

    def unknown_word(self, layers: tuple[Layer, ...]) -> UnknownWordError | None:
        """The refusal of what the filter's model does not know in these layers, None where it knows all."""
        if self.takes_any_words:
            return None
        errors = (unknown_word(layer.words) for layer in layers if layer.words != KEEP)
        return next((error for error in errors if error is not None), None)

# SPDX-License-Identifier: Apache-2.0
"""What a program gives StreamEngine, checked. Called by StreamEngine alone, on the program's thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.presets.presets import wear


class StreamEngineError(MirageError):
    """The engine was used wrongly. Codes: already_started, closed, bad_resolution."""

    code = "bad_use"


@dataclass(frozen=True)
class EngineLook:
    """plain: the settings as they were given; preset: a preset's id, "" for none; worn: both together."""

    plain: StreamSettings
    preset: str
    worn: StreamSettings = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "worn", wear(self.plain, self.preset))


def settings_made(make: Callable[..., StreamSettings], **settings: Any) -> StreamSettings:
    """What `make` makes of the settings; a name that is none of theirs is StreamEngineError."""
    try:
        return make(**settings)
    except TypeError as error:
        known = ", ".join(StreamSettings.__dataclass_fields__)
        wrong = str(error).rpartition("argument ")[2]
        raise StreamEngineError(f"{wrong} is not a setting; there are: {known}") from error


def size_px_of(resolution: tuple[int, int] | None) -> tuple[int, int] | None:
    """(height, width) → (width, height)."""
    if resolution is None:
        return None
    whole = isinstance(resolution, (tuple, list)) and len(resolution) == 2 and all(type(n) is int for n in resolution)
    if not whole or min(resolution) < 1:
        raise StreamEngineError(f"resolution must be (height, width) in pixels, such as (720, 1280); got "
                                f"{resolution!r}", "bad_resolution")  # fmt: skip
    return resolution[1], resolution[0]

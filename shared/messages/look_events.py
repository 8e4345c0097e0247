# SPDX-License-Identifier: Apache-2.0
"""What the look store tells: replies to one controller, and the event stream of who did what to all.

Built by the look store inside OBS, decoded by controllers (wire.py). Invariants: an instance is valid; `revision`
rises by one with every change of any look, so a controller that misses one asks with GetLooks.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirage_lsd.shared.messages.fields import flag, integer, nested_many, string
from mirage_lsd.shared.messages.look import FilterReport, Preset
from mirage_lsd.shared.messages.look_commands import MAX_ORIGIN_CHARS
from mirage_lsd.shared.messages.worker_events import MAX_STREAMS, MAX_TEXT_CHARS, MAX_WORD_CHARS, Event

PRESETS_A_PAGE = 32


@dataclass(frozen=True)
class LookDone(Event):
    """Reply to a look command. filters: those it was meant for, as they are now. applied: the worker draws them (it
    does not while it is starting, or when they are off)."""

    revision: int = integer(0)
    applied: bool = flag()
    filters: tuple[FilterReport, ...] = nested_many(FilterReport, MAX_STREAMS, default=())


@dataclass(frozen=True)
class LooksReport(Event):
    """Reply to GetLooks: everything there is. presets_file: where the user's own presets are. problem: what is wrong
    with it, "" if nothing is."""

    revision: int = integer(0)
    filters: tuple[FilterReport, ...] = nested_many(FilterReport, MAX_STREAMS, default=())
    presets_file: str = string(MAX_TEXT_CHARS, default="")
    problem: str = string(MAX_TEXT_CHARS, default="")


@dataclass(frozen=True)
class PresetPage(Event):
    """Reply to GetPresets: at most PRESETS_A_PAGE presets in their order."""

    total: int = integer(0)
    presets: tuple[Preset, ...] = nested_many(Preset, PRESETS_A_PAGE, default=())


@dataclass(frozen=True)
class LookChanged(Event):
    """Broadcast: origin did command, and these filters look so now."""

    revision: int = integer(0)
    origin: str = string(MAX_ORIGIN_CHARS)
    command: str = string(MAX_WORD_CHARS)
    filters: tuple[FilterReport, ...] = nested_many(FilterReport, MAX_STREAMS, default=())


@dataclass(frozen=True)
class LookRefused(Event):
    """Broadcast: origin's command was refused, and nothing changed (or was put back)."""

    revision: int = integer(0)
    origin: str = string(MAX_ORIGIN_CHARS)
    command: str = string(MAX_WORD_CHARS)
    code: str = string(MAX_WORD_CHARS)
    text: str = string(MAX_TEXT_CHARS)


@dataclass(frozen=True)
class PresetsChanged(Event):
    """Broadcast: the list of presets is another one, or its file went wrong (problem) and the last good one stays."""

    total: int = integer(0)
    problem: str = string(MAX_TEXT_CHARS, default="")


@dataclass(frozen=True)
class TalkChanged(Event):
    """Broadcast: the push-to-talk key went down or up."""

    held: bool = flag()


@dataclass(frozen=True)
class Joined(Event):
    """Broadcast after each Hello: a controller of this name is there, and hears events if it hears this."""

    name: str = string(MAX_WORD_CHARS)

# SPDX-License-Identifier: Apache-2.0
"""What the gestures' process and its owner tell each other: lines as in process_lines.py, over the process's own pipes.

The owner (obs_script/senses/gestures.py) writes a GestureLaunch first, then a Watch whenever there is another ring to
look at; end of input means that the owner has gone. The process writes Ready, Seen and Failed to its standard output.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirage_lsd.shared.channel.endpoints import MAX_PATH_CHARS, LaunchLine
from mirage_lsd.shared.messages.fields import choice, flag, integer, string
from mirage_lsd.shared.messages.look import GESTURES
from mirage_lsd.shared.messages.process_lines import LineMessage, Lines, Started
from mirage_lsd.shared.release import MAX_RELEASE_CHARS, RELEASE

ORIGIN = "gesture"


@dataclass(frozen=True)
class GestureLaunch(LaunchLine):
    """First line on standard input. mirrored: the picture is a mirror's, so that left and right are the person's."""

    mirrored: bool = flag(default=False)
    protocol: int = integer(1, 1, default=1)
    release: str = string(MAX_RELEASE_CHARS, default=RELEASE)


@dataclass(frozen=True)
class Watch(LineMessage):
    """Look at the pictures of this ring from now on; "" for none."""

    ring: str = string(MAX_PATH_CHARS)


@dataclass(frozen=True)
class Ready(Started):
    """The models are loaded."""


@dataclass(frozen=True)
class Seen(LineMessage):
    """Somebody made this gesture, and meant it."""

    gesture: str = choice(*GESTURES[1:])


LINES = Lines(Watch, Ready, Seen)

# SPDX-License-Identifier: Apache-2.0
"""What the voice process and its owner tell each other: one JSON object a line, over the process's own pipes.

The owner writes a VoiceLaunch first, then any of Reload, Talk and Tune to the process's standard input; end of
input means that the owner has gone. The process writes events to its standard output. Invariant: an instance is
valid (FieldError otherwise). A line from the owner is {"type": "talk", "held": true}; an event is
{"type": "command", "intent": {"type": "apply_preset", "preset": "red-leather-jacket"}, "text": ..., ...}.
"""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from typing import Any

from mirage_lsd.shared.endpoints import MAX_PATH_CHARS, LaunchLine
from mirage_lsd.shared.errors import FieldError
from mirage_lsd.shared.fields import check, choice, flag, integer, number, string
from mirage_lsd.shared.strict_json import parse
from mirage_lsd.worker.voice.errors import VoiceError
from mirage_lsd.worker.voice.intents import Intent

MODES = ("wake_word", "push_to_talk")
MAX_WAKE_WORD_CHARS = 40


@dataclass(frozen=True)
class VoiceLaunch(LaunchLine):
    """First line on standard input.

    audio_ring: path of an audio ring to listen to, "" for a microphone. microphone: its name or a part of it, "" for
    the system's own. engine: "auto" or one of engine.ENGINES; model: its folder or name. presets: a preset file, ""
    for the shipped library. mode: wake_word (hands free) or push_to_talk. wake_word: one to three words. confidence:
    0 … 1, 0 for the engine's own threshold. cooldown_ms: time after a command in which none is taken. threads: of the
    engine.
    """

    audio_ring: str = string(MAX_PATH_CHARS, default="")
    microphone: str = string(200, default="")
    engine: str = string(40, default="auto")
    model: str = string(MAX_PATH_CHARS, default="")
    presets: str = string(MAX_PATH_CHARS, default="")
    mode: str = choice(*MODES, default="wake_word")
    wake_word: str = string(MAX_WAKE_WORD_CHARS, default="mirage")
    confidence: float = number(0.0, 1.0, default=0.0)
    cooldown_ms: int = integer(0, 60_000, default=700)
    threads: int = integer(1, 16, default=1)
    protocol: int = integer(1, 1, default=1)


class Message:
    """Base of what follows the launch line; checks the fields."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Reload(Message):
    """Read the presets again, now."""


@dataclass(frozen=True)
class Talk(Message):
    """The push-to-talk key went down or up."""

    held: bool = flag()


@dataclass(frozen=True)
class Tune(Message):
    """Another wake word, mode, threshold or cooldown; the model stays loaded."""

    mode: str = choice(*MODES, default="wake_word")
    wake_word: str = string(MAX_WAKE_WORD_CHARS, default="mirage")
    confidence: float = number(0.0, 1.0, default=0.0)
    cooldown_ms: int = integer(0, 60_000, default=700)


_MESSAGES = {"reload": Reload, "talk": Talk, "tune": Tune}


@dataclass(frozen=True)
class Ready:
    """Listening. commands: how many fixed phrases there are; remarks: for the user, such as guessed pronunciations."""

    engine: str
    wake_word: str
    commands: int
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """A phrase was understood. latency_ms: from the end of the phrase to this line."""

    intent: Intent
    text: str
    confidence: float
    latency_ms: float


@dataclass(frozen=True)
class Awake:
    """The wake word came alone; the command may follow within the next seconds."""


@dataclass(frozen=True)
class Rejected:
    """Something was said that is no command. reason: unsure, cooldown or not_understood."""

    reason: str
    text: str
    confidence: float


@dataclass(frozen=True)
class Failed:
    """Voice cannot go on as asked; text says what to do."""

    code: str
    text: str


Event = Ready | Command | Awake | Rejected | Failed


def read_message(line: str) -> Message:
    """A line of the owner. VoiceError(bad_settings) for anything that is none."""
    try:
        content = parse(line.encode("utf-8", "replace"))
        cls = _MESSAGES[content.pop("type")]
        return cls(**content)
    except (ValueError, KeyError, TypeError, AttributeError, FieldError) as error:
        known = ", ".join(_MESSAGES)
        raise VoiceError(f"not a line the voice process knows ({known}): {error}", "bad_settings") from error


def to_line(event: Event) -> str:
    """One line of JSON, with the newline."""
    content: dict[str, Any] = {"type": _snake(event), **dataclasses.asdict(event)}
    if isinstance(event, Command):
        content["intent"] = {"type": _snake(event.intent), **dataclasses.asdict(event.intent)}
        content["confidence"], content["latency_ms"] = round(event.confidence, 3), round(event.latency_ms, 1)
    return json.dumps(content) + "\n"


def _snake(value: object) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(value).__name__).lower()

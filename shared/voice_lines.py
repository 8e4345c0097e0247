# SPDX-License-Identifier: Apache-2.0
"""What the voice process and its owner tell each other: one JSON object a line, over the process's own pipes.

The owner (obs_script/voice.py) writes a VoiceLaunch first, then any of Reload, Talk and Tune to the process's standard
input; end of input means that the owner has gone. The process writes Ready, Understood, Awake, Rejected and Failed to
its standard output. Invariant: an instance is valid (FieldError otherwise), and read_line makes nothing else. A line
is {"type": "talk", "held": true} or {"type": "understood", "command": {"type": "undo", ...}, "text": ..., ...}.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from mirage_lsd.shared import wire
from mirage_lsd.shared.endpoints import MAX_PATH_CHARS, LaunchLine
from mirage_lsd.shared.errors import FieldError, MirageError
from mirage_lsd.shared.fields import build, check, choice, flag, integer, number, string, strings
from mirage_lsd.shared.look_commands import LookCommand
from mirage_lsd.shared.strict_json import parse

WAKE_WORD, PUSH_TO_TALK = "wake_word", "push_to_talk"
MODES = (WAKE_WORD, PUSH_TO_TALK)
MAX_WAKE_WORD_CHARS = 40
MAX_HEARD_CHARS = 400
MAX_COOLDOWN_MS = 60_000
ORIGIN = "voice"
# Names of the engines; worker/voice/engine.py loads them.
AUTO = "auto"
ENGINES = ("whisper", "pocketsphinx", "vosk", "sherpa-onnx", "moonshine", "faster-whisper", "speech_recognition")


class VoiceLineError(MirageError):
    """A line that is none of the two sides' messages."""

    code = "bad_settings"


@dataclass(frozen=True)
class VoiceLaunch(LaunchLine):
    """First line on standard input.

    audio_ring: path of an audio ring to listen to, "" for a microphone. microphone: its name or a part of it, "" for
    the system's own. engine: "auto" or one of ENGINES; model: its folder or name. presets: a preset file, "" for the
    shipped library and the user's. mode: wake_word (hands free) or push_to_talk. wake_word: one to three words.
    confidence: 0 … 1, 0 for the engine's own threshold. cooldown_ms: time after a command in which none is taken.
    threads: of the engine.
    """

    audio_ring: str = string(MAX_PATH_CHARS, default="")
    microphone: str = string(200, default="")
    engine: str = string(40, default=AUTO)
    model: str = string(MAX_PATH_CHARS, default="")
    presets: str = string(MAX_PATH_CHARS, default="")
    mode: str = choice(*MODES, default=WAKE_WORD)
    wake_word: str = string(MAX_WAKE_WORD_CHARS, default="mirage")
    confidence: float = number(0.0, 1.0, default=0.0)
    cooldown_ms: int = integer(0, MAX_COOLDOWN_MS, default=700)
    threads: int = integer(1, 16, default=1)
    protocol: int = integer(1, 1, default=1)


class VoiceMessage:
    """Base of what follows the launch line, in both directions; checks the fields."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Reload(VoiceMessage):
    """Read the presets again, now."""


@dataclass(frozen=True)
class Talk(VoiceMessage):
    """The push-to-talk key went down or up."""

    held: bool = flag()


@dataclass(frozen=True)
class Tune(VoiceMessage):
    """Another wake word, mode, threshold or cooldown; the model stays loaded."""

    mode: str = choice(*MODES, default=WAKE_WORD)
    wake_word: str = string(MAX_WAKE_WORD_CHARS, default="mirage")
    confidence: float = number(0.0, 1.0, default=0.0)
    cooldown_ms: int = integer(0, MAX_COOLDOWN_MS, default=700)


@dataclass(frozen=True)
class Ready(VoiceMessage):
    """Listening. commands: how many fixed phrases there are; remarks: for the user, such as guessed pronunciations."""

    engine: str = string(40)
    wake_word: str = string(MAX_WAKE_WORD_CHARS)
    commands: int = integer(0)
    remarks: tuple[str, ...] = strings(MAX_HEARD_CHARS, 1000)


@dataclass(frozen=True)
class Understood:
    """A phrase is this command. confidence: 0 … 1. latency_ms: from the end of the phrase to this line."""

    command: LookCommand
    text: str
    confidence: float
    latency_ms: float


@dataclass(frozen=True)
class Awake(VoiceMessage):
    """The wake word came alone; the command may follow within the next seconds."""


@dataclass(frozen=True)
class Rejected(VoiceMessage):
    """Something was said that is no command. reason: unsure, cooldown or not_understood."""

    reason: str = string(40)
    text: str = string(MAX_HEARD_CHARS)
    confidence: float = number(0.0, 1.0)


@dataclass(frozen=True)
class Failed(VoiceMessage):
    """Voice cannot go on as asked; text says what to do."""

    code: str = string(100)
    text: str = string(4000)


Event = Any
"""Ready, Understood, Awake, Rejected or Failed."""
_KINDS = {wire.wire_name(kind): kind for kind in (Reload, Talk, Tune, Ready, Understood, Awake, Rejected, Failed)}


def to_line(message: Any) -> str:
    """One line of JSON, with the newline."""
    content = {"type": wire.wire_name(type(message)), **dataclasses.asdict(message)}
    if isinstance(message, Understood):
        content["command"] = {"type": wire.wire_name(type(message.command)), **content["command"]}
        content["confidence"], content["latency_ms"] = round(message.confidence, 3), round(message.latency_ms, 1)
    return json.dumps(content) + "\n"


def read_line(line: str) -> Any:
    """The message in a line. VoiceLineError for anything that is none."""
    try:
        content = parse(line.encode("utf-8", "replace"))
        kind = _KINDS[content.pop("type")]
        if kind is Understood:
            return _understood(content)
        return build(kind, content)
    except (ValueError, KeyError, TypeError, AttributeError, FieldError) as error:
        known = ", ".join(_KINDS)
        raise VoiceLineError(f"not a line of the voice process or its owner ({known}): {error}") from error


def _understood(content: dict) -> Understood:
    command = content["command"]
    kind = wire.message_classes()[command.pop("type")]
    if not issubclass(kind, LookCommand):
        raise ValueError(f"{kind.__name__} is no look command")
    text, confidence, latency_ms = content["text"], float(content["confidence"]), float(content["latency_ms"])
    return Understood(build(kind, command), str(text)[:MAX_HEARD_CHARS], confidence, latency_ms)

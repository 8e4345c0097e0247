# SPDX-License-Identifier: Apache-2.0
"""What the voice process and its owner tell each other: lines as in process_lines.py, over the process's own pipes.

The owner (obs_script/senses/voice.py) writes a VoiceLaunch first, then any of Reload, Talk and Tune to the process's
standard input; end of input means that the owner has gone. The process writes Ready, Understood, Awake, Rejected and
Failed to its standard output. A line is {"type": "talk", "held": true} or {"type": "understood", "text": "undo", ...}.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirage_lsd.shared.channel import wire
from mirage_lsd.shared.channel.endpoints import MAX_PATH_CHARS, LaunchLine
from mirage_lsd.shared.messages.fields import choice, flag, integer, number, string, strings
from mirage_lsd.shared.messages.look_commands import LookCommand
from mirage_lsd.shared.messages.process_lines import LineMessage, Lines, Started
from mirage_lsd.shared.release import MAX_RELEASE_CHARS, RELEASE

WAKE_WORD, PUSH_TO_TALK = "wake_word", "push_to_talk"
MODES = (WAKE_WORD, PUSH_TO_TALK)
MAX_WAKE_WORD_CHARS = 40
MAX_HEARD_CHARS = 400
MAX_LANGUAGE_CHARS = 12
ENGLISH = "en"
MAX_COOLDOWN_MS = 60_000
ORIGIN = "voice"
LOST = "lost"
# Names of the engines; worker/senses/voice/engines/engine.py loads them, and "auto" for those that are no more.
AUTO = "auto"
ENGINES = ("whisper", "pocketsphinx", "faster-whisper", "speech_recognition")
RETIRED_ENGINES = ("vosk", "sherpa-onnx", "moonshine")


@dataclass(frozen=True)
class VoiceLaunch(LaunchLine):
    """First line on standard input.

    audio_ring: path of an audio ring to listen to, "" for a microphone. microphone: its name or a part of it, "" for
    the system's own. engine: "auto", one of ENGINES or of another package; model: its folder or name; language: what is
    spoken, such as "en" or "de-DE". presets: a preset file, "" for the shipped library and the user's. mode: wake_word
    (hands free) or push_to_talk. wake_word: one to three words. confidence: 0 … 1, 0 for the engine's own threshold.
    cooldown_ms: time after a command in which none is taken. threads: of the engine.
    """

    audio_ring: str = string(MAX_PATH_CHARS, default="")
    microphone: str = string(200, default="")
    engine: str = string(40, default=AUTO)
    model: str = string(MAX_PATH_CHARS, default="")
    language: str = string(MAX_LANGUAGE_CHARS, default=ENGLISH)
    presets: str = string(MAX_PATH_CHARS, default="")
    mode: str = choice(*MODES, default=WAKE_WORD)
    wake_word: str = string(MAX_WAKE_WORD_CHARS, default="mirage")
    confidence: float = number(0.0, 1.0, default=0.0)
    cooldown_ms: int = integer(0, MAX_COOLDOWN_MS, default=700)
    threads: int = integer(1, 16, default=1)
    protocol: int = integer(1, 1, default=1)
    release: str = string(MAX_RELEASE_CHARS, default=RELEASE)


@dataclass(frozen=True)
class Reload(LineMessage):
    """Read the presets again, now."""


@dataclass(frozen=True)
class Talk(LineMessage):
    """The push-to-talk key went down or up."""

    held: bool = flag()


@dataclass(frozen=True)
class Tune(LineMessage):
    """Another wake word, mode, threshold or cooldown; the model stays loaded."""

    mode: str = choice(*MODES, default=WAKE_WORD)
    wake_word: str = string(MAX_WAKE_WORD_CHARS, default="mirage")
    confidence: float = number(0.0, 1.0, default=0.0)
    cooldown_ms: int = integer(0, MAX_COOLDOWN_MS, default=700)


@dataclass(frozen=True)
class Ready(Started):
    """Listening, in this language. commands: how many fixed phrases there are; remarks: for the user, such as guessed
    pronunciations."""

    engine: str = string(40)
    language: str = string(MAX_LANGUAGE_CHARS)
    wake_word: str = string(MAX_WAKE_WORD_CHARS)
    commands: int = integer(0)
    remarks: tuple[str, ...] = strings(MAX_HEARD_CHARS, 1000)


@dataclass(frozen=True)
class Understood(LineMessage):
    """A phrase is this command. command: a look command as wire.py writes it. text: as heard. latency_ms: from the end
    of the phrase to this line."""

    command: str = string(4000)
    text: str = string(MAX_HEARD_CHARS)
    confidence: float = number(0.0, 1.0)
    latency_ms: float = number()

    @classmethod
    def of(cls, command: LookCommand, text: str, confidence: float, latency_ms: float) -> Understood:
        """From the command itself."""
        return cls(wire.encode(command).decode(), text, round(confidence, 3), round(latency_ms, 1))

    @property
    def look_command(self) -> LookCommand:
        """The command itself. WireError if it is none."""
        return wire.decode(self.command.encode())[1]


@dataclass(frozen=True)
class Awake(LineMessage):
    """The wake word came alone; the command may follow within the next seconds."""


@dataclass(frozen=True)
class Rejected(LineMessage):
    """Something was said that is no command. reason: unsure, cooldown or not_understood; or LOST: sound was."""

    reason: str = string(40)
    text: str = string(MAX_HEARD_CHARS)
    confidence: float = number(0.0, 1.0)


LINES = Lines(Reload, Talk, Tune, Ready, Understood, Awake, Rejected)

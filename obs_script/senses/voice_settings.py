# SPDX-License-Identifier: Apache-2.0
"""The script's voice settings as one checked value.

Read on OBS's UI thread whenever the script's settings change. Invariant: an instance is valid; a setting that is out
of range is brought into it and never refused, as OBS stores whatever was typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mirage_lsd.shared.messages.voice_lines import (
    AUTO,
    ENGINES,
    ENGLISH,
    MAX_COOLDOWN_MS,
    MAX_LANGUAGE_CHARS,
    MAX_WAKE_WORD_CHARS,
    MODES,
    RETIRED_ENGINES,
    WAKE_WORD,
)

MICROPHONE = ""
"""As `source`: the system's microphone instead of an OBS source."""
DEFAULTS: dict[str, Any] = {
    "voice_on": False, "voice_source": MICROPHONE, "voice_microphone": "", "voice_engine": AUTO, "voice_model": "",
    "voice_language": ENGLISH, "voice_mode": WAKE_WORD, "voice_wake_word": "mirage", "voice_threshold": 0.0,
    "voice_cooldown_ms": 700,
}


@dataclass(frozen=True)
class VoiceSettings:
    """source: name of an OBS audio source, MICROPHONE for microphone. The rest as in voice_lines.VoiceLaunch."""

    on: bool = False
    source: str = MICROPHONE
    microphone: str = ""
    engine: str = AUTO
    model: str = ""
    language: str = ENGLISH
    mode: str = WAKE_WORD
    wake_word: str = "mirage"
    threshold: float = 0.0
    cooldown_ms: int = 700

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> VoiceSettings:
        """From the script's settings; what is missing has its default."""
        got = {key: content.get(key, default) for key, default in DEFAULTS.items()}
        engine, mode = str(got["voice_engine"]), str(got["voice_mode"])
        wake_word = " ".join(str(got["voice_wake_word"]).split())[:MAX_WAKE_WORD_CHARS]
        return cls(
            bool(got["voice_on"]),
            str(got["voice_source"]),
            str(got["voice_microphone"])[:200],
            engine if engine in (*ENGINES, *RETIRED_ENGINES) else AUTO,
            str(got["voice_model"]),
            str(got["voice_language"]).strip()[:MAX_LANGUAGE_CHARS] or ENGLISH,
            mode if mode in MODES else WAKE_WORD,
            wake_word or DEFAULTS["voice_wake_word"],
            min(max(float(got["voice_threshold"]), 0.0), 1.0),
            min(max(int(got["voice_cooldown_ms"]), 0), MAX_COOLDOWN_MS),
        )

    @property
    def process(self) -> tuple[str, ...]:
        """What only a new voice process can change."""
        return (self.source, self.microphone, self.engine, self.model, self.language)

# SPDX-License-Identifier: Apache-2.0
"""The errors of the voice process."""

from __future__ import annotations

from mirage_lsd.shared.errors import MirageError


class VoiceError(MirageError):
    """Voice cannot work as asked. Codes: engine_missing, engine_failed, model_missing, model_changed, model_bad,
    microphone_missing, no_audio, bad_phrase, bad_settings."""

    code = "voice_error"

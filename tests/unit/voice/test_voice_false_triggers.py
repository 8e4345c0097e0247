# SPDX-License-Identifier: Apache-2.0
"""Five minutes of talk that is no command, by voices that were not tuned with, bring no command."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from mirage_lsd.worker.presets.presets import load_library
from mirage_lsd.worker.senses.voice.engines.engine_whisper import WhisperEngine
from mirage_lsd.worker.senses.voice.intents import spoken_presets
from mirage_lsd.worker.senses.voice.listener import Listener, Manner

HOURS = 5 / 60


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_five_minutes_of_talk_bring_no_command(checkout: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(checkout / "tests" / "bench"))
    bench = importlib.import_module("voice_false_triggers")
    listener = Listener(WhisperEngine())
    listener.use(spoken_presets(load_library()), Manner("mirage", WhisperEngine.threshold, 0))
    heard_s, commands, _ = bench.triggers(listener, bench.talk(HOURS, seed=11))
    assert heard_s >= HOURS * 3600
    assert commands == []

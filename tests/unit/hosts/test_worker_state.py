# SPDX-License-Identifier: Apache-2.0
"""The worker's state as a value: what each command makes of it, and what it refuses."""

from __future__ import annotations

import pytest

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.messages.worker_commands import ApplySettings, CloseStream, OpenStream, Ping, Shutdown
from mirage_lsd.worker.state import (
    StaleEpochError,
    StaleGenerationError,
    UnknownStreamError,
    WorkerState,
    apply,
)


@pytest.fixture
def opened() -> WorkerState:
    return apply(WorkerState(), OpenStream(1, 5, "in", "out"))


def test_settings_survive_a_new_ring(opened):
    worn = apply(opened, ApplySettings(1, 3, StreamSettings(prompt="forest")))
    resized = apply(worn, OpenStream(1, 6, "in2", "out2"))
    assert resized.streams[1].settings.prompt == "forest"
    assert (resized.streams[1].epoch, resized.streams[1].input_ring) == (6, "in2")


def test_an_old_ring_is_refused(opened):
    with pytest.raises(StaleEpochError, match="epoch 5"):
        apply(opened, OpenStream(1, 5, "in", "out"))


def test_older_settings_lose(opened):
    newer = apply(opened, ApplySettings(1, 9, StreamSettings(prompt="beach")))
    with pytest.raises(StaleGenerationError):
        apply(newer, ApplySettings(1, 8, StreamSettings(prompt="forest")))
    assert newer.streams[1].settings.prompt == "beach"


def test_an_overtaken_close_keeps_the_new_stream(opened):
    reopened = apply(opened, OpenStream(1, 7, "in7", "out7"))
    assert 1 in apply(reopened, CloseStream(1, 5)).streams
    assert 1 not in apply(reopened, CloseStream(1, 7)).streams


def test_an_unknown_stream_is_named(opened):
    with pytest.raises(UnknownStreamError, match="stream 2 is not open"):
        apply(opened, ApplySettings(2, 1, StreamSettings()))


def test_questions_change_nothing_and_shutdown_stops(opened):
    assert apply(opened, Ping(1)) is opened
    assert apply(opened, Shutdown("test")).stopping

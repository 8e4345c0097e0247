# SPDX-License-Identifier: Apache-2.0
"""A command's way: client → ZeroMQ → worker's loop → the next frame, with a real worker process."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from worker_owner import WorkerOwner

from mirage_lsd.shared.commands import PROTOCOL, ApplySettings, GetStatus, Hello, Ping, Shutdown
from mirage_lsd.shared.errors import RequestRefused
from mirage_lsd.shared.events import State, Stats
from mirage_lsd.shared.settings import StreamSettings

PICTURE = np.full((48, 64, 4), 77, np.uint8)


@pytest.fixture
def owner():
    with WorkerOwner() as owner:
        owner.open_stream(1, 64, 48)
        yield owner


def test_hello_tells_what_there_is(owner):
    welcome = owner.client.request(Hello(PROTOCOL, "test"))
    assert welcome.pid == owner.process.pid
    assert {"lsd", "passthrough"} <= set(welcome.pipelines)
    with pytest.raises(RequestRefused) as refused:
        owner.client.request(Hello(PROTOCOL + 1, "test"))
    assert refused.value.code == "wrong_protocol"


def test_every_frame_after_the_answer_has_the_new_generation(owner):
    for generation in range(1, 30):
        owner.apply(1, generation, pipeline="passthrough", seed=generation)
        assert owner.shown(1, owner.send(1, PICTURE)).header.generation == generation


def test_older_settings_are_refused_and_newer_ones_stay(owner):
    other = owner.connect()
    owner.apply(1, 5, pipeline="passthrough")
    with pytest.raises(RequestRefused) as refused:
        other.request(ApplySettings(1, 4, StreamSettings(prompt="forest")))
    assert refused.value.code == "stale_generation"
    other.close()
    assert owner.shown(1, owner.send(1, PICTURE)).header.generation == 5


def test_a_word_it_does_not_know_loses_no_other_setting(owner):
    owner.apply(1, 1, pipeline="passthrough", prompt="forest")
    with pytest.raises(RequestRefused, match="xyzzy") as refused:
        owner.apply(1, 2, pipeline="passthrough", prompt="forest xyzzy", enabled=False)
    assert refused.value.code == "unknown_word"
    assert owner.client.request(GetStatus()).streams[0].generation == 2
    assert seen(owner, lambda event: isinstance(event, State) and event.state == "off")


def test_a_device_that_is_not_there_is_told(owner):
    owner.apply(1, 1, pipeline="passthrough", device="cuda")
    assert seen(owner, lambda event: isinstance(event, State) and "cuda is not available" in event.text)


def test_figures_are_broadcast(owner):
    owner.apply(1, 1, pipeline="passthrough")
    assert owner.client.request(Ping(7)).sent_ns == 7
    owner.send(1, PICTURE)
    assert seen(owner, lambda event: isinstance(event, Stats) and event.stream_id == 1 and event.processed > 0)


def test_shutdown_ends_the_worker_and_leaves_the_rings_to_their_owner(owner):
    owner.client.request(Shutdown("test"))
    assert owner.process.wait(10) == 0
    assert os.path.exists(owner.rings[1][0].path)


def seen(owner, is_it, within_s: float = 10.0) -> bool:
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        if any(is_it(event) for event in owner.client.events(0.2)):
            return True
    return False

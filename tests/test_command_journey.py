# SPDX-License-Identifier: Apache-2.0
"""A command's way: client → ZeroMQ → worker's loop → the next frame, with a real worker process."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from worker_owner import WorkerOwner

from mirage_lsd.shared.errors import RequestRefused
from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.messages.worker_commands import PROTOCOL, ApplySettings, GetStatus, Hello, Ping, Shutdown
from mirage_lsd.shared.messages.worker_events import Ready, State, Stats

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
    assert welcome.devices[0] == "auto" and welcome.devices[-1] == "cpu"
    assert len(welcome.device_names) == len(welcome.devices)
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


def test_settings_with_a_word_it_does_not_know_are_refused_and_change_nothing(owner):
    owner.apply(1, 1, pipeline="passthrough", prompt="forest")
    with pytest.raises(RequestRefused, match="xyzzy") as refused:
        owner.apply(1, 2, pipeline="passthrough", prompt="forest xyzzy", enabled=False)
    assert refused.value.code == "unknown_word"
    assert owner.client.request(GetStatus()).streams[0].generation == 1
    assert owner.shown(1, owner.send(1, PICTURE)).header.generation == 1
    owner.apply(1, 2, pipeline="passthrough", prompt="forest", enabled=False)
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


def repainted(owner, within_s: float) -> bool:
    """Whether a flat picture, where mirage-lsd-tiny finds nobody to dress, comes back as another one."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        if not np.array_equal(owner.shown(1, owner.send(1, PICTURE), within_s=60).picture, PICTURE):
            return True
    return False


@pytest.mark.slow
def test_tiny_runs_until_the_large_model_is_loaded(owner):
    """PyTorch and the checkpoint come in the background; the status says so, and who takes over."""
    pytest.importorskip("transformers")
    large = {"model": "mirage-lsd-v1", "checkpoint": "random:tiny-random", "device": "cpu", "steps": 1}
    owner.wait_ready()
    owner.apply(1, 1, working_size="small", prompt="forest", **large)
    assert seen(owner, lambda event: isinstance(event, State) and event.text.startswith("loading mirage-lsd-v1: ")
                and event.text.endswith("mirage-lsd-tiny runs meanwhile"))  # fmt: skip
    assert owner.shown(1, owner.send(1, PICTURE), within_s=60).header.generation == 1
    assert seen(owner, lambda event: isinstance(event, Ready) and event.model.startswith("mirage-lsd-v1"), 240)
    assert repainted(owner, 120)
    assert seen(owner, lambda event: isinstance(event, State) and "on cpu, eager" in event.text)


def test_words_of_the_large_model_are_refused_with_the_small_one(owner):
    """v1 takes any words; with tiny chosen again they are refused, and without them tiny leaves the picture alone."""
    owner.apply(1, 1, pipeline="passthrough", model="mirage-lsd-v1", prompt="a castle by Monet")
    with pytest.raises(RequestRefused) as refused:
        owner.apply(1, 2, pipeline="lsd", model="mirage-lsd-tiny", prompt="a castle by Monet", strength=0.5)
    assert refused.value.code == "unknown_word"
    owner.wait_ready()
    owner.apply(1, 2, pipeline="lsd", model="mirage-lsd-tiny", strength=0.5)
    shown = owner.shown(1, owner.send(1, PICTURE), within_s=60)
    assert shown.header.generation == 2 and np.array_equal(shown.picture, PICTURE)

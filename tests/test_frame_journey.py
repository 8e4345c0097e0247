# SPDX-License-Identifier: Apache-2.0
"""A frame's way through a real worker process: ring → stages → ring."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager

import numpy as np
import psutil
import pytest
from worker_owner import WorkerOwner

from mirage_lsd.shared.errors import RequestRefused
from mirage_lsd.shared.messages.worker_commands import CloseStream, GetStatus, OpenStream
from mirage_lsd.worker.processes.priority import PICTURE


def picture(seed: int, width_px: int, height_px: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height_px, width_px, 4), np.uint8)


@contextmanager
def stopped(owner):
    """The worker stands still meanwhile."""
    worker = psutil.Process(owner.process.pid)
    worker.suspend()
    yield
    worker.resume()


@pytest.fixture
def owner():
    with WorkerOwner() as owner:
        yield owner


@pytest.mark.parametrize("size", [(640, 360), (641, 361), (1, 1), (90, 160)])
def test_passthrough_gives_every_pixel_back(owner, size):
    owner.open_stream(1, *size)
    owner.apply(1, 1, pipeline="passthrough")
    for seed in range(3):
        source = picture(seed, *size)
        shown = owner.shown(1, owner.send(1, source))
        assert np.array_equal(shown.picture, source)


def test_a_transparent_look_comes_out_of_the_ring_with_its_alpha(owner):
    """Nobody is there: all of it is transparent, and tells nothing of what was."""
    owner.open_stream(1, 160, 90)
    owner.apply(1, 1, pipeline="lsd", prompt="transparent")
    owner.wait_ready()
    source = np.full((90, 160, 4), (150, 160, 170, 255), np.uint8)
    assert not owner.shown(1, owner.send(1, source)).picture.any()
    owner.apply(1, 2, pipeline="lsd", prompt="transparent", strength=0.0)
    assert np.array_equal(owner.shown(1, owner.send(1, source)).picture, source)


@pytest.mark.skipif(sys.platform == "win32", reason="priorities are classes there")
def test_the_worker_gives_way_to_obs(owner):
    assert psutil.Process(owner.process.pid).nice() >= max(PICTURE, psutil.Process().nice())


def test_streams_do_not_mix(owner):
    sources = {1: picture(1, 64, 48), 2: picture(2, 32, 80)}
    for stream_id, source in sources.items():
        owner.open_stream(stream_id, source.shape[1], source.shape[0])
        owner.apply(stream_id, 1, pipeline="passthrough")
    sent = {stream_id: owner.send(stream_id, source) for stream_id, source in sources.items()}
    for stream_id, source in sources.items():
        assert np.array_equal(owner.shown(stream_id, sent[stream_id]).picture, source)


def test_a_new_ring_takes_over(owner):
    owner.open_stream(1, 64, 48, epoch=1)
    owner.apply(1, 1, pipeline="passthrough")
    owner.shown(1, owner.send(1, picture(1, 64, 48)))
    for ring in owner.rings[1]:
        ring.close()
    owner.open_stream(1, 80, 60, epoch=2)
    shown = owner.shown(1, owner.send(1, picture(2, 80, 60)))
    assert np.array_equal(shown.picture, picture(2, 80, 60))


def test_only_the_newest_frame_is_rendered(owner):
    owner.open_stream(1, 64, 48)
    owner.apply(1, 1, pipeline="passthrough")
    owner.shown(1, owner.send(1, picture(0, 64, 48)))
    with stopped(owner):  # it finds all of them at once: only the last one is worth rendering
        for seed in range(1, 6):
            newest = owner.send(1, picture(seed, 64, 48))
    assert np.array_equal(owner.shown(1, newest).picture, picture(5, 64, 48))
    status = owner.client.request(GetStatus()).streams[0]
    assert (status.processed, status.dropped) == (2, 4)


def test_missing_and_foreign_rings_are_refused(owner):
    with pytest.raises(RequestRefused) as missing:
        owner.client.request(OpenStream(1, 1, "nowhere", "nowhere"))
    assert missing.value.code == "not_found"
    with pytest.raises(RequestRefused):
        owner.client.request(OpenStream(1, 1, "../escape", "out"))
    with pytest.raises(RequestRefused) as foreign:
        owner.client.request(OpenStream(1, 1, "doorbell", "doorbell"))
    assert foreign.value.code in ("not_a_ring", "truncated", "not_found")  # Windows: an event has no file
    owner.open_stream(1, 64, 48)  # and the worker still serves


def test_a_damaged_slot_costs_one_frame_and_no_other_stream(owner):
    for stream_id in (1, 2):
        owner.open_stream(stream_id, 64, 48)
        owner.apply(stream_id, 1, pipeline="passthrough")
    owner.shown(1, owner.send(1, picture(0, 64, 48)))
    with stopped(owner):
        owner.send(1, picture(1, 64, 48))  # is damaged before the worker looks
        ring = owner.rings[1][0]
        width_at = ring.geometry.slot_offset((ring.head - 1) % ring.geometry.slot_count) + 24
        ring.buffer[width_at : width_at + 4] = b"\xff" * 4
    deadline_s = time.monotonic() + 30
    while (damaged := owner.client.request(GetStatus()).streams[0]).dropped == 0:
        assert time.monotonic() < deadline_s, "the damaged frame was not looked at"
    assert (damaged.stream_id, damaged.processed) == (1, 1)
    assert np.array_equal(owner.shown(2, owner.send(2, picture(2, 64, 48))).picture, picture(2, 64, 48))
    assert np.array_equal(owner.shown(1, owner.send(1, picture(3, 64, 48))).picture, picture(3, 64, 48))


def test_closing_a_stream_ends_it(owner):
    owner.open_stream(1, 64, 48)
    owner.client.request(CloseStream(1, 1))
    assert owner.client.request(GetStatus()).streams == ()


def test_the_worker_ends_with_a_killed_owner_and_leaves_nothing(tmp_path):
    script = textwrap.dedent(
        """
        import sys, time
        sys.path.append(sys.argv[1])
        from worker_owner import WorkerOwner
        owner = WorkerOwner()
        owner.open_stream(1, 64, 48)
        print(owner.process.pid, owner.folder.path, flush=True)
        time.sleep(60)
        """
    )
    support = os.path.join(os.path.dirname(__file__), "support")
    killed = subprocess.Popen([sys.executable, "-c", script, support], stdout=subprocess.PIPE, text=True)
    worker_pid, folder = killed.stdout.readline().split()
    assert os.path.isdir(folder)
    killed.kill()
    killed.wait()
    killed.stdout.close()
    wait_until(lambda: not os.path.exists(folder) and not is_running(int(worker_pid)))


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(true, within_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline_s, f"not so within {within_s} s"
        time.sleep(0.02)

# SPDX-License-Identifier: Apache-2.0
"""The doorbell across processes: wakes, drains, loses nothing, costs nothing while it is quiet.

This file is also the program of the other process: `python test_doorbell.py ring|flood|wait PATH`.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from mirage_lsd.shared.doorbell.doorbell_event import EventDoorbell
from mirage_lsd.shared.doorbell.doorbell_fifo import FifoDoorbell
from mirage_lsd.shared.doorbell.doorbell_semaphore import SemaphoreDoorbell
from mirage_lsd.shared.errors import DoorbellError

WINDOWS = sys.platform == "win32"
KINDS = {"event": EventDoorbell} if WINDOWS else {"semaphore": SemaphoreDoorbell, "fifo": FifoDoorbell}
posix = pytest.mark.skipif(WINDOWS, reason="signals and descriptors are POSIX's")


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture
def bell(kind, tmp_path: Path):
    made = kind.create(str(tmp_path / "bell"))
    yield made
    made.close()


def start(task: str, bell) -> subprocess.Popen:
    command = [sys.executable, __file__, task, type(bell).__name__, bell.path]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_rings_pile_up_to_one(bell) -> None:
    assert not bell.wait(0)
    for _ in range(5):
        bell.ring()
    assert bell.wait(0)
    assert not bell.wait(0)


def test_a_million_rings_nobody_hears_neither_block_nor_overflow(bell) -> None:
    for _ in range(100_000):
        bell.ring()
    assert bell.wait(0)
    assert not bell.wait(0)


def test_a_timeout_ends_the_wait(bell) -> None:
    started = time.monotonic()
    assert not bell.wait(0.2)
    assert time.monotonic() - started >= 0.19
    assert not bell.wait(-1)


def test_another_process_wakes_this_one(bell) -> None:
    process = start("ring", bell)
    assert bell.wait(30)
    process.communicate(timeout=30)


def test_this_process_wakes_another_that_sleeps_without_cpu(bell) -> None:
    process = start("wait", bell)
    assert process.stdout.readline() == "waiting\n"
    waiter = psutil.Process(process.pid)
    counts = [waiter.num_ctx_switches()]
    while len(counts) < 50 and counts[-3:] != counts[-1:] * 3:  # a second look, and a third, find it asleep since
        time.sleep(0.5)
        counts.append(waiter.num_ctx_switches())
    assert counts[-3:] == counts[-1:] * 3, "it must sleep, not poll"
    bell.ring()
    assert process.communicate(timeout=30)[0] == "True\n"


def test_a_ringer_that_is_killed_at_full_speed_harms_nobody(bell) -> None:
    for _ in range(5):
        process = start("flood", bell)
        for _ in range(20):
            assert bell.wait(30)
        process.kill()
        process.communicate()
    bell.wait(0)
    assert not bell.wait(0.05)
    bell.ring()
    assert bell.wait(0)


def test_a_waiter_that_is_killed_leaves_the_bell_usable(bell) -> None:
    process = start("wait", bell)
    assert process.stdout.readline() == "waiting\n"
    process.kill()
    process.communicate()
    bell.ring()
    assert bell.wait(30)


def test_no_ring_is_lost_between_two_waits(bell) -> None:
    """Publish, then ring; wait, then look: after the last ring the waiter must have seen the last number."""
    published, last = [0], 200_000

    def ringer() -> None:
        for i in range(1, last + 1):
            published[0] = i
            bell.ring()

    thread = threading.Thread(target=ringer)
    thread.start()
    seen = 0
    while seen < last:
        assert bell.wait(30), f"asleep at {seen} although {published[0]} was published"
        seen = published[0]
    thread.join()


def test_other_threads_run_while_one_waits(bell) -> None:
    woken: list[bool] = []
    thread = threading.Thread(target=lambda: woken.append(bell.wait(30)))
    thread.start()
    time.sleep(0.1)
    sum(range(1_000_000))
    assert woken == [], "the wait must not hold the GIL"
    bell.ring()
    thread.join()
    assert woken == [True]


@posix
def test_a_signal_does_not_end_the_wait(bell) -> None:
    caught = []
    previous = signal.signal(signal.SIGALRM, lambda *_: caught.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    started = time.monotonic()
    assert not bell.wait(0.3)
    signal.signal(signal.SIGALRM, previous)
    assert caught and time.monotonic() - started >= 0.29


def test_after_close_there_is_one_clear_error(bell) -> None:
    bell.close()
    bell.close()
    for use in (bell.ring, lambda: bell.wait(0)):
        with pytest.raises(DoorbellError) as caught:
            use()
        assert caught.value.code == "closed"


def test_its_name_can_be_removed_while_it_is_used(bell) -> None:
    bell.unlink()
    bell.unlink()
    bell.ring()
    assert bell.wait(0)


def test_what_is_not_there_or_exists_is_refused(kind, tmp_path: Path) -> None:
    with pytest.raises(DoorbellError) as caught:
        kind.open(str(tmp_path / "none"))
    assert caught.value.code == "not_found"
    made = kind.create(str(tmp_path / "bell"))
    with pytest.raises(DoorbellError) as caught:
        kind.create(str(tmp_path / "bell"))
    assert caught.value.code == "exists"
    made.close()


@posix
def test_bells_leave_no_descriptor_open(kind, tmp_path: Path) -> None:
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for i in range(20):
        made = kind.create(str(tmp_path / f"bell{i}"))
        kind.open(made.path).close()
        made.close()
    assert len(os.listdir("/proc/self/fd")) == before


def main(task: str, kind: str, path: str) -> None:
    opened = {made.__name__: made for made in KINDS.values()}[kind].open(path)
    if task == "ring":
        opened.ring()
    while task == "flood":
        opened.ring()
    if task == "wait":
        print("waiting", flush=True)
        print(opened.wait(60), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

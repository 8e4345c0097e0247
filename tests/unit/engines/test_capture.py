# SPDX-License-Identifier: Apache-2.0
"""CUDA graph capture with the card's calls replaced by a recorder: in which order, on which stream, and what happens
when a capture fails. That a captured graph gives the right picture needs a card and is not tested here."""

from __future__ import annotations

import contextlib
import threading

import pytest

torch = pytest.importorskip("torch")

from mirage_lsd.worker.engines.device import capture as module
from mirage_lsd.worker.engines.device.capture import CapturePlace, capture
from mirage_lsd.worker.engines.device.device import ALLOCATOR, CudaDevice, ran_out_of_memory

DEVICE = torch.device("cuda:0")


class Stream:
    def __init__(self, device, priority=0):
        self.device, self.priority = device, priority

    def wait_stream(self, other):
        CALLS.append(("wait", other))

    def synchronize(self):
        CALLS.append(("synchronize", self))


class Graph:
    def capture_begin(self, pool, capture_error_mode):
        CALLS.append(("begin", pool, capture_error_mode))

    def capture_end(self):
        CALLS.append(("end",))
        if ENDS_BADLY:
            raise RuntimeError("operation failed due to a previous error during capture")

    def replay(self):
        CALLS.append(("replay",))


CALLS: list[tuple] = []
ENDS_BADLY: list[bool] = []


@pytest.fixture(autouse=True)
def card(monkeypatch):
    CALLS.clear()
    ENDS_BADLY.clear()
    pools = iter(range(100))
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: next(pools))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: "current")
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext(CALLS.append(("on", stream))))


def names() -> list[str]:
    return [call[0] for call in CALLS]


def test_a_capture_rehearses_first_and_holds_the_allocator():
    place, locked = CapturePlace(DEVICE), []

    def launch():
        CALLS.append(("launch",))
        locked.append(ALLOCATOR.locked())

    replay = capture(launch, lambda: CALLS.append(("rehearse",)), place)
    rehearsals = ["rehearse"] * module._WARM_UPS
    assert names() == ["wait", "on", *rehearsals, "synchronize", "begin", "launch", "end"]
    assert ("begin", place.pool, "thread_local") in CALLS and ("on", place.stream) in CALLS
    assert locked == [True] and not ALLOCATOR.locked()
    replay()
    assert names()[-1] == "replay"


def test_captures_have_streams_that_no_lane_can_have():
    """PyTorch deals streams out of one pool for each priority, again and again."""
    lane = CudaDevice("cuda:0").new_lane()
    assert CapturePlace(DEVICE).stream.priority != lane.priority
    assert CapturePlace(DEVICE).pool != CapturePlace(DEVICE).pool


@pytest.mark.parametrize("ends_badly", [False, True])
def test_a_capture_that_fails_is_ended_and_tells_its_own_reason(ends_badly):
    ENDS_BADLY.extend([True] * ends_badly)

    def launch():
        raise torch.OutOfMemoryError("tried to allocate 1 GiB")

    with pytest.raises(torch.OutOfMemoryError, match="1 GiB"):
        capture(launch, lambda: None, CapturePlace(DEVICE))
    assert names()[-1] == "end" and not ALLOCATOR.locked()


def test_memory_is_not_given_back_during_a_capture(monkeypatch):
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: CALLS.append(("emptied",)))
    device, other = CudaDevice("cuda:0"), []

    def launch():
        other.append(threading.Thread(target=device.give_back))
        other[0].start()
        other[0].join(0.2)
        CALLS.append(("launched",))

    capture(launch, lambda: None, CapturePlace(DEVICE))
    other[0].join()
    assert names().index("emptied") > names().index("end") > names().index("launched")


def test_every_way_to_say_that_memory_ran_out_is_known():
    for error in (torch.OutOfMemoryError("x"), RuntimeError("CUDA error: out of memory"),
                  RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
                  RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")):
        assert ran_out_of_memory(error)
    assert not ran_out_of_memory(RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert not ran_out_of_memory(ValueError("out of memory"))

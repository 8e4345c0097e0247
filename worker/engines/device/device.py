# SPDX-License-Identifier: Apache-2.0
"""A processor as the device-resident pipeline uses it: lanes, events, buffers, host memory. Needs torch.

`CudaDevice` maps them to CUDA streams and events; `CpuDevice` offers the same calls, so a CPU run goes through the
same program in the same order and tests can check it. Called by the thread that runs the pipeline, and at start
by the loading thread. Invariant: nothing here waits for the whole device; the host waits for one event at most.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import warnings
from collections.abc import Iterable

import numpy as np
import psutil
import torch

_log = logging.getLogger(__name__)
# cudaHostRegister's flags: usable by every context; read-only, for a mapping we may not write to.
_PORTABLE, _READ_ONLY = 1, 8
# Held during a graph capture and while cached memory is given back: PyTorch's allocator does not bear both at once.
ALLOCATOR = threading.Lock()
# How CUDA's libraries tell that memory ran out, besides PyTorch's own OutOfMemoryError.
_OUT_OF_MEMORY = ("out of memory", "ALLOC_FAILED")


class CpuEvent:
    """When the host came by, which on a CPU is when the work was done."""

    def __init__(self) -> None:
        self.at_ns = 0


class CpuDevice:
    """Runs everything where it is launched: lanes are labels and every event is done once recorded."""

    torch_device = torch.device("cpu")

    def new_lane(self) -> object:
        return object()

    def on(self, lane: object) -> contextlib.AbstractContextManager:
        return contextlib.nullcontext()

    def new_event(self, timed: bool = False) -> CpuEvent:
        return CpuEvent()

    def record(self, event: CpuEvent, lane: object) -> None:
        event.at_ns = time.perf_counter_ns()

    def wait(self, lane: object, event: CpuEvent) -> None:
        """Nothing to wait for: what was launched is done."""

    def is_done(self, event: CpuEvent) -> bool:
        return True

    def wait_on_host(self, event: CpuEvent) -> None:
        """Nothing to wait for."""

    def elapsed_ms(self, start: CpuEvent, end: CpuEvent) -> float:
        return (end.at_ns - start.at_ns) / 1e6

    def register_host(self, array: np.ndarray, writable: bool) -> bool:
        """The CPU reads any memory."""
        return True

    def unregister_host(self, array: np.ndarray) -> None:
        """Nothing was registered."""

    def used_bytes(self) -> int:
        """Resident memory of this process."""
        return psutil.Process().memory_info().rss

    def give_back(self) -> None:
        """Freed memory is the allocator's business."""

    def chosen(self) -> contextlib.AbstractContextManager:
        """There is one CPU."""
        return contextlib.nullcontext()

    def settle(self, lanes: Iterable[object]) -> None:
        """What this thread has done is done."""


class CudaDevice:
    """One graphics card; a lane is a CUDA stream of its own."""

    def __init__(self, name: str) -> None:
        self.torch_device = torch.device(name)

    def new_lane(self) -> torch.cuda.Stream:
        return torch.cuda.Stream(self.torch_device)

    def on(self, lane: torch.cuda.Stream) -> contextlib.AbstractContextManager:
        return torch.cuda.stream(lane)

    def new_event(self, timed: bool = False) -> torch.cuda.Event:
        return torch.cuda.Event(enable_timing=timed)

    def record(self, event: torch.cuda.Event, lane: torch.cuda.Stream) -> None:
        event.record(lane)

    def wait(self, lane: torch.cuda.Stream, event: torch.cuda.Event) -> None:
        lane.wait_event(event)

    def is_done(self, event: torch.cuda.Event) -> bool:
        return event.query()

    def wait_on_host(self, event: torch.cuda.Event) -> None:
        event.synchronize()

    def elapsed_ms(self, start: torch.cuda.Event, end: torch.cuda.Event) -> float:
        return start.elapsed_time(end)

    def register_host(self, array: np.ndarray, writable: bool) -> bool:
        """Pins shared memory, so that copies to and from it are plain DMA; False where the driver refuses.

        A read-only mapping needs a card that can register one. Refused memory works too, through the driver's own
        pinned buffer, which costs one more copy on the host.
        """
        flags = _PORTABLE if writable else _PORTABLE | _READ_ONLY
        with self.chosen():
            status = int(torch.cuda.cudart().cudaHostRegister(array.ctypes.data, array.nbytes, flags))
        if status != 0:
            _log.warning("shared memory cannot be registered with CUDA (error %d); copying through the driver", status)
            with contextlib.suppress(RuntimeError):  # the driver remembers the error for whoever looks next
                torch.zeros(1, device=self.torch_device)
        return status == 0

    def unregister_host(self, array: np.ndarray) -> None:
        torch.cuda.cudart().cudaHostUnregister(array.ctypes.data)

    def used_bytes(self) -> int:
        """What is in use on the card now, or the most that PyTorch has had of it. The former holds TensorRT's memory
        and the libraries' own, and that of other programs too."""
        free, whole = torch.cuda.mem_get_info(self.torch_device)
        return max(whole - free, torch.cuda.max_memory_reserved(self.torch_device))

    def give_back(self) -> None:
        """Returns memory that is no longer used to the driver; a capture under way is waited for."""
        with ALLOCATOR:
            torch.cuda.empty_cache()

    def chosen(self) -> contextlib.AbstractContextManager:
        """Makes this card the one that nameless CUDA calls of this thread mean."""
        return torch.cuda.device(self.torch_device)

    def settle(self, lanes: Iterable[torch.cuda.Stream]) -> None:
        """Lanes wait for what this thread has queued so far, such as the zeroing of new buffers."""
        done = torch.cuda.current_stream(self.torch_device).record_event()
        for lane in lanes:
            lane.wait_event(done)


Device = CpuDevice | CudaDevice
"""What the pipeline needs of a processor. A lane is a queue of work that runs in order."""


def open_device(name: str) -> Device:
    """The device called "cpu" or "cuda:N"."""
    return CpuDevice() if name == "cpu" else CudaDevice(name)


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a device's memory is full."""
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY))


def as_tensor(array: np.ndarray) -> torch.Tensor:
    """A tensor over the same memory, which may be read-only: the caller must not write to it then."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch has no read-only tensors and warns once
        return torch.from_numpy(array)

# SPDX-License-Identifier: Apache-2.0
"""A launch captured as one CUDA graph, while other threads go on using the card. Needs torch and a CUDA device.

Called by the thread that builds engines. Invariants: work of other threads is never captured (a capture's stream is
its own); a capture that fails is ended; the allocator is not emptied during a capture (device.ALLOCATOR).
"""

from __future__ import annotations

import contextlib

import torch

from mirage_lsd.worker.engines.device.device import ALLOCATOR
from mirage_lsd.worker.engines.device.graph_set import Launch

_WARM_UPS = 3
# PyTorch deals out 32 streams a priority, over and over. Lanes have the usual priority: at this one no capture can get
# a lane's stream, whose work it would swallow.
_APART_FROM_LANES = -1


class CapturePlace:
    """Where graphs that never run at the same time are captured: one stream (to which cuBLAS ties its workspace), one
    pool of scratch memory. A captured graph keeps no result in the pool; what it gives is in the static buffers."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream = torch.cuda.Stream(device, priority=_APART_FROM_LANES)
        self.pool = torch.cuda.graph_pool_handle()


def capture(launch: Launch, rehearse: Launch, place: CapturePlace) -> Launch:
    """The launch as one graph. rehearse: the same on other buffers, run first so that all is compiled and chosen."""
    stream = place.stream
    stream.wait_stream(torch.cuda.current_stream(place.device))  # where the copies for the rehearsal were made
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UPS):
            rehearse()
        stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        with ALLOCATOR, contextlib.ExitStack() as if_it_fails:
            graph.capture_begin(place.pool, capture_error_mode="thread_local")
            if_it_fails.callback(_give_up, graph)
            launch()
            if_it_fails.pop_all()
            graph.capture_end()
    return graph.replay


def _give_up(graph: torch.cuda.CUDAGraph) -> None:
    """Ends a capture that has failed, which says so once more."""
    with contextlib.suppress(RuntimeError):
        graph.capture_end()

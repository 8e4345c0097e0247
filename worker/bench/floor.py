# SPDX-License-Identifier: Apache-2.0
"""The arithmetic floor: a frame's multiplications at the rate a plain matrix product reaches. Needs torch.

Called by the benchmarks. Both numbers are measured or counted in this run, none is a data sheet's.
"""

from __future__ import annotations

import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from mirage_lsd.worker.engines.device.graph_set import GraphSet

_SIDE = {"cuda": 8192, "cpu": 1024}
_ROUNDS = 10


def floor_of(graphs: GraphSet, runs: dict[str, int]) -> dict:
    """runs: how often each graph runs a frame."""
    per_graph = {name: flops_of(graphs, name) * times for name, times in runs.items()}
    flops, rate = sum(per_graph.values()), matrix_rate(graphs)
    return {
        "gflop_per_frame": round(flops / 1e9, 3),
        "gflop_by_graph": {name: round(value / 1e9, 3) for name, value in per_graph.items()},
        "measured_tflops": round(rate / 1e12, 4),
        "floor_ms": round(1e3 * flops / rate, 3),
    }


def flops_of(graphs: GraphSet, graph: str) -> int:
    """Multiplications and additions of the graph's matrix products, convolutions and attentions."""
    inputs = [graphs.new_buffer(spec) for spec in graphs.specs[graph].inputs]
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        graphs.modules[graph](*inputs)
    return counter.get_total_flops()


def matrix_rate(graphs: GraphSet) -> float:
    """FLOP a second of a large matrix product in the weights' type on the device."""
    side = _SIDE[graphs.device.type]
    dtype = getattr(torch, graphs.precision)
    left, right = (torch.randn(side, side, device=graphs.device).to(dtype) for _ in range(2))
    best_s = float("inf")
    for _ in range(_ROUNDS):
        started_s = time.perf_counter()
        (left @ right)[0, 0].item()
        best_s = min(best_s, time.perf_counter() - started_s)
    return 2 * side**3 / best_s

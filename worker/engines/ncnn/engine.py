# SPDX-License-Identifier: Apache-2.0
"""The graphs in ncnn on the CPU, whose 3x3 convolutions are Winograd's: half the arithmetic. No torch.

Two nets a graph, for two threads and for one, in float32, made from the weights at start; thread_tuner.py chooses.
`condition`, which runs when the settings change and looks words up in tables, is left to ONNX Runtime. Whether a run
holds Python's interpreter differs by ncnn's release: nothing may need that it does, nor that it does not.
"""
from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np

# Its threads meet after every layer, some 20 us apart: let them spin for about as long as a layer takes (0.1 ms) before
# they sleep. The default spins for much longer and burns the cores that OBS needs. Read once, when an OpenMP library is
# loaded: it counts in the worker, where that is ncnn's. In a program that imported torch before, ncnn calls torch's
# OpenMP, which has read it already, and this does nothing.
os.environ.setdefault("GOMP_SPINCOUNT", "4000")

import ncnn

from mirage_lsd.worker.engines import checked_inputs
from mirage_lsd.worker.engines.ncnn.graphs import net_of
from mirage_lsd.worker.engines.ncnn.net import Net
from mirage_lsd.worker.engines.onnx import OnnxEngine
from mirage_lsd.worker.engines.thread_tuner import ThreadTuner
from mirage_lsd.worker.models.graphs import GraphShapes, GraphSpec
from mirage_lsd.worker.models.weights import load_weights

ELSEWHERE = "condition"
# These have many channels in small pictures: Winograd's weights for 6x6 and 4x4 tiles are 7 and 4 times the 3x3 ones,
# and to fetch them takes longer than the arithmetic they save (160x96: 10 % of `encode`'s time, 25 MB).
SMALL_TILES = ("encode", "motion", "denoise")
BESIDE_THE_MASK = ("flow", "warp")  # these leave a core to the person mask (hosts/model_context.py)


class NcnnEngine:
    """See engines.Engine."""

    name = "ncnn"

    def __init__(self, specs: dict[str, GraphSpec], shapes: GraphShapes, weights: Path, folder: Path, threads: int):
        self.specs = specs
        self._words = OnnxEngine({ELSEWHERE: specs[ELSEWHERE]}, folder, 1)
        tensors = load_weights(weights)
        counts = {name: (1,) if name in BESIDE_THE_MASK or threads == 1 else (threads, 1)
                  for name in specs if name != ELSEWHERE}
        self._ways = {name: ThreadTuner(len(ways)) for name, ways in counts.items()}
        self._nets = {name: _loaded(net_of(name, shapes, tensors), ways, name in SMALL_TILES)
                      for name, ways in counts.items()}

    def run(self, graph_name: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if graph_name == ELSEWHERE:
            return self._words.run(graph_name, inputs)
        spec = self.specs[graph_name]
        ways = self._ways[graph_name]
        way, started_ns = ways.pick(), time.perf_counter_ns()
        run = self._nets[graph_name][way].create_extractor()
        for tensor, array in zip(spec.inputs, checked_inputs(spec, inputs), strict=True):
            run.input(tensor.name, ncnn.Mat(_without_batch(array)).clone())  # some layers write over their input
        results = {tensor.name: _fetched(run, tensor.name, tensor.shape) for tensor in spec.outputs}
        ways.record(way, time.perf_counter_ns() - started_ns)
        return results


def _without_batch(array: np.ndarray) -> np.ndarray:
    return array[0] if array.ndim > 1 else array


def _fetched(run: ncnn.Extractor, name: str, shape: tuple[int, ...]) -> np.ndarray:
    found = ncnn.Mat()
    run.extract(name, found)
    return np.array(found).reshape(shape)


def _loaded(written: Net, thread_counts: tuple[int, ...], small_tiles: bool) -> list[ncnn.Net]:
    """The net, once for every number of threads: ncnn lays weights out for the number it is loaded with."""
    with tempfile.TemporaryDirectory(prefix="mirage-lsd-") as scratch:
        text, data = Path(scratch, "net.param"), Path(scratch, "net.bin")
        text.write_text(written.text())
        data.write_bytes(written.data)
        return [_read(text, data, threads, small_tiles) for threads in thread_counts]


def _read(text: Path, data: Path, threads: int, small_tiles: bool) -> ncnn.Net:
    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_vulkan_compute = False
    for reduced in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage", "int8_inference"):
        setattr(net.opt, f"use_{reduced}", False)
    if small_tiles:
        net.opt.use_winograd63_convolution = net.opt.use_winograd43_convolution = False
    net.load_param(str(text))
    net.load_model(str(data))
    return net

# SPDX-License-Identifier: Apache-2.0
"""Lanes: every launch comes after what it depends on, by events, and after nothing else."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("torch")

from lane_trace import unordered, waits_for

from mirage_lsd.worker.engines.device.device import CpuDevice
from mirage_lsd.worker.engines.device.lanes import LANES, Lanes, Traced


def nothing() -> None:
    pass


def test_a_reader_waits_for_the_writer_and_a_writer_for_the_readers():
    trace: list[Traced] = []
    lanes = Lanes(CpuDevice(), trace=trace)
    lanes.launch("copy_in", "upload", nothing, writes=["source"])
    lanes.launch("flow", "flow", nothing, reads=["source"], writes=["flow"])
    lanes.launch("copy_in", "upload", nothing, writes=["source"])
    kinds = [(step.kind, step.lane) for step in trace]
    assert kinds == [("run", "copy_in"), ("record", "copy_in"), ("wait", "flow"), ("run", "flow"), ("record", "flow"),
                     ("wait", "copy_in"), ("run", "copy_in"), ("record", "copy_in")]
    assert unordered(trace) == []


def test_the_checker_sees_a_missing_event():
    trace: list[Traced] = []
    lanes = Lanes(CpuDevice(), trace=trace)
    lanes.launch("copy_in", "upload", nothing, writes=["source"])
    lanes.launch("flow", "flow", nothing, reads=["source"])
    assert unordered([step for step in trace if step.kind != "wait"]) != []


def test_unrelated_work_does_not_wait():
    trace: list[Traced] = []
    lanes = Lanes(CpuDevice(), trace=trace)
    lanes.launch("diffusion", "denoise", nothing, reads=["latent"], writes=["rgba"])
    lanes.launch("flow", "flow", nothing, reads=["source"], writes=["flow"])
    lanes.launch("upscale", "upscale", nothing, reads=["rgba", "source"], writes=["picture"])
    assert not waits_for(trace, "flow", "diffusion") and not waits_for(trace, "upscale", "flow")
    assert waits_for(trace, "upscale", "diffusion")


@pytest.mark.parametrize("seed", range(20))
def test_any_program_is_ordered(seed):
    chance, trace = random.Random(seed), []
    lanes, buffers = Lanes(CpuDevice(), trace=trace), [f"buffer{i}" for i in range(6)]
    for step in range(60):
        reads, writes = chance.sample(buffers, 2), chance.sample(buffers, chance.randint(0, 2))
        lanes.launch(chance.choice(LANES), f"step{step % 7}", nothing, reads, writes)
    assert unordered(trace) == []


def test_work_runs_in_the_order_of_launching_and_is_timed():
    done: list[str] = []
    lanes = Lanes(CpuDevice(), timed=True)
    for name in ("flow", "denoise", "denoise"):
        event = lanes.launch("flow", name, lambda name=name: done.append(name), writes=["x"])
    assert done == ["flow", "denoise", "denoise"] and lanes.device.is_done(event)
    times = lanes.times(lanes.take_spans())
    assert set(times) == {"flow", "denoise"} and min(times.values()) >= 0.0
    assert lanes.take_spans() == []


def test_events_are_made_once():
    made = []

    class Counting(CpuDevice):
        def new_event(self, timed=False):
            made.append(timed)
            return super().new_event(timed)

    lanes = Lanes(Counting())
    for _ in range(100):
        lanes.launch("flow", "flow", nothing, reads=["source"], writes=["flow"])
    assert len(made) == 1

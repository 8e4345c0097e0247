# SPDX-License-Identifier: Apache-2.0
"""What the graphics-card benchmark makes of its rows: each number met, missed, or not measured."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def bench(checkout: Path):
    spec = importlib.util.spec_from_file_location("v1_gates", checkout / "tests/bench/v1_gates.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(p50_ms: float, fps: float, vram_mb: float = 5000.0) -> dict:
    return {"p50_ms": p50_ms, "p95_ms": p50_ms + 2, "fps": fps, "vram_mb": vram_mb}


ROWS = {
    "ours eager float32": row(90, 11), "ours eager float16": row(45, 22), "ours compiled float16": row(30, 33),
    "ours compiled float16, one stream": row(33, 30), "ours compiled float16, 768x432 to 1280x720": row(37, 28, 9000),
    "ours compiled float16, 1024x576 to 1280x720": row(70, 15), "diffusers img2img": row(50, 20),
    "diffusers step batching": {"error": "out of memory"},
}


def test_each_number_is_met_missed_or_not_measured(bench):
    found = {gate["what"]: (gate["measured"], gate["met"]) for gate in bench.gates(ROWS)}
    assert found["ours compiled float16: p95 ms"] == (32, True)
    assert found["ours compiled float16, 768x432 to 1280x720: fps"] == (28, False)
    assert found["ours compiled float16, 768x432 to 1280x720: graphics memory MB"] == (9000, False)
    assert found["ours compiled float16, 1024x576 to 1280x720: p95 ms"] == (72, None), "reported, not held to it"
    assert found["compiled over eager float32"] == (3.0, True)
    assert found["compiled over eager float16"] == (1.5, True)
    assert found["latency of diffusers img2img over ours"] == (1.667, True)
    assert found["latency of diffusers step batching over ours"] == (None, None)
    assert bench.ratios(ROWS)["streams apart over one stream, fps"] == 1.1


def test_tensorrt_is_what_is_held_to_the_limits_where_it_ran(bench):
    rows = {**ROWS, "ours tensorrt float16": row(20, 50)}
    found = {gate["what"]: gate["met"] for gate in bench.gates(rows)}
    assert found["ours tensorrt float16: p95 ms"] and "ours compiled float16: p95 ms" not in found
    assert bench.best_engine({**ROWS, "ours tensorrt float16": {"error": "x"}}) == "compiled"


def test_a_rehearsal_meets_nothing(bench):
    assert {gate["met"] for gate in bench.gates(ROWS, rehearsal=True)} == {None}

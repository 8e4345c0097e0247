# SPDX-License-Identifier: Apache-2.0
"""TensorRT without a card: what engines are kept under, how a damaged one is mended, what is told when it cannot be.

Building and running need an NVIDIA card and are not tested here; the builder in these tests stands for that part.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json

import pytest

torch = pytest.importorskip("torch")

from mirage_lsd.worker.engines import EngineError
from mirage_lsd.worker.engines.device.graph_set import GraphSet
from mirage_lsd.worker.engines.device.tensorrt import TensorRtBuilder, TensorRtEngine, engine_key
from mirage_lsd.worker.engines.engine_store import MANIFEST, PLAN, EngineKey, EngineStore
from mirage_lsd.worker.hosts.devices import Gpu
from mirage_lsd.worker.models.graphs import GraphShapes, graph_specs
from mirage_lsd.worker.models.nets.tiny import MirageTiny, graph_modules

GPU = Gpu("cuda:0", "NVIDIA Test 1", 8 * 10**9, "550.54", (12, 4))
KEY = EngineKey("decode", "w", "latent:float32", "float16", "NVIDIA Test 1", "550.54", "tensorrt 10.3")


class Recorder:
    """Stands for TensorRT: keeps the ONNX file's size as its plan."""

    def __init__(self):
        self.built, self.opened, self.refused = [], [], []

    def build(self, onnx, timing_cache, progress):
        for share in (0.25, 1.0):
            progress(share)
        self.built.append(onnx.stem)
        return f"{onnx.stem} {onnx.stat().st_size}".encode()

    def open(self, plan):
        if plan in self.refused:
            self.refused.remove(plan)
            raise EngineError("made by another release", "engine_refused")
        self.opened.append(plan)
        return plan

    def bind(self, engine, tensors):
        return lambda: None


@pytest.fixture(scope="module")
def graphs():
    torch.manual_seed(2)
    specs, modules = graph_specs(GraphShapes((64, 64))), graph_modules(MirageTiny().eval())
    kept = ("decode", "warp")
    modules = {name: modules[name] for name in kept}
    specs = {name: specs[name] for name in kept}
    return GraphSet(specs, modules, "float32", torch.device("cpu"), "weights 1")


def test_an_engine_is_built_once_and_then_found(graphs, tmp_path):
    builder, told = Recorder(), []
    store = EngineStore(tmp_path)
    TensorRtEngine(graphs, GPU, store, lambda graph, share: told.append((graph, share)), builder=builder)
    assert builder.built == ["decode", "warp"]
    assert told == [(graph, share) for graph in builder.built for share in (0.0, 0.25, 1.0)]
    TensorRtEngine(graphs, GPU, EngineStore(tmp_path), builder=builder)
    assert builder.built == ["decode", "warp"]


def test_everything_an_engine_depends_on_changes_its_key(graphs):
    key = engine_key(graphs, "decode", GPU)
    others = [engine_key(graphs, "decode", dataclasses.replace(GPU, name="NVIDIA Test 2")),
              engine_key(graphs, "decode", dataclasses.replace(GPU, driver="560.1")),
              engine_key(dataclasses.replace(graphs, fingerprint="other"), "decode", GPU),
              engine_key(dataclasses.replace(graphs, precision="float16"), "decode", GPU),
              engine_key(dataclasses.replace(graphs, specs=graph_specs(GraphShapes((96, 64)))), "decode", GPU),
              dataclasses.replace(key, versions="tensorrt 11"), engine_key(graphs, "warp", GPU)]
    assert len({key.folder_name, *(other.folder_name for other in others)}) == 1 + len(others)


def test_a_damaged_plan_is_seen_and_removed(tmp_path):
    store = EngineStore(tmp_path)
    store.save(KEY, b"plan")
    assert store.load(KEY) == b"plan" and store.problem == ""
    folder = tmp_path / "tensorrt" / KEY.folder_name
    (folder / PLAN).write_bytes(b"plaX")
    assert store.load(KEY) is None and "damaged" in store.problem
    assert not folder.exists()
    store.save(KEY, b"plan")
    (folder / MANIFEST).write_text("{")
    assert store.load(KEY) is None and "cannot be read" in store.problem


def test_an_engine_of_another_card_is_named(tmp_path):
    store = EngineStore(tmp_path)
    store.save(KEY, b"plan")
    folder = tmp_path / "tensorrt" / KEY.folder_name
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["key"]["gpu"] = "NVIDIA Other"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    assert store.load(KEY) is None
    assert "built for gpu 'NVIDIA Other', this is 'NVIDIA Test 1'" in store.problem


def test_nothing_is_left_of_a_write_that_failed(tmp_path, monkeypatch):
    store = EngineStore(tmp_path)
    monkeypatch.setattr("os.rename", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        store.save(KEY, b"plan")
    assert list((tmp_path / "tensorrt").iterdir()) == []


def test_a_refused_plan_is_built_again(graphs, tmp_path):
    builder = Recorder()
    TensorRtEngine(graphs, GPU, EngineStore(tmp_path), builder=builder)
    builder.refused.append(builder.opened[0])
    TensorRtEngine(graphs, GPU, EngineStore(tmp_path), builder=builder)
    assert builder.built == ["decode", "warp", "decode"]


def test_a_build_can_be_stopped(graphs, tmp_path):
    with pytest.raises(EngineError) as caught:
        TensorRtEngine(graphs, GPU, EngineStore(tmp_path), cancelled=lambda: True, builder=Recorder())
    assert caught.value.code == "build_cancelled"


@pytest.mark.skipif(importlib.util.find_spec("tensorrt") is not None, reason="TensorRT is installed")
def test_without_tensorrt_the_reason_is_told():
    with pytest.raises(EngineError, match="pip install") as caught:
        TensorRtBuilder()
    assert caught.value.code == "engine_missing"

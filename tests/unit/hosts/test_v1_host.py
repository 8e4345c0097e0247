# SPDX-License-Identifier: Apache-2.0
"""The host of mirage-lsd-v1 on the CPU: engines, memory that runs out, and what is told."""

from __future__ import annotations

import importlib.util
import re
import subprocess

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from v1_streams import OneModel, RingStream, new_host, pictures

from mirage_lsd.shared.messages.settings import TINY, V1, StreamSettings
from mirage_lsd.worker.engines.device.device import open_device
from mirage_lsd.worker.engines.device.torch_engine import TorchEngine
from mirage_lsd.worker.hosts import devices, v1_engines, v1_host, vram
from mirage_lsd.worker.hosts.v1_engines import EngineUpgrader
from mirage_lsd.worker.hosts.v1_host import OutOfVramError
from mirage_lsd.worker.v1.first_kernel import probe

GPU = devices.Gpu("cuda:0", "NVIDIA Test", 12 * 10**9, "550.54", (12, 4))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def host():
    made = new_host()
    yield made
    made.close()


class FailingOnce:
    """A launch that runs out of memory the first `times` times."""

    def __init__(self, launch, times: int = 1):
        self.launch, self.left = launch, times

    def __call__(self):
        if self.left:
            self.left -= 1
            raise torch.cuda.OutOfMemoryError("tried to allocate 2.00 GiB")
        self.launch()


def fail_at(stream: RingStream, graph: str) -> None:
    program = stream.stream.pipeline.model.program
    program._launches = {key: FailingOnce(launch) if key[0] == graph else launch
                         for key, launch in program._launches.items()}  # fmt: skip


@pytest.mark.parametrize("graph", ["ingest", "denoise", "upscale"])
def test_when_memory_runs_out_the_stream_goes_on_with_a_smaller_plan(host, tmp_path, graph):
    with RingStream(OneModel(host), tmp_path) as stream:
        stream.play(pictures(2))
        before, plan = stream.stream.pipeline.model.program, host.plan
        fail_at(stream, graph)
        with pytest.raises(OutOfVramError, match="graphics memory ran out"):
            stream.send(pictures(1)[0])
        stream.stream.reset()  # as the service does after a failed frame
        assert host.ready and host.plan == vram.smaller(plan)
        assert host.plan.name in host.text and "graphics memory ran out" in host.text
        shown = stream.play(pictures(3))
        assert len(shown) == 3 and np.abs(shown[-1].astype(int) - pictures(3)[-1]).mean() > 5
        assert stream.stream.pipeline.model.program is not before


def test_after_the_smallest_plan_tiny_takes_over(host, tmp_path):
    host.plan = vram.PLANS[-1]
    with RingStream(OneModel(host), tmp_path) as stream:
        stream.play(pictures(1))
        fail_at(stream, "denoise")
        with pytest.raises(OutOfVramError, match=TINY):
            stream.send(pictures(1)[0])
        stream.stream.reset()
        assert host.state == "failed" and "close other programs" in host.text
        assert not stream.send(pictures(1)[0])  # OneModel has no tiny: the source is shown
        assert stream.stream.pipeline is None


def test_memory_that_runs_out_while_loading_is_met_with_a_smaller_plan(monkeypatch):
    real, tried = v1_host.load_model, []

    def load(checkpoint, device, precision, text_on_gpu, tell):
        tried.append(text_on_gpu)
        if len(tried) == 1:
            raise torch.cuda.OutOfMemoryError("no room")
        return real(checkpoint, device, precision, text_on_gpu, tell)

    monkeypatch.setattr(v1_host, "load_model", load)
    monkeypatch.setattr(v1_host, "plan_for", lambda gpu: vram.PLANS[0])
    made = new_host()
    assert len(tried) == 2 and made.plan is vram.PLANS[1]
    made.close()


def test_a_card_whose_memory_is_full_at_the_start_is_no_matter_of_its_driver():
    def full(*_args, **_options):
        raise RuntimeError("CUDA error: out of memory")

    with pytest.raises(devices.DeviceError, match="memory of NVIDIA Test is full") as caught:
        probe(open_device("cpu"), GPU, full)
    assert caught.value.code == "too_little_vram"


def test_a_better_engine_takes_over_between_two_frames(host, tmp_path):
    with RingStream(OneModel(host), tmp_path) as stream:
        stream.play(pictures(2))
        program = stream.stream.pipeline.model.program
        kept = program["kept_latent"]
        program.offer("better", program.bind(TorchEngine(program.graphs)))
        assert program.engine == "eager"
        stream.play(pictures(3)[2:])
        assert program.engine == "better" and program["kept_latent"] is kept
        assert stream.stream.pipeline.model.memory.frames == 3  # nothing of the past was lost


def test_an_engine_that_cannot_be_built_leaves_the_one_before(host, tmp_path):
    for name, reason in (("tensorrt", "needs an NVIDIA card"), ("compiled", r"needs a C\+\+ compiler")):
        host._upgrader = EngineUpgrader(name, host.note)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", "")
            with RingStream(OneModel(host), (tmp_path / name).mkdir() or tmp_path / name) as stream:
                assert len(stream.play(pictures(2))) == 2
        assert host.engine == "eager"
        assert re.search(f"{name} engine not used: .*{reason}", host.text), host.text


@pytest.mark.skipif(importlib.util.find_spec("tensorrt") is not None, reason="TensorRT is installed")
def test_a_named_tensorrt_that_is_not_installed_leaves_the_compiled_engine(tmp_path, monkeypatch):
    class Compiled(TorchEngine):
        name = "compiled"

    monkeypatch.setattr(v1_engines, "CompiledEngine", lambda graphs, lane_of: Compiled(graphs))
    host = new_host(precision="float32")
    host._gpu = GPU  # as the upgrader sees it; the program is on the CPU
    host._upgrader = EngineUpgrader("tensorrt", host.note)
    with RingStream(OneModel(host), tmp_path) as stream:
        assert len(stream.play(pictures(2))) == 2
        assert stream.stream.pipeline.model.engine == "compiled"
    assert host.notes == ["tensorrt engine not used: TensorRT is not installed: pip install 'mirage-lsd[tensorrt]'"]
    assert host._upgrader.progress == ""


@pytest.mark.parametrize("error", [subprocess.CalledProcessError(1, "gcc"), AttributeError("no such call"),
                                   RuntimeError("CUDA error: out of memory")])  # fmt: skip
def test_whatever_a_compiler_raises_is_a_reason_and_the_stream_goes_on(host, tmp_path, monkeypatch, error):
    monkeypatch.setattr(EngineUpgrader, "_make", lambda *_: (_ for _ in ()).throw(error))
    told = []
    host._upgrader = EngineUpgrader("auto", host.note, told.append)
    monkeypatch.setattr(host, "_better_engines", lambda: ("compiled", "tensorrt"))
    with RingStream(OneModel(host), tmp_path) as stream:
        stream.play(pictures(2))
        host._upgrader._jobs.put(None)
        host._upgrader.thread.join(30)
        assert not host._upgrader.thread.is_alive() and host._upgrader.progress == ""
        assert [note.partition(" ")[0] for note in host.notes] == ["compiled", "tensorrt"]
        assert len(stream.play(pictures(2))) == 2
    assert told[0] == "building the compiled engine, eager runs meanwhile"


def test_an_engine_is_built_in_the_background_while_frames_go_on(host, tmp_path, monkeypatch):
    host._upgrader = EngineUpgrader("auto", host.note)
    monkeypatch.setattr(host, "_better_engines", lambda: ("onnx",))
    with RingStream(OneModel(host), tmp_path) as stream:
        engines = []
        for picture in pictures(24) * 20:
            stream.send(picture)
            engines.append(stream.stream.pipeline.model.program.engine)
            if engines[-1] == "onnx":
                break
        assert engines[0] == "eager" and engines[-1] == "onnx", host.text
        shown = stream.play(pictures(2))
        assert np.abs(shown[-1].astype(int) - pictures(2)[-1]).mean() > 5


def test_onnx_runtime_shows_the_same_pictures_as_torch(tmp_path):
    results = []
    for engine in ("eager", "onnx"):
        made = new_host(engine=engine)
        (tmp_path / engine).mkdir()
        with RingStream(OneModel(made), tmp_path / engine) as stream:
            results.append(stream.play(pictures(3)))
            assert stream.stream.pipeline.model.program.engine == engine, made.text
        made.close()
    for one, other in zip(*results, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 2  # of 255: rounding


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_runs_every_graph(precision, tmp_path):
    made = new_host(precision=precision)
    with RingStream(OneModel(made), tmp_path, StreamSettings(model=V1, prompt="a red coat", steps=1)) as stream:
        shown = stream.play(pictures(2))
        assert stream.stream.pipeline.model.program["kv16"].dtype == getattr(torch, precision)
        assert np.abs(shown[-1].astype(int) - pictures(2)[-1]).mean() > 5
    made.close()


def test_numbers_that_are_none_end_with_a_fresh_start(host, tmp_path):
    with RingStream(OneModel(host), tmp_path) as stream:
        stream.play(pictures(2))
        context = stream.stream.pipeline.model
        context.program["kept_latent"].fill_(float("nan"))
        stream.play(pictures(4))
        assert bool(torch.isfinite(context.program["kept_latent"]).all())
        assert "started afresh" in host.text

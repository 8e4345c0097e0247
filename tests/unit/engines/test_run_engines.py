# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd run` with mirage-lsd-v1, a file in and a file out, through each engine; and what it does where the model
or the engine cannot be had: one line that says why, and the next best does the work."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from drawn_pictures import moving_pictures
from random_checkpoints import write_random_checkpoint
from sd_files import change, cut, drop

from mirage_lsd.worker.hosts import devices, v1_model
from mirage_lsd.worker.programs.cli import main
from mirage_lsd.worker.v1.checkpoint.hub import Hub
from mirage_lsd.worker.v1.graphs.config import SMALL_RANDOM

SIZE_PX, FRAMES = (128, 96), 3
SMALL = ["--device", "cpu", "--steps", "1", "--diffusion-size", "64x64"]
# What the engines may differ by before the file's own compression, which makes more of it than there was.
MEAN_LEVELS = 0.25
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30.0, SIZE_PX)
    for picture in moving_pictures(SIZE_PX)[:FRAMES]:
        writer.write(np.ascontiguousarray(picture[..., :3]))
    writer.release()
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def two_levels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a U-Net, since the C++ compiler takes its time for each kernel."""
    config = replace(SMALL_RANDOM, widths=(32, 64), attends=(True, False), heads=(2, 4))
    return write_random_checkpoint(tmp_path_factory.mktemp("small"), config)


@pytest.fixture(scope="module")
def eager(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """What the eager engine makes of the clip."""
    path = tmp_path_factory.mktemp("eager") / "out.mp4"
    assert run_v1(clip, path, "--engine", "eager", "--checkpoint", "random:tiny-random") == 0
    return frames_of(path)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_COMPILE_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run_v1(clip: Path, output: Path, *more: str) -> int:
    return main(["run", str(clip), str(output), "--model", "mirage-lsd-v1", "--prompt", "forest", *SMALL, *more])


def frames_of(path: Path) -> np.ndarray:
    """int [frames, h, w, 3]."""
    reader, frames = cv2.VideoCapture(str(path)), []
    while (read := reader.read())[0]:
        frames.append(read[1])
    return np.stack(frames).astype(int)


def test_the_eager_engine_changes_the_picture(clip: Path, eager: np.ndarray) -> None:
    assert len(eager) == FRAMES and np.abs(eager - frames_of(clip)).mean() > 5


@pytest.mark.parametrize("engine", ["onnx", "captured"])
def test_a_file_goes_through_the_named_engine(clip: Path, eager: np.ndarray, tmp_path: Path, capsys, engine) -> None:
    assert run_v1(clip, tmp_path / "out.mp4", "--engine", engine, "--checkpoint", "random:tiny-random") == 0
    assert_made_by(engine, capsys)
    assert_same(frames_of(tmp_path / "out.mp4"), eager)


@pytest.mark.slow
@pytest.mark.timeout(1200)  # a hundred kernels for the C++ compiler, on a machine that may be busy
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="needs a C++ compiler")
def test_a_file_goes_through_the_compiled_engine(clip: Path, two_levels: Path, tmp_path: Path, capsys) -> None:
    for engine in ("eager", "compiled"):
        path = tmp_path / f"{engine}.mp4"
        assert run_v1(clip, path, "--engine", engine, "--checkpoint", str(two_levels)) == 0
    assert_made_by("compiled", capsys)
    assert_same(frames_of(tmp_path / "compiled.mp4"), frames_of(tmp_path / "eager.mp4"))


def assert_made_by(engine: str, capsys) -> None:
    told = capsys.readouterr()
    assert f"\n{FRAMES} frames by the {engine} engine\n" in told.out, told
    assert f"building the {engine} engine, graph 6 of 8 (denoise)" in told.err


def assert_same(found: np.ndarray, wanted: np.ndarray) -> None:
    assert found.shape == wanted.shape and np.abs(found - wanted).mean() < MEAN_LEVELS


def test_tensorrt_without_a_card_says_so_once_and_the_file_comes_out(clip, eager, tmp_path: Path, capsys) -> None:
    assert run_v1(clip, tmp_path / "out.mp4", "--engine", "tensorrt", "--checkpoint", "random:tiny-random") == 0
    told = capsys.readouterr()
    assert told.err.count("tensorrt engine not used: TensorRT needs an NVIDIA card") == 1
    assert f"\n{FRAMES} frames by the eager engine\n" in told.out
    assert np.array_equal(frames_of(tmp_path / "out.mp4"), eager)


BAD = {
    "a file is missing": (lambda folder: drop(folder, WEIGHTS), "has no unet/diffusion_pytorch_model.safetensors"),
    "wrong architecture": (lambda folder: change(folder, "unet/config.json", addition_embed_type="text_time"), "SDXL"),
    "truncated": (lambda folder: cut(folder, WEIGHTS), "is damaged or cut short"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_checkpoint_is_told_in_one_line_and_tiny_does_the_work(clip, checkpoint, tmp_path, capsys, fault) -> None:
    spoil, words = BAD[fault]
    folder = tmp_path / "checkpoint"
    shutil.copytree(checkpoint, folder)
    spoil(folder)
    assert tiny_stands_in(clip, tmp_path, capsys, words, "--checkpoint", str(folder))


def test_without_a_network_tiny_does_the_work(clip, tmp_path: Path, monkeypatch, capsys) -> None:
    nobody_listens = "http://127.0.0.1:9"
    monkeypatch.setattr(v1_model, "Hub", partial(Hub, tmp_path / "models", nobody_listens))
    assert tiny_stands_in(clip, tmp_path, capsys, "no connection to the hub", "--checkpoint", "someone/something")


CARDS = {
    "too little memory": (devices.Gpu("cuda:0", "NVIDIA Small", 4 * 10**9, "550.54", (99, 0)), ("2.13", "13.0"),
                          "NVIDIA Small has 4.0 GB of memory, mirage-lsd-v1 needs 8"),
    "wrong driver": (devices.Gpu("cuda:0", "NVIDIA Old", 24 * 10**9, "470.1", (11, 4)), ("2.13", "13.0"),
                     "the graphics driver 470.1 serves CUDA 11.4, PyTorch 2.13 needs CUDA 13.0; update the driver"),
    "PyTorch for processors": (devices.Gpu("cuda:0", "NVIDIA New", 24 * 10**9, "580.1", (13, 0)), ("2.13+cpu", ""),
                               "is a build without graphics card support"),
}


@pytest.mark.parametrize("fault", CARDS)
def test_a_card_that_cannot_is_told_in_one_line_and_tiny_does_the_work(clip, tmp_path, monkeypatch, capsys, fault):
    gpu, build, words = CARDS[fault]
    monkeypatch.setattr(devices, "find_gpus", lambda: (gpu,))
    monkeypatch.setattr(devices, "installed_torch", lambda: build)
    assert tiny_stands_in(clip, tmp_path, capsys, words, "--checkpoint", "random:tiny-random", "--device", "cuda:0")


def tiny_stands_in(clip: Path, folder: Path, capsys, words: str, *more: str) -> bool:
    """Whether mirage-lsd-tiny made every frame and one line says why."""
    assert run_v1(clip, folder / "out.mp4", *more) == 0
    told = capsys.readouterr()
    lines = [line for line in told.err.splitlines() if "cannot be used" in line]
    assert len(lines) == 1 and words in lines[0] and "mirage-lsd-tiny runs instead" in lines[0], told.err
    assert "Traceback" not in told.err and f"{FRAMES} frames by the" in told.out
    assert "mirage-lsd-tiny on cpu" in told.out and len(frames_of(folder / "out.mp4")) == FRAMES
    return True


@pytest.mark.skipif(importlib.util.find_spec("tensorrt") is not None, reason="TensorRT is installed")
def test_the_bench_refuses_an_engine_that_is_not_there_by_running_the_next(clip, tmp_path: Path, capsys) -> None:
    report = tmp_path / "report.json"
    command = ["bench", "pipeline", "--model", "mirage-lsd-v1", "--random-weights", "--engine", "tensorrt", *SMALL]
    assert main([*command, "--frames", "2", "--size", "96x72", "--json", str(report)]) == 0
    assert '"engine": "eager"' in report.read_text() and "TensorRT needs an NVIDIA card" in capsys.readouterr().err

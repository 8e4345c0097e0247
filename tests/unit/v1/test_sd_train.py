# SPDX-License-Identifier: Apache-2.0
"""The adapters' training: what it changes, what it must not, that it learns, goes on, and refuses plainly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import cv2
import sd_stream
from random_checkpoints import write_random_checkpoint

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker.programs.cli import main
from mirage_lsd.worker.train.v1.adapters import AdapterConfig, Batches, train_adapters, trainable
from mirage_lsd.worker.v1.graphs.config import SMALL_RANDOM
from mirage_lsd.worker.v1.graphs.shapes import SdShapes
from mirage_lsd.worker.v1.nets.adapters import load_adapters
from mirage_lsd.worker.v1.nets.random_model import random_model
from mirage_lsd.worker.v1.nets.temporal import is_temporal

SIZE_PX = (96, 64)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A panning photograph as a real video file."""
    folder = tmp_path_factory.mktemp("clips")
    shapes = SdShapes((192, 128), (192, 128))
    video = cv2.VideoWriter(str(folder / "pan.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 30, shapes.frame_px)
    for number in range(12):
        video.write(np.ascontiguousarray(sd_stream.frame_bytes(number, shapes)[..., :3]))
    video.release()
    return folder


def test_training_changes_the_temporal_parts_only_and_learns(clips: Path, tmp_path: Path) -> None:
    model = random_model(SMALL_RANDOM)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    config = AdapterConfig(tmp_path, clips, SIZE_PX, steps=12, rate=8e-3)
    first = mean_loss(model, config)
    out = train_adapters(model, config, lambda text: None)
    after = model.state_dict()
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed and all(is_temporal(name.removeprefix("unet.")) for name in changed)
    assert {"gate", "mix"} <= {part for name in changed for part in name.split(".")}
    last = mean_loss(model, config)
    assert last < 0.97 * first
    fresh = random_model(SMALL_RANDOM)
    load_adapters(fresh.unet, out)
    assert mean_loss(fresh, config) == pytest.approx(last, rel=1e-4)


def mean_loss(model, config: AdapterConfig) -> float:
    """Over batches that training does not see."""
    batches = Batches(model, config)
    with torch.no_grad():
        return float(np.mean([float(sum(batches.losses(number).values())) for number in range(1000, 1006)]))


def test_training_goes_on_where_it_stopped(clips: Path, tmp_path: Path) -> None:
    whole, parts = random_model(SMALL_RANDOM), random_model(SMALL_RANDOM)
    train_adapters(whole, AdapterConfig(tmp_path / "whole", clips, SIZE_PX, steps=4), lambda text: None)
    train_adapters(parts, AdapterConfig(tmp_path / "parts", clips, SIZE_PX, steps=2), lambda text: None)
    again = random_model(SMALL_RANDOM)
    train_adapters(again, AdapterConfig(tmp_path / "parts", clips, SIZE_PX, steps=4), lambda text: None)
    wanted, found = whole.unet.state_dict(), again.unet.state_dict()
    assert all(torch.allclose(wanted[name], found[name], atol=1e-6) for name in wanted)
    assert len((tmp_path / "parts" / "adapters.csv").read_text().splitlines()) == 5


def test_the_command_trains_and_refuses_plainly(clips: Path, tmp_path: Path, capsys) -> None:
    checkpoint = write_random_checkpoint(tmp_path / "checkpoint", SMALL_RANDOM)
    usual = ["train-adapters", "--model", str(checkpoint), "--device", "cpu", "--size", "96x64", "--steps", "1",
             "--run-dir", str(tmp_path / "run")]
    assert main([*usual, "--clips", str(clips)]) == 0
    assert (tmp_path / "run" / "adapters.safetensors").is_file()
    (tmp_path / "run" / "adapters.pt").write_bytes(b"damaged")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.mp4").write_bytes(b"no video")
    capsys.readouterr()
    good = str(clips)
    for more, says in (([str(tmp_path)], "holds no videos"), ([str(tmp_path / "bad")], "0 frames"), ([good], "damaged"),
                       ([good, "--size", "90x60"], "multiples of 8"), ([good, "--steps", "0"], "above zero")):
        assert main([*usual, "--clips", *more]) == 2
        assert says in capsys.readouterr().err


def test_a_model_without_temporal_parts_has_nothing_to_train() -> None:
    from dataclasses import replace

    from mirage_lsd.worker.v1.graphs.config import TEMPORAL_OFF

    with pytest.raises(MirageError, match="nothing to train"):
        trainable(random_model(replace(SMALL_RANDOM, temporal=TEMPORAL_OFF)))

# SPDX-License-Identifier: Apache-2.0
"""Training: samples keep their promises, and the whole recipe runs, resumes and writes usable weights."""
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mirage_lsd.worker.engines import create_engine  # noqa: E402
from mirage_lsd.worker.models.graphs import GraphShapes  # noqa: E402
from mirage_lsd.worker.train.compose import CHANGED_LABELS, compose  # noqa: E402
from mirage_lsd.worker.train.dataset import DatasetError, open_world  # noqa: E402
from mirage_lsd.worker.train.recipe import STAGES, smoke_config, train  # noqa: E402
from mirage_lsd.worker.train.toy import write_toy_world  # noqa: E402


@pytest.fixture(scope="module")
def world_dir(tmp_path_factory):
    return write_toy_world(tmp_path_factory.mktemp("world") / "train")


def samples(world, count, frames=2, size_px=(128, 96)):
    return [compose(world, np.random.default_rng((5, i)), frames, size_px) for i in range(count)]


def test_same_seed_same_sample(world_dir):
    world = open_world(world_dir)
    one, two = (compose(world, np.random.default_rng(9), 2, (128, 96)) for _ in range(2))
    for name in ("source", "mask", "layer", "labels", "flow", "occlusion", "ids", "colors"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_what_words_do_not_name_is_not_painted(world_dir):
    world = open_world(world_dir)
    kept = changed = 0
    for sample in samples(world, 60):
        upper, _, lower, hair, expression, scene, light = sample.ids
        alpha = sample.layer[:, 3]
        assert alpha.min() >= 0.0 and alpha.max() <= 1.0
        if light:
            assert alpha.min() > 0.05
            continue
        if not sample.ids.any() and not sample.colors.any():
            assert not alpha.any()
            kept += 1
        if not scene and not expression:
            assert not alpha[sample.labels == CHANGED_LABELS["expression"][0]][::7].mean() > 0.2
        if upper and not scene:
            assert alpha[sample.labels == CHANGED_LABELS["upper"][0]].mean() > 0.6
            changed += 1
    assert kept and changed


def test_flow_points_to_where_the_person_was(world_dir):
    """The figure moves sideways at one speed: its flow is the opposite of its motion."""
    world = open_world(world_dir)
    moved = [sample for sample in samples(world, 12) if np.abs(sample.flow[1]).max() > 0.02]
    assert moved
    for sample in moved:
        assert np.isfinite(sample.flow).all() and np.abs(sample.flow).max() < 4


def test_unfinished_and_damaged_data_sets_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="no finished data set"):
        open_world(tmp_path)
    folder = write_toy_world(tmp_path / "w", clips=1)
    (folder / "layers.npy").write_bytes(b"not numpy")
    with pytest.raises(DatasetError, match="damaged"):
        open_world(folder)


def test_smoke_run_resumes_and_exports(world_dir, tmp_path):
    config = smoke_config(world_dir, tmp_path / "run", tmp_path / "w.safetensors")
    lines: list[str] = []
    train(config, lines.append)
    for stage in STAGES:
        for suffix in (".pt", ".csv", ".png", "-sheet.png"):
            assert (config.run_dir / f"{stage}{suffix}").stat().st_size > 0, (stage, suffix)
    first = config.out.read_bytes()
    again: list[str] = []
    train(config, again.append)
    assert [line for line in again if " step " in line] == []  # nothing left to do
    assert config.out.read_bytes() == first
    engine = create_engine("onnx", GraphShapes((128, 96)), config.out, cache_dir=tmp_path)
    picture = engine.run("decode", {"latent": np.zeros((1, 16, 12, 16), np.float32)})["rgba"]
    assert picture.shape == (1, 4, 96, 128) and np.isfinite(picture).all()

# SPDX-License-Identifier: Apache-2.0
"""Training samples and losses that shapes and folds are learned from."""
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mirage_lsd.worker.models.tiny import MirageTiny  # noqa: E402
from mirage_lsd.worker.train import schedule  # noqa: E402
from mirage_lsd.worker.train.edits import sample_edit, shape_changes  # noqa: E402
from mirage_lsd.worker.train.folds import LEAST, MOST, folded, sample_folds  # noqa: E402
from mirage_lsd.worker.train.losses import swimming_loss  # noqa: E402

WORN = {"upper": "t-shirt", "lower": "trousers", "hair": "short", "expression": "neutral"}


def some_folds():
    return next(folds for folds in (sample_folds(np.random.default_rng(k)) for k in range(20)) if folds is not None)


def test_folds_lie_on_the_body_and_only_on_cloth():
    """The same places of the body have the same gains wherever they are in the picture."""
    folds = some_folds()
    assert folds.dtype == np.float32 and folds.min() >= LEAST and folds.max() <= MOST and folds.std() > 0.02
    rng = np.random.default_rng(1)
    surface = np.repeat(np.cumsum(rng.uniform(0.002, 0.02, (24, 40, 1)), axis=1), 3, 2).astype(np.float32)
    rgb, cloth = np.full((24, 40, 3), 120, np.uint8), np.ones((24, 40), np.float32)
    cloth[:, 20:] = 0
    here = folded(rgb, folds, surface, cloth)
    moved = folded(rgb, folds, np.roll(surface, 3, axis=0), cloth)
    assert here[:, :20].std() > 1 and (here[:, 20:] == 120).all()
    np.testing.assert_array_equal(np.roll(here, 3, axis=0), moved)


@pytest.mark.parametrize("change, moves", [
    ({}, False), ({"hair": "long"}, True), ({"hair": "bun"}, False), ({"upper": "dress"}, True),
    ({"upper": "leather jacket"}, True), ({"lower": "jeans"}, False), ({"lower": "skirt"}, True)])
def test_which_changes_move_outlines(change, moves):
    assert shape_changes(WORN, {**WORN, **change}) is moves


def test_hair_alone_is_asked_for_too():
    """Words like "long hair" name nothing else, so training must show that case."""
    edits = [sample_edit(np.random.default_rng(k), WORN, {**WORN, "hair": "long"}) for k in range(200)]
    alone = [edit for edit in edits if edit.names == {"hair"} and not edit.same_look]
    assert len(alone) > 10 and all(edit.conditions.hair == "long" and edit.conditions.upper == "keep" for edit in alone)


def test_training_times_are_those_that_sampling_visits():
    model = MirageTiny()
    times, is_first = schedule.sample_times(model, 400, torch.Generator().manual_seed(0))
    visited = torch.cat([model.timesteps(steps) for steps in range(1, 6)]).detach()
    nearest = (times[:, None] - visited[None]).abs().amin(dim=1)
    assert nearest.max() < 0.15 and times.min() > 0 and times.max() < 1
    assert all(((times - place).abs() < 0.05).any() for place in visited)
    assert times[is_first].min() > 0.6 and 0.6 < is_first.float().mean() < 0.8


def test_a_first_step_mostly_starts_from_noise_alone():
    """Else the net would learn to read the answer out of its start, and see nothing in a real run's first frame."""
    generator = torch.Generator().manual_seed(0)
    clean, noise = 10.0 * torch.ones(200, 2, 4, 4), torch.zeros(200, 2, 4, 4)
    times, is_first = torch.full((200,), 0.8), torch.arange(200) < 100
    start = schedule.noisy_start(clean, noise, times, is_first, generator)
    empty = (start == 0).flatten(1).all(dim=1)
    assert 60 <= empty[:100].sum() <= 90 and not empty[100:].any()


def test_swimming_is_a_change_of_error_along_the_motion():
    """An error that moves with the body costs nothing; the same error standing still under a moving body does."""
    rows, columns = 16, 24
    error = torch.zeros(1, 3, rows, columns)
    error[0, :2] = 0.02 * torch.sin(torch.arange(columns) * 0.9)
    cells = (rows // 2, columns // 2)
    still = {"flow": torch.zeros(1, 2, *cells), "occlusion": torch.zeros(1, 1, *cells),
             "labels": torch.full((1, rows * 4, columns * 4), 4, dtype=torch.uint8)}
    right = {**still, "flow": still["flow"].clone()}
    right["flow"][:, 0] = -1.0  # in cells of 8 px: what is here was two columns of 4 px further left
    assert swimming_loss(error, error, still) < 1e-6
    assert swimming_loss(error, error, right) > 0.005
    carried = swimming_loss(error.roll(2, dims=3), error, right)
    assert carried < 0.2 * swimming_loss(error, error, right)
    nobody = {**right, "labels": torch.zeros_like(right["labels"])}
    assert swimming_loss(error, error, nobody) == 0

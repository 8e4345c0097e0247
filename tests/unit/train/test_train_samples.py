# SPDX-License-Identifier: Apache-2.0
"""Training samples and losses that shapes and folds are learned from."""
import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mirage_lsd.worker.models.nets.tiny import MirageTiny
from mirage_lsd.worker.tracking.person_follow import PersonFollower, box_around, person_cells
from mirage_lsd.worker.tracking.steady import leaked_latent
from mirage_lsd.worker.train.learning import schedule
from mirage_lsd.worker.train.learning.losses import swimming_loss
from mirage_lsd.worker.train.samples.degrade import sample_mask_fault
from mirage_lsd.worker.train.samples.edits import sample_edit, shape_changes
from mirage_lsd.worker.train.samples.folds import LEAST, MOST, folded, sample_folds
from mirage_lsd.worker.train.samples.segment import AROUND, SEGMENTED, sample_masks, segmented
from mirage_lsd.worker.train.stages import stream as stage_stream
from mirage_lsd.worker.train.stages.stream import way_to

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
    ({}, set()), ({"hair": "long"}, {"hair"}), ({"hair": "bun"}, set()), ({"upper": "dress"}, {"legs"}),
    ({"upper": "leather jacket"}, {"arms"}), ({"lower": "jeans"}, set()),
    ({"lower": "skirt", "hair": "long"}, {"legs", "hair"})])
def test_which_changes_move_outlines(change, moves):
    assert shape_changes(WORN, {**WORN, **change}) == moves


def test_long_sleeves_may_go():
    hoodie = {**WORN, "upper": "hoodie"}
    assert shape_changes(hoodie, WORN) == {"bare"}
    assert shape_changes(hoodie, {**WORN, "upper": "dress"}) == {"bare", "legs"}
    assert shape_changes(hoodie, {**WORN, "upper": "suit"}) == set()


def test_hair_alone_is_asked_for_too():
    """Words like "long hair" name nothing else, so training must show that case."""
    edits = [sample_edit(np.random.default_rng(k), WORN, {**WORN, "hair": "long"}) for k in range(200)]
    alone = [edit for edit in edits if edit.names == {"hair"} and not edit.same_look]
    assert len(alone) > 10 and all(edit.conditions.hair == "long" and edit.conditions.upper == "keep" for edit in alone)


class Guesses(torch.nn.Module):
    """Stands in for the U-Net: every step's clean estimate is this."""

    def forward(self, latent, timestep, source, condition, caches, anchor, history):
        angle = timestep[:, None, None, None] * (torch.pi / 2)
        return (angle.cos() * latent - 5.0) / angle.sin(), caches


@pytest.fixture(scope="module")
def draws():
    """200 training starts of a truth of 10 everywhere, by a model whose own steps find 5: (mean signal, time)."""
    model, generator = MirageTiny(), torch.Generator().manual_seed(0)
    model.unet = Guesses()
    clean, noise = torch.full((2, 24, 4, 4), 10.0), torch.zeros(2, 24, 4, 4)
    found = [schedule.visited(model, clean, noise, None, None, generator) for _ in range(200)]
    return model, [(float(latent.mean() / schedule.alpha_sigma(times)[0].mean()), float(times[0]))
                   for latent, times in found]


def test_training_times_are_those_that_sampling_visits(draws):
    model, found = draws
    visited = torch.cat([model.timesteps(steps) for steps in range(1, 6)]).detach()
    times = torch.tensor([time for _, time in found])
    assert (times[:, None] - visited[None]).abs().amin(dim=1).max() < 0.15 and times.min() > 0 and times.max() < 1
    assert all(((times - place).abs() < 0.05).any() for place in visited)


def test_a_training_start_holds_nothing_or_what_the_steps_before_found(draws):
    """Were truth in most starts, the net would learn to read the answer there, and see nothing in a real run."""
    _, found = draws
    signal = torch.tensor([value for value, _ in found])
    nothing, truth = signal.abs() < 0.01, signal > 8.5
    own = ~nothing & ~truth & (signal > 2.0)
    assert 0.3 < nothing.float().mean() < 0.6 and truth.float().mean() < 0.25 and 0.25 < own.float().mean() < 0.55


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


@pytest.mark.parametrize("last", [1, 2])
@pytest.mark.parametrize("pasts", [1, 2, 3, 6])
def test_a_long_past_goes_to_and_fro_over_the_frames_there_are(last, pasts):
    way = way_to(last, pasts)
    assert len(way) == pasts + 1 and way[-2:] == [last - 1, last]
    assert all(abs(one - other) == 1 for one, other in itertools.pairwise(way)) and set(way) <= set(range(last + 1))


def test_a_stream_starts_from_as_little_of_its_past_as_live():
    """With all of it, training taught a start that no live frame has."""
    model, generator = MirageTiny(), torch.Generator().manual_seed(0)
    latent, motion = torch.full((16, 24, 8, 8), 10.0), (torch.zeros(16, 2, 8, 8), torch.zeros(16, 1, 8, 8))
    caches, anchor, _ = schedule.empty_history(model, 16, 8, 8)
    past = stage_stream._moved(motion, latent, latent, caches, anchor, torch.zeros(1), False, generator)
    live = leaked_latent(latent[:1].numpy())
    known = past.flags[:, 0] > 0
    assert 0 < known.sum() < 16
    assert torch.allclose(past.start[known], torch.from_numpy(live)) and not past.start[~known].any()


def test_a_frame_that_begins_a_stream_knows_nothing(monkeypatch):
    monkeypatch.setattr(stage_stream, "_ALONE", 1.0)
    noise = torch.randn(3, 24, 8, 16)
    past = stage_stream.any_past(MirageTiny(), {}, 1, None, noise, torch.Generator().manual_seed(0))
    assert past.error is None and past.surface_error is None
    known = (past.start, *past.caches, *past.anchor, past.flags)
    assert past.start.shape == noise.shape and not any(tensor.any() for tensor in known)


def test_person_masks_lose_hair_now_and_then_and_nothing_else_with_it():
    faults = [sample_mask_fault(np.random.default_rng(k), 64, 48) for k in range(300)]
    losing = [fault for fault in faults if fault.hair < 1.0 and not fault.absent]
    assert 10 < len(losing) < 70
    person, hair = np.zeros((48, 64), np.uint8), np.zeros((48, 64), bool)
    person[4:, 16:48], hair[4:20, 16:48] = 255, True
    calm = replace(losing[0], shift=(0, 0), grow=0, hole=None, blur=0.6)
    mask = calm.apply(person, hair)
    assert abs(float(mask[8:16, 20:44].mean()) - 255 * calm.hair) < 8 and mask[28:44, 20:44].min() > 250
    assert replace(calm, hair=1.0).apply(person, hair)[8:16, 20:44].min() > 250


def test_most_samples_have_the_segmenters_masks_and_the_others_spoiled_true_ones():
    drawn = [sample_masks(np.random.default_rng(k), 64, 48) for k in range(400)]
    assert abs(sum(masks.fault is None for masks in drawn) / 400 - SEGMENTED) < 0.08
    assert all(AROUND[0] <= masks.around <= AROUND[1] for masks in drawn if masks.around is not None)
    picture, person = np.full((48, 64, 3), 90, np.uint8), np.zeros((48, 64), np.uint8)
    person[10:, 20:50] = 255
    spoiled = next(masks for masks in drawn if masks.fault and not masks.fault.absent and not masks.fault.hole)
    seen = next(masks for masks in drawn if masks.fault is None)
    hair = np.zeros((48, 64), bool)
    assert spoiled.of(picture, person, hair)[20:40, 28:42].min() > 200, "the true mask, spoiled"
    assert seen.of(picture, person, hair)[20:40, 28:42].max() < 200, "the segmenter sees nobody in an even picture"


def test_training_shows_the_live_segmenters_masks_where_live_ones_look():
    """Spoiled true masks never lost an arm; the segmenter does. Each loader thread has its own."""
    near = pytest.importorskip("skimage.data").astronaut()
    picture = np.full((192, 320, 3), (92, 104, 98), np.uint8)
    picture[120:, 180:252] = cv2.resize(near, (72, 72), interpolation=cv2.INTER_AREA)
    person = np.zeros((192, 320), np.uint8)
    person[120:, 190:240] = 255
    close, whole = segmented(picture, person, 1.2), segmented(picture, person, None)
    follow = PersonFollower()
    assert np.abs(whole / 255.0 - follow(picture)).max() < 0.01
    follow._box = box_around(person_cells(person / np.float32(255)), 1.2)
    assert np.abs(close / 255.0 - follow(picture)).max() < 0.01 and np.abs(close.astype(int) - whole).max() > 60
    nobody = np.zeros_like(person)
    assert np.array_equal(segmented(picture, nobody, 1.2), whole)
    with ThreadPoolExecutor(2) as pool:
        assert all(np.array_equal(one, close) for one in pool.map(lambda _: segmented(picture, person, 1.2), range(6)))

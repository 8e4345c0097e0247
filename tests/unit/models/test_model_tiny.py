# SPDX-License-Identifier: Apache-2.0
"""The shipped model on a real photograph: it edits what is named, keeps the rest, and truly denoises."""
import cv2
import numpy as np
import pytest

data = pytest.importorskip("skimage.data")
pytest.importorskip("ai_edge_litert")

from mirage_lsd.worker.eval.switches import Switches
from mirage_lsd.worker.models.weights import DEFAULT_WEIGHTS, load_schedule
from mirage_lsd.worker.train.preview import PreviewStream

FACE = (slice(60, 150), slice(195, 260))  # of the astronaut photograph, 512 x 512
SUIT = (slice(300, 460), slice(80, 250))
WALL = (slice(20, 150), slice(290, 340))


@pytest.fixture(scope="module")
def photo():
    return cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGRA)


def run(photo, prompt, frames=1, strength=1.0, **options):
    stream = PreviewStream(prompt, DEFAULT_WEIGHTS, "onnx", **options)
    return [stream(photo, strength) for _ in range(frames)][-1]


def change(one, two, place):
    return float(np.abs(one[place][..., :3].astype(np.float32) - two[place][..., :3]).mean())


@pytest.fixture(scope="module")
def jacket(photo):
    return run(photo, "blue leather jacket")


def test_the_outfit_changes_and_face_and_background_stay(photo, jacket):
    assert change(photo, jacket, SUIT) > 40
    assert change(photo, jacket, FACE) < 3
    assert change(photo, jacket, WALL) < 3
    blue, _, red = jacket[SUIT][..., :3].reshape(-1, 3).mean(axis=0)
    assert blue > red + 40  # the orange suit has red far above blue


def test_an_empty_prompt_keeps_the_picture(photo):
    assert change(photo, run(photo, ""), (slice(None), slice(None))) < 1.0


def test_the_scene_changes_and_the_face_stays(photo):
    picture = run(photo, "space")
    assert change(photo, picture, WALL) > 60
    assert change(photo, picture, FACE) < 4


def test_without_the_denoisers_output_nothing_is_put_on(photo, jacket):
    broken = run(photo, "blue leather jacket", switches=Switches.without("prediction"))
    assert change(photo, broken, SUIT) < 0.1 * change(photo, jacket, SUIT)


def test_strength_is_exact_at_zero_and_monotone(photo, jacket):
    np.testing.assert_array_equal(run(photo, "blue leather jacket", strength=0.0), photo)
    changes = [change(photo, run(photo, "blue leather jacket", strength=part), SUIT) for part in (0.25, 0.5, 0.75)]
    assert 0 < changes[0] < changes[1] < changes[2] < change(photo, jacket, SUIT)


def test_a_still_stream_stays_still(photo, jacket):
    later = run(photo, "blue leather jacket", frames=12)
    assert change(jacket, later, SUIT) < 25
    assert change(photo, later, FACE) < 4


@pytest.mark.parametrize("steps", [1, 5])
def test_other_step_counts_work(photo, steps):
    assert change(photo, run(photo, "green hoodie", steps=steps), SUIT) > 30


def test_learned_timesteps_descend():
    schedule = load_schedule()
    for steps in range(1, 6):
        times = schedule.for_steps(steps)
        assert len(times) == steps and (np.diff(times) < 0).all() and 0 < times[-1] and times[0] < 1

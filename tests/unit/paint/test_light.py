# SPDX-License-Identifier: Apache-2.0
"""The light words: each is a light of its own, alpha stays, strength scales it."""

import numpy as np
import pytest

from mirage_lsd.worker.models.conditions import LIGHTS
from mirage_lsd.worker.paint.light import GRADES, LightGrade


def picture(width=160, height=90):
    return np.random.default_rng(0).integers(0, 256, (height, width, 4), np.uint8)


def test_every_light_word_has_a_grade():
    assert set(GRADES) == set(LIGHTS) - {"keep"}


@pytest.mark.parametrize("word", list(GRADES))
def test_strength_is_exact_at_zero_and_monotone_and_alpha_stays(word):
    grade, source = LightGrade(160, 90), picture()
    assert np.array_equal(grade.apply(source.copy(), word, 0.0), source)
    steps = [grade.apply(source.copy(), word, part).astype(int) for part in (0.25, 0.5, 0.75, 1.0)]
    direction = np.sign(steps[-1] - source)
    for before, after in zip([source.astype(int), *steps[:-1]], steps, strict=True):
        assert (((after - before) * direction)[..., :3] >= 0).all()
        assert np.array_equal(after[..., 3], source[..., 3])


def test_the_lights_look_like_what_they_are_called():
    grey = np.full((90, 160, 4), 128, np.uint8)
    mean = {word: LightGrade(160, 90).apply(grey.copy(), word, 1.0)[..., :3].reshape(-1, 3).mean(0) for word in GRADES}
    assert mean["daylight"].mean() > 128 > mean["night"].mean() + 30
    assert mean["sunset"][2] > mean["sunset"][0] + 30 and mean["night"][0] > mean["night"][2] + 15
    neon = LightGrade(160, 90).apply(grey.copy(), "neon", 1.0)
    left, right = neon[:, :30, :3].mean((0, 1)), neon[:, -30:, :3].mean((0, 1))
    assert left[2] > right[2] + 60 and right[1] > left[1] + 60

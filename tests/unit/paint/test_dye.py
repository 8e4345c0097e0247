# SPDX-License-Identifier: Apache-2.0
"""From words and seed to dyes."""

import numpy as np
import pytest

from mirage_lsd.shared.messages.settings import Layer, StreamSettings
from mirage_lsd.worker.models.conditions import COLORS, PATTERN_COLOR, parse_conditions
from mirage_lsd.worker.models.looks import look_for
from mirage_lsd.worker.paint.cloth import NEUTRAL, standard_cloth
from mirage_lsd.worker.paint.dye import Dyes, dyes_for


def dyes(prompt, **seed):
    return dyes_for(parse_conditions(prompt), **seed)


def test_what_words_do_not_name_is_not_dyed():
    assert dyes("") == Dyes()
    assert dyes("bald").hair is None and dyes("smile") == Dyes(face=True)
    assert dyes("long hair").hair is not None and dyes("red trousers").upper is None


def test_a_fresh_stream_shows_the_canonical_look_and_other_seeds_another():
    prompt = "striped red t-shirt, beach"
    usual = dyes(prompt, seed=StreamSettings().seed)
    assert usual.upper == standard_cloth("stripes", (200 / 255, 30 / 255, 35 / 255)) and usual.variant == 0
    assert dyes(prompt, seed=0) == usual
    others = [dyes(prompt, seed=StreamSettings().seed + more) for more in (1, 2, 3)]
    assert all(other.variant and other.upper != usual.upper for other in others)


@pytest.mark.parametrize(("prompt", "part", "place"), [
    ("red t-shirt", "upper", 0), ("blue jeans", "lower", 1), ("ginger hair", "hair", 2),
])
def test_the_matrix_dyes_each_share_with_its_own_colour(prompt, part, place):
    found = dyes(prompt)
    color = found.upper.main if part == "upper" else getattr(found, part)
    shares = np.zeros(5)
    shares[[place, 4]] = 1.0
    assert found.matrix() @ shares == pytest.approx(np.asarray(color)[::-1] / NEUTRAL)
    assert np.count_nonzero(found.matrix()[:, :4].any(0)) == 1


def test_a_pattern_is_left_out_of_the_matrix():
    found = dyes("check red shirt")
    assert found.pattern is found.upper and not found.glows
    assert found.matrix() @ [1, 0, 0, 0, 1] == pytest.approx([0, 0, 0])
    assert dyes("neon trim black hoodie").glows and dyes("neon trim black hoodie").pattern is None


def test_a_pattern_without_a_colour_is_printed_on_the_usual_one():
    def upper(*prompts):
        layers = tuple(Layer("outfit", words) for words in prompts[:-1])
        return dyes_for(look_for(StreamSettings(prompt=prompts[-1], layers=layers)).conditions).upper

    assert upper("striped top").main == pytest.approx(np.array(PATTERN_COLOR) / 255)
    assert upper("red hoodie", "dots").main == pytest.approx(np.array(COLORS["red"]) / 255)

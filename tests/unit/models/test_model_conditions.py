# SPDX-License-Identifier: Apache-2.0
"""Prompts: every word of the vocabulary parses, composes, and unknown words name the nearest known ones."""
import numpy as np
import pytest

from mirage_lsd.worker.models.conditions import (
    CATEGORIES,
    COLORS,
    DEFAULT_COLORS,
    Conditions,
    UnknownWordError,
    parse_conditions,
    vocabulary,
)


def test_example_of_the_documentation():
    look = parse_conditions("red leather jacket, city at night")
    assert look == Conditions(upper="leather jacket", upper_color=COLORS["red"], scene="city night")


def test_a_look_composes_from_all_categories():
    look = parse_conditions("Striped BLUE t-shirt and black jeans; blonde long hair with smile, forest, sunset light")
    assert look == Conditions("t-shirt", COLORS["blue"], "stripes", "jeans", COLORS["black"], "long", COLORS["blonde"],
                              "smile", "forest", "sunset")


def test_every_known_phrase_parses_alone():
    for kind, phrases in vocabulary().items():
        for phrase in phrases:
            if kind != "color":
                parse_conditions(phrase)
    for color in COLORS:
        assert parse_conditions(f"{color} hoodie").upper_color == COLORS[color]


@pytest.mark.parametrize(("words", "scene"), [
    ("transparent", "transparent"), ("transparent background", "transparent"), ("No background", "transparent"),
    ("remove the background", "transparent"), ("cut out, red hoodie", "transparent"), ("blurred", "blurred"),
    ("blurred background", "blurred"), ("blur my background", "blurred"), ("navy suit with bokeh", "blurred"),
])  # fmt: skip
def test_what_becomes_of_the_own_place_is_a_scene(words, scene):
    look = parse_conditions(words)
    assert look.scene == scene
    assert look.to_tokens()[0].tolist() == parse_conditions(words + ", forest").to_tokens()[0].tolist()
    assert look.changes_person == ("hoodie" in words or "suit" in words)


def test_empty_prompt_keeps_everything():
    assert parse_conditions("") == Conditions()
    assert parse_conditions("  , ").keeps_everything
    assert not parse_conditions("hoodie").keeps_everything


def test_garment_without_colour_gets_its_usual_one():
    assert parse_conditions("jeans").lower_color == DEFAULT_COLORS["jeans"]


def test_colour_alone_or_with_top_keeps_the_garment():
    assert parse_conditions("green top") == Conditions(upper_color=COLORS["green"])
    assert parse_conditions("#102030 top").upper_color == (16, 32, 48)


def test_unknown_word_names_the_nearest():
    with pytest.raises(UnknownWordError) as caught:
        parse_conditions("red hoody")
    assert caught.value.word == "hoody"
    assert "hoodie" in caught.value.nearest
    assert "hoodie" in str(caught.value)


def test_tokens_say_shapes_and_which_colours_are_given():
    """Colour values, patterns, lights and which scene are put on outside the nets: these tokens are always the same."""
    ids, colors = parse_conditions("striped red leather jacket, space, sunset light").to_tokens()
    assert ids.shape == (1, 7) and ids.dtype == np.int64
    assert CATEGORIES["upper"][ids[0, 0]] == "leather jacket" and ids[0, 1:].tolist() == [0, 0, 0, 0, 1, 0]
    assert colors.shape == (1, 3, 4) and colors.dtype == np.float32
    assert colors[0].tolist() == [[0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    for one, two in zip((ids, colors), parse_conditions("green leather jacket, beach").to_tokens(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("bad", [{"upper": "toga"}, {"upper_color": (1, 2)}, {"hair_color": (0, 0, 300)}])
def test_bad_values_are_refused(bad):
    with pytest.raises(Exception, match="unknown word|three numbers"):
        Conditions(**bad)


@pytest.mark.parametrize("text", ["long blonde hair", "blonde long hair", "a red shirt and long blonde hair"])
def test_a_hair_length_may_stand_before_the_colour(text):
    look = parse_conditions(text)
    assert (look.hair, look.hair_color) == ("long", COLORS["blonde"])

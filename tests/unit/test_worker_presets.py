# SPDX-License-Identifier: Apache-2.0
"""The shipped looks can all be worn; a bad preset file is refused with file, key and fix."""

from __future__ import annotations

import pytest

from mirage_lsd.shared.settings import StreamSettings
from mirage_lsd.worker.looks import lay_over, look_for
from mirage_lsd.worker.models.conditions import Conditions, UnknownWordError
from mirage_lsd.worker.presets import PresetError, load_library


def test_every_shipped_preset_is_a_look_of_its_own():
    library = load_library()
    looks = [look_for(StreamSettings(preset=preset_id)).conditions for preset_id in library]
    assert len(set(looks)) == len(library)


def test_a_prompt_lies_over_the_preset():
    look = look_for(StreamSettings(preset="night-rider", prompt="beach"))
    assert (look.conditions.upper, look.conditions.scene) == ("leather jacket", "beach")


def test_a_new_garment_brings_its_own_pattern():
    striped = Conditions(upper="t-shirt", pattern="stripes")
    assert lay_over(striped, Conditions(upper="hoodie")).pattern == "plain"
    assert lay_over(striped, Conditions(scene="forest")).pattern == "stripes"


def test_keeping_everything_shows_the_source():
    assert look_for(StreamSettings(preset="as-i-am")).strength == 0.0


def test_unknown_words_and_presets_are_refused():
    with pytest.raises(UnknownWordError, match="hoody.*hoodie"):
        look_for(StreamSettings(prompt="red hoody"))
    with pytest.raises(PresetError, match="no preset is called 'nope'"):
        look_for(StreamSettings(preset="nope"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[Bad Id]\nname='x'\nprompt=''", "lower-case words|not valid TOML"),
        ("[a]\nname='x'", r"\[a\]: prompt is missing"),
        ("[a]\nprompt='x'", r"\[a\]: name is missing"),
        ("[a]\nname='x'\nprompt=''\nstrength=2", r"\[a\]: strength is 2"),
        ("[a]\nname='x'\nprompt=''\ncolour='red'", "unknown key 'colour'"),
        ("[a\n", "not valid TOML"),
        ("a = 1", "must be a table"),
    ],
)
def test_a_bad_file_is_refused_with_the_fix(tmp_path, text, told):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PresetError, match=told) as refused:
        load_library(path)
    assert "mine.toml" in str(refused.value)

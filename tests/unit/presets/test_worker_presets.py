# SPDX-License-Identifier: Apache-2.0
"""The shipped looks can all be worn and have pictures; a bad preset file is refused with file, key and fix."""

from __future__ import annotations

import cv2
import pytest

from mirage_lsd.shared.messages.look import GESTURES, KEEP
from mirage_lsd.shared.messages.settings import LAYERS, Layer, StreamSettings
from mirage_lsd.worker.models.conditions import Conditions, UnknownWordError
from mirage_lsd.worker.models.looks import lay_over, look_for, prompt_of
from mirage_lsd.worker.presets import presets as presets_file
from mirage_lsd.worker.presets.presets import PresetError, create_user_file, load_library, load_presets, user_file
from mirage_lsd.worker.programs.thumbnails import MAX_BYTES, THUMBNAILS, path_of


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The user's preset file, in a folder of the test."""
    monkeypatch.setenv(presets_file.CONFIG_VARIABLE, str(tmp_path))
    return user_file()


def worn(preset) -> Conditions:
    return look_for(StreamSettings(layers=preset.layers())).conditions


def test_every_shipped_preset_is_a_look_of_its_own_that_the_model_knows():
    library = load_library()
    assert len(library) >= 24
    assert len({worn(preset) for preset in library.values()}) == len(library)
    assert [preset.id for preset in library.values() if preset.note] == []
    assert len({preset.name for preset in library.values()}) == len(library)
    for layer in ("outfit", "hair", "scene", "light"):
        alone = [one for one in library.values() if [part.name for part in one.layers()] == [layer]]
        assert len(alone) >= 3, layer


def test_every_shipped_preset_has_a_picture_and_all_differ():
    library = load_library()
    files = sorted(path.stem for path in THUMBNAILS.glob("*"))
    assert files == sorted(library)
    pictures = {each: cv2.imread(str(path_of(each))) for each in library}
    assert {picture.shape for picture in pictures.values()} == {(99, 176, 3)}
    assert sum(path_of(each).stat().st_size for each in library) <= MAX_BYTES
    names = list(library)
    for place, name in enumerate(names):
        for other in names[:place]:
            # Seen, not only in bytes: some part of the picture is another colour.
            difference = cv2.absdiff(cv2.blur(pictures[name], (9, 9)), cv2.blur(pictures[other], (9, 9)))
            assert difference.max() >= 12, f"{name} looks like {other}"


def test_layers_compose_and_the_newer_one_wins():
    layers = (Layer("outfit", "black leather jacket"), Layer("scene", "city night"), Layer("prompt", "beach"))
    look = look_for(StreamSettings(layers=layers))
    assert (look.conditions.upper, look.conditions.scene) == ("leather jacket", "beach")
    look = look_for(StreamSettings(layers=(*layers[::-1],)))
    assert (look.conditions.upper, look.conditions.scene) == ("leather jacket", "city night")


def test_keep_takes_off_what_an_older_layer_says():
    layers = (Layer("prompt", "red hoodie, beach"), Layer("scene", KEEP))
    look = look_for(StreamSettings(layers=layers))
    assert (look.conditions.upper, look.conditions.scene) == ("hoodie", "keep")


def test_a_prompt_lies_over_all_layers():
    settings = StreamSettings(layers=load_library()["night-rider"].layers(), prompt="beach")
    assert (look_for(settings).conditions.upper, look_for(settings).conditions.scene) == ("leather jacket", "beach")
    assert prompt_of(settings) == "beach, city night, black leather jacket"


def test_a_new_garment_brings_its_own_pattern():
    striped = Conditions(upper="t-shirt", pattern="stripes")
    assert lay_over(striped, Conditions(upper="hoodie")).pattern == "plain"
    assert lay_over(striped, Conditions(scene="forest")).pattern == "stripes"


def test_keeping_everything_shows_the_source():
    assert look_for(StreamSettings(layers=load_library()["as-i-am"].layers())).strength == 0.0


def test_unknown_words_are_refused():
    with pytest.raises(UnknownWordError, match="hoody.*hoodie"):
        look_for(StreamSettings(prompt="red hoody"))


EVERYTHING = """
[show-time]
name = "Show time"
outfit = "dark green leather jacket"
hair = "long blonde hair"
scene = "city night"
light = "neon"
prompt = "smile"
strength = 0.9
seed = 7
fade_ms = 300
obs_scene = "Live"
phrases = ["show time", "party"]
gesture = "victory"

[forest]
name = "My forest"
scene = "forest"
fade_ms = 0
"""


def test_the_users_file_adds_to_the_library_and_takes_the_place_of_shipped_ones(mine):
    mine.write_text(EVERYTHING, encoding="utf-8")
    found = load_presets()
    assert found.problem == ""
    assert found.files[-1] == mine
    assert list(found.by_id)[-1] == "show-time"
    assert len(found.by_id) == len(load_library()) + 1
    assert (found.by_id["forest"].name, found.by_id["forest"].fade_ms) == ("My forest", 0)
    own = found.by_id["show-time"]
    assert (own.strength, own.seed, own.fade_ms, own.obs_scene) == (0.9, 7, 300, "Live")
    assert (own.phrases, own.gesture, own.gesture in GESTURES) == (("show time", "party"), "victory", True)
    assert worn(own).hair == "long"


def test_free_text_is_kept_with_a_note_for_models_that_take_it(mine):
    mine.write_text('[samurai]\nname = "Samurai"\noutfit = "lacquered samurai armour"\n', encoding="utf-8")
    found = load_presets()
    assert found.problem == ""
    assert "samurai" in found.by_id["samurai"].note or "lacquered" in found.by_id["samurai"].note


def test_a_mistake_in_the_users_file_costs_no_shipped_preset(mine):
    mine.write_text("[mine]\nname = 3\n", encoding="utf-8")
    found = load_presets()
    assert str(mine) in found.problem
    assert list(found.by_id) == list(load_library())


def test_the_template_is_a_valid_file_and_names_every_key_and_gesture(mine):
    path = create_user_file()
    assert path == mine
    assert load_library(path) == {}
    text = path.read_text(encoding="utf-8")
    uncommented = "\n".join(line[2:] for line in text.splitlines() if line.startswith("# [") or " = " in line)
    assert list(load_library_text(path, uncommented)) == ["my-stage-look"]
    for key in presets_file._KEYS:
        assert f"# {key} = " in text
    for gesture in GESTURES[1:]:
        assert gesture in text
    path.write_text("# changed\n", encoding="utf-8")
    assert create_user_file().read_text(encoding="utf-8") == "# changed\n"


def load_library_text(path, text):
    other = path.with_name("uncommented.toml")
    other.write_text(text, encoding="utf-8")
    return load_library(other)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[Bad]\nname='x'\nprompt='red hoodie'", "lower-case words"),
        ("[a]\nname='x'", rf"\[a\]: it names no look; write {' or '.join(LAYERS)}"),
        ("[a]\nprompt='red hoodie'", r"\[a\]: name is missing"),
        ("[a]\nname='x'\nscene='forest'\nstrength=2", r"\[a\]: strength is 2; it must be a number from 0 to 1"),
        ("[a]\nname='x'\nscene='forest'\nfade_ms='slow'", r"\[a\]: fade_ms is 'slow'; it must be a whole number"),
        ("[a]\nname='x'\nscene='forest'\ncolour='red'", "unknown key 'colour'; the keys are name, outfit"),
        ("[a]\nname='x'\noutfit='beach'", "outfit = 'beach' names a scene; write scene = "),
        ("[a]\nname='x'\nscene='red hoodie'", "scene = 'red hoodie' names a upper; write outfit = "),
        ("[a]\nname='x'\nscene='forest'\ngesture='wave'", "gesture is 'wave'; it must be one of .*'victory'"),
        ("[a]\nname='x'\nscene='forest'\nphrases='party'", "phrases is 'party'; it must be a list"),
        ("[a\n", "not valid TOML: .*line 1"),
        ("a = 1", "must be a table"),
    ],
)
def test_a_bad_file_is_refused_with_the_fix(tmp_path, text, told):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PresetError, match=told) as refused:
        load_library(path)
    assert "mine.toml" in str(refused.value)

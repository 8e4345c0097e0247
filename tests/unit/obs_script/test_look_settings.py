# SPDX-License-Identifier: Apache-2.0
"""A look in a filter's OBS settings: saved and found again; what the store wrote never comes back as a command."""

from __future__ import annotations

import pytest

from mirage_lsd.obs_script.filters.look_settings import LookSettings
from mirage_lsd.obs_script.looks.look_state import LookState, with_preset, with_presets
from mirage_lsd.shared.messages.look import Look, Preset
from mirage_lsd.shared.messages.look_commands import ApplyPreset, ApplyWords, ClearLook, TurnOff
from mirage_lsd.shared.messages.settings import Layer

RIDER = Preset("rider", "Rider", outfit="black jacket", scene="city night", strength=0.5)
STATE = with_presets(LookState(), {"rider": RIDER})
FRESH = {"enabled": True, "preset": "", "outfit": "", "hair": "", "scene": "", "light": "", "prompt": "", "look": ""}
ME = "Camera/Mirage LSD"


@pytest.fixture
def window():
    """(LookSettings, OBS's copy of the settings) of a filter that has just appeared."""
    settings = LookSettings()
    settings.first_look(dict(FRESH), STATE)
    return settings, dict(FRESH)


def test_what_the_look_store_writes_comes_back_as_nothing(window):
    settings, obs = window
    for revision, look in enumerate((with_preset(Look(), RIDER), Look(), Look(off=True)), start=1):
        obs.update(settings.to_write(look, revision))
        assert settings.commands(dict(obs), ME) == []


def test_an_echo_that_was_overtaken_is_no_command(window):
    settings, obs = window
    obs.update(settings.to_write(with_preset(Look(), RIDER), 1))
    echo = dict(obs)
    obs.update(settings.to_write(Look(), 2))
    assert settings.commands(echo, ME) == []
    assert settings.commands(dict(obs), ME) == []


def test_what_the_user_edits_is_a_command_and_only_that(window):
    settings, obs = window
    obs.update(settings.to_write(with_preset(Look(), RIDER), 1))
    obs["scene"] = "forest"
    assert settings.commands(dict(obs), ME) == [ApplyWords("forest", "scene", ME, "properties")]
    assert settings.commands(dict(obs), ME) == []
    obs.update(outfit="", enabled=False)
    bare, off = ApplyWords("keep", "outfit", ME, "properties"), TurnOff(ME, "properties")
    assert settings.commands(dict(obs), ME) == [bare, off]


def test_an_edit_made_on_an_older_look_is_that_edit_alone(window):
    settings, obs = window
    obs.update(settings.to_write(with_preset(Look(), RIDER), 1))
    edited = {**obs, "light": "neon"}
    settings.to_write(Look(), 2)
    assert settings.commands(edited, ME) == [ApplyWords("neon", "light", ME, "properties")]


def test_presets_are_chosen_and_left(window):
    settings, obs = window
    obs["preset"] = "rider"
    assert settings.commands(dict(obs), ME) == [ApplyPreset("rider", ME, "properties")]
    obs["preset"] = ""
    assert settings.commands(dict(obs), ME) == [ClearLook(ME, "properties")]


def test_typing_is_not_written_over(window):
    settings, obs = window
    obs["prompt"] = "red hoo"
    settings.commands(dict(obs), ME)
    assert not settings.shows(Look())
    written = settings.to_write(Look(layers=(Layer("prompt", "red hoo"),)), 1)
    assert set(written) == {"look"}


def test_a_saved_look_is_found_again_with_its_order_and_strength(window):
    settings, obs = window
    look = Look((Layer("scene", "beach"), Layer("prompt", "smile"), Layer("outfit", "suit", "rider")), "rider", 0.5, 9)
    obs.update(settings.to_write(look, 12))
    assert LookSettings().first_look(obs, STATE) == look


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"revision": "x"}', '{"layers": 3}', '{"revision": 1, "nope": 1}'])
def test_settings_without_a_whole_look_are_read_by_what_they_show(broken):
    raw = {**FRESH, "preset": "rider", "light": "neon", "enabled": False, "look": broken}
    look = LookSettings().first_look(raw, STATE)
    assert (look.preset, look.strength, look.off) == ("rider", 0.5, True)
    assert {layer.name: layer.words for layer in look.layers} == {
        "outfit": "black jacket", "scene": "city night", "light": "neon"}


def test_what_is_shown_wins_over_a_saved_look_that_says_otherwise(window):
    settings, obs = window
    obs.update(settings.to_write(with_preset(Look(), RIDER), 3))
    obs.update(preset="", outfit="", scene="forest")
    assert LookSettings().first_look(obs, STATE).layers == (Layer("scene", "forest"),)


def test_obs_own_defaults_button_takes_everything_off(window):
    settings, obs = window
    obs.update(settings.to_write(with_preset(Look(), RIDER), 1))
    assert settings.commands(dict(FRESH), ME)[0] == ClearLook(ME, "properties")

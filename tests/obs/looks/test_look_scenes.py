# SPDX-License-Identifier: Apache-2.0
"""OBS scenes and looks in real OBS: a preset switches the scene, a scene brings its preset, and neither chases the
other; the looks outlive a killed worker and are saved with OBS's settings; the window's lists and buttons act."""

from __future__ import annotations

import os
import signal
import time

import pytest
from look_studio import LookStudio, look_source
from obs_scene import Collection, Item, Scene, Script
from studio import FILTER_NAME, MIRAGE_SCRIPT

from mirage_lsd.shared.messages.look_commands import ApplyPreset, ApplyWords, ClearLook, TurnOn
from mirage_lsd.shared.messages.look_events import LookChanged

pytestmark = [pytest.mark.obs, pytest.mark.slow]
# "Talk" brings a preset that asks for "Game", which brings one that asks for "Talk": a loop if anything followed it.
PRESETS = """
[to-game]
name = "To the game"
outfit = "navy suit"
obs_scene = "Game"

[to-talk]
name = "To the talk"
outfit = "red hoodie"
obs_scene = "Talk"

[nowhere]
name = "Nowhere"
scene = "space"
obs_scene = "No such scene"
"""


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    sources = [look_source(folder, "Left")]
    scenes = [Scene(name, [Item("Left")]) for name in ("Start", "Game", "Talk")]
    scripts = [Script(MIRAGE_SCRIPT, {"scene:Game": "to-talk", "scene:Talk": "to-game"})]
    with LookStudio(folder / "obs", [], collection=Collection(scenes, sources, scripts)) as studio:
        studio.write_presets(PRESETS)
        studio.start()
        studio.wait_presets("Nowhere")
        studio.wait_styled("Left")
        yield studio


@pytest.fixture(autouse=True)
def client(studio):
    studio.request("SetCurrentProgramScene", sceneName="Start")
    studio.wait_until(lambda: on_air(studio) == "Start", "the first scene")
    with studio.controller() as client:
        client.do(TurnOn())
        client.do(ClearLook())
        yield client


def on_air(studio) -> str:
    return studio.request("GetCurrentProgramScene")["currentProgramSceneName"]


def test_a_preset_switches_the_scene_and_that_scenes_preset_stays_away(studio, client):
    client.do(ApplyPreset("to-game"))
    studio.wait_until(lambda: on_air(studio) == "Game", "the preset's scene")
    time.sleep(1.0)
    assert on_air(studio) == "Game"
    client.ask()
    assert client.looks[f"Left/{FILTER_NAME}"].look.preset == "to-game"
    studio.wait_look("Left", "navy suit")


def test_switching_the_scene_brings_its_preset_and_no_other_scene(studio, client):
    client.events()
    studio.request("SetCurrentProgramScene", sceneName="Talk")
    studio.wait_look("Left", "navy suit")
    time.sleep(1.0)
    assert on_air(studio) == "Talk"
    changes = [event for event in client.events() if isinstance(event, LookChanged)]
    assert [(one.origin, one.command) for one in changes] == [("scene", "apply_preset")]


def test_back_and_forth_by_hand_brings_each_scenes_preset_every_time(studio):
    for scene, words in (("Game", "red hoodie"), ("Talk", "navy suit"), ("Game", "red hoodie")):
        studio.request("SetCurrentProgramScene", sceneName=scene)
        studio.wait_look("Left", words)
        assert on_air(studio) == scene


def test_a_scene_that_does_not_exist_costs_nothing(studio, client):
    client.do(ApplyPreset("nowhere"))
    studio.wait_look("Left", "space")
    studio.wait_log("'No such scene', which does not exist")
    assert on_air(studio) == "Start"


def test_looks_and_history_outlive_a_killed_worker(studio, client):
    client.do(ApplyPreset("forest"))
    client.do(ApplyWords("navy suit", "outfit"))
    (pid,) = studio.worker_pids()
    os.kill(pid, signal.SIGKILL)
    client.do(ApplyWords("neon", "light"))  # while there is none
    studio.wait_until(lambda: studio.worker_pids() not in ([], [pid]), "another worker")
    studio.wait_look("Left", "neon, navy suit, forest")
    studio.trigger("mirage_lsd.undo")
    studio.wait_look("Left", "navy suit, forest")


def test_the_properties_and_the_look_store_follow_each_other(studio, client):
    client.do(ApplyPreset("night-rider"))
    kept = studio.wait_until(lambda: settings(studio) if settings(studio).get("outfit") else None, "the settings")
    assert (kept["preset"], kept["outfit"], kept["scene"]) == ("night-rider", "black leather jacket", "city night")
    studio.set_filter("Left", scene="forest")
    studio.wait_look("Left", "forest, black leather jacket")
    studio.set_filter("Left", preset="to-talk", prompt="smile")
    studio.wait_look("Left", "smile, red hoodie, forest")
    studio.set_filter("Left", enabled=False)
    studio.wait_untouched("Left")
    studio.wait_until(lambda: client.ask().filters[0].look.off, "the look store to know")
    client.do(TurnOn())
    studio.wait_look("Left", "smile, red hoodie, forest")
    studio.set_filter("Left", outfit="")
    studio.wait_look("Left", "smile, forest")


def test_the_look_is_there_again_after_obs_was_closed(studio, client):
    client.do(ApplyPreset("beach"))
    client.do(ApplyWords("pink dress", "outfit"))
    client.close()
    studio.wait_until(lambda: settings(studio).get("outfit") == "pink dress", "the settings")
    assert studio.quit() == 0
    studio.start()
    studio.wait_look("Left", "pink dress, beach")


def settings(studio) -> dict:
    return studio.request("GetSourceFilter", sourceName="Left", filterName=FILTER_NAME)["filterSettings"]

# SPDX-License-Identifier: Apache-2.0
"""The filter's properties in real OBS: all there, filled by the worker, telling the truth; the restart button."""

from __future__ import annotations

import json
import os

import pytest
from marking_worker import EXIT
from obs_scene import Script, image_source, mirage_filter
from studio import FILTER_NAME, MIRAGE_SCRIPT, ROOT, Studio, alive, picture_file

pytestmark = pytest.mark.obs
CLICKER = Script(ROOT / "tests" / "obs" / "scripts" / "clicker.py")
IN_ORDER = ["enabled", "status", "preset", "outfit", "hair", "scene", "light", "prompt", "strength", "who",
            "who_x", "who_y", "actions",
            "presets_note", "open_presets", "steps", "working_size", "device", "seed", "target_fps",
            "keep_in_sync"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clicker")


@pytest.fixture(scope="module")
def studio(folder):
    picture_file(folder / "still.png", 160, 90)
    source = image_source("Still", folder / "still.png", filters=[mirage_filter(pipeline="passthrough")])
    environment = {"CLICKER_FOLDER": str(folder)}
    scripts = [Script(MIRAGE_SCRIPT), CLICKER]
    with Studio(folder / "obs", [source], scripts=scripts, environment=environment) as studio:
        studio.start()
        yield studio


def settings(studio):
    return studio.request("GetSourceFilter", sourceName="Still", filterName=FILTER_NAME)["filterSettings"]


def look(studio, folder, button=""):
    """What the properties window holds; presses a button in it if one is named."""
    wanted, done = folder / "wanted.json", folder / "done.json"
    done.unlink(missing_ok=True)
    (folder / "wanted.new").write_text(json.dumps({"source": "Still", "filter": FILTER_NAME, "button": button}))
    os.replace(folder / "wanted.new", wanted)
    studio.wait_until(done.exists, "the properties")
    return json.loads(done.read_text())


def test_the_window_shows_every_control_and_the_presets(studio, folder):
    studio.wait_styled("Still")
    shown = look(studio, folder)
    assert shown["names"][: len(IN_ORDER)] == IN_ORDER
    assert {"model", "large_model", "refresh", "restart_worker"} <= set(shown["names"])
    assert all(items[0] == "" for items in shown["lists"].values())
    assert len(shown["lists"]["preset"]) > 24
    assert {"red leather jacket", "navy suit"} <= set(shown["lists"]["outfit"])
    assert shown["lists"]["light"] == ["", "daylight", "sunset", "night", "neon"]


def test_who_is_restyled_is_chosen_there_and_a_place_in_percent(studio, folder):
    studio.wait_styled("Still")
    sliders = {"who_x", "who_y"}
    assert "who" in look(studio, folder)["shown"] and not sliders & set(look(studio, folder)["shown"])
    studio.set_filter("Still", who="place", who_x=25)
    studio.wait_until(lambda: sliders <= set(look(studio, folder)["shown"]), "the sliders")
    told = json.loads(studio.slot("Still").text("settings"))
    assert (told["who"], told["who_x"], told["who_y"]) == ("place", 0.25, 0.5)
    studio.set_filter("Still", who="everyone")
    studio.wait_until(lambda: not sliders & set(look(studio, folder)["shown"]), "no sliders")
    assert studio.slot("Still").get("lua_errors") == 0


def test_the_buttons_change_the_look_and_the_lists_hold_whatever_is_worn(studio, folder):
    studio.wait_styled("Still")
    look(studio, folder, button="next")
    studio.wait_until(lambda: settings(studio).get("preset") == "as-i-am", "the first preset")
    assert "picture" in look(studio, folder)["names"]
    look(studio, folder, button="previous")
    studio.wait_until(lambda: settings(studio).get("preset") == "camper", "the last preset")
    look(studio, folder, button="undo")
    studio.wait_until(lambda: settings(studio).get("preset") == "as-i-am", "the preset before")
    look(studio, folder, button="redo")
    studio.wait_until(lambda: settings(studio).get("scene") == "forest", "the preset again")
    look(studio, folder, button="random")
    studio.wait_until(lambda: settings(studio)["preset"] not in ("", "camper"), "another preset")
    look(studio, folder, button="off")
    studio.wait_until(lambda: settings(studio).get("enabled") is False, "the box to be empty")
    studio.wait_untouched("Still")
    studio.set_filter("Still", enabled=True)
    look(studio, folder, button="clear")
    studio.wait_until(lambda: settings(studio).get("scene") == "", "a bare look")
    studio.set_filter("Still", outfit="jacket in dark green")
    studio.wait_until(lambda: "jacket in dark green" in look(studio, folder)["lists"]["outfit"], "words of one's own")
    studio.set_filter("Still", outfit="")
    studio.wait_styled("Still")


def test_a_button_shows_the_users_own_presets(studio, folder):
    look(studio, folder, button="open_presets")
    path = studio.folder / "mirage-lsd" / "presets.toml"
    studio.wait_until(path.exists, "the file")
    studio.wait_until(lambda: str(path) in studio.block().header.text("presets_note"), "the file's path in the window")


def test_the_status_line_tells_what_is_on_screen(studio, folder):
    studio.wait_styled("Still")
    studio.wait_until(lambda: "fps" in look(studio, folder)["status"], "figures in the status")
    assert "dropped" in look(studio, folder)["status"]
    studio.set_filter("Still", prompt="xyzzy")
    studio.wait_until(lambda: "xyzzy" in look(studio, folder)["status"], "the refusal in the status")
    assert studio.slot("Still").get("showing_styled")
    studio.set_filter("Still", prompt="")
    studio.wait_until(lambda: "xyzzy" not in look(studio, folder)["status"], "the refusal to be gone")


def test_the_restart_button_replaces_a_running_worker(studio, folder):
    studio.wait_styled("Still")
    (before,) = studio.worker_pids()
    look(studio, folder, button="restart_worker")
    studio.wait_until(lambda: studio.worker_pids() not in ([], [before]), "another worker")
    studio.wait_styled("Still")
    assert not alive(before)


def test_the_restart_button_helps_after_giving_up(studio, folder):
    slot = studio.wait_styled("Still")
    studio.set_filter("Still", seed=EXIT)
    studio.wait_until(lambda: "Restart worker" in look(studio, folder)["status"], "giving up", 60)
    studio.set_filter("Still", seed=1)
    look(studio, folder, button="restart_worker")
    studio.wait_styled("Still")
    assert slot.get("lua_errors") == 0

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
IN_ORDER = ["enabled", "status", "preset", "prompt", "strength", "steps", "working_size", "device", "seed",
            "target_fps", "keep_in_sync"]  # fmt: skip


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


def look(studio, folder, button=""):
    """What the properties window holds; presses a button in it if one is named."""
    wanted, done = folder / "wanted.json", folder / "done.json"
    done.unlink(missing_ok=True)
    (folder / "wanted.new").write_text(json.dumps({"source": "Still", "filter": FILTER_NAME, "button": button}))
    os.replace(folder / "wanted.new", wanted)
    studio.wait_until(done.exists, "the properties")
    return json.loads(done.read_text())


def test_the_window_shows_every_control_and_the_workers_presets(studio, folder):
    studio.wait_styled("Still")
    shown = look(studio, folder)
    assert shown["names"][: len(IN_ORDER)] == IN_ORDER
    assert {"model", "large_model", "refresh", "restart_worker"} <= set(shown["names"])
    assert shown["presets"][0] == ""
    assert len(shown["presets"]) > 1


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

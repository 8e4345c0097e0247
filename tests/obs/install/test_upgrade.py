# SPDX-License-Identifier: Apache-2.0
"""Files of another release under a running OBS, or beside each other: told in one line, the source untouched, no loop.

In real OBS, with a copy of this release that is changed in place as an installer does. After each, a new start of OBS
with files that belong together works.
"""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest
from installed_tree import InstalledTree
from obs_scene import Script, image_source, mirage_filter
from studio import FILTER_NAME, MIRAGE_SCRIPT, Studio, alive, inverted, largest_difference, picture_file

from mirage_lsd.obs_script.host.control_block import LAYOUT_VERSION
from mirage_lsd.shared.release import VERSION

pytestmark = pytest.mark.obs
BLOCK_LAYOUT = "obs_script/render/memory/block_layout.lua"
SCRIPTS = Path(__file__).parents[1] / "scripts"
RELOADER, CLICKER = Script(SCRIPTS / "reloader.py"), Script(SCRIPTS / "clicker.py")
NEXT = "9.9.9"
UPGRADED = rf"upgraded to {NEXT}\+[0-9a-f]{{8}} while OBS runs {VERSION}\+[0-9a-f]{{8}}: restart OBS"


@pytest.fixture
def still(tmp_path):
    return tmp_path / "still.png", picture_file(tmp_path / "still.png", 160, 90)


@pytest.fixture
def tree(tmp_path):
    return InstalledTree(tmp_path)


def studio_of(tmp_path, tree, still, scripts=None, when_unstyled="source", **environment):
    chosen = mirage_filter(pipeline="passthrough", when_unstyled=when_unstyled)
    source = image_source("Still", still[0], filters=[chosen])
    scripts = [Script(tree.script)] if scripts is None else scripts
    return Studio(tmp_path / "obs", [source], scripts=scripts, environment={**tree.environment, **environment})


def window(studio, folder):
    """What the filter's properties window says."""
    done = folder / "done.json"
    done.unlink(missing_ok=True)
    wanted = {"source": "Still", "filter": FILTER_NAME, "button": ""}
    (folder / "wanted.new").write_text(json.dumps(wanted))
    os.replace(folder / "wanted.new", folder / "wanted.json")
    studio.wait_until(done.exists, "the properties")
    return json.loads(done.read_text())["status"]


def starts_of_workers(studio):
    return len(re.findall(r"worker \d+ started", studio.log()))


def works(studio, still):
    """Quit and start again: everything is as it should be, the filter's eye too."""
    assert studio.quit() == 0
    assert studio.sessions() == []
    studio.start()
    studio.wait_styled("Still")
    assert largest_difference(studio.grab("Still"), inverted(still[1])) == 0
    assert studio.request("GetSourceFilter", sourceName="Still", filterName=FILTER_NAME)["filterEnabled"]
    assert studio.quit() == 0


def matches(text, pattern):
    return re.search(pattern, text or "") is not None


def test_a_worker_that_would_be_of_another_release_is_not_started_again_and_again(tmp_path, tree, still):
    with studio_of(tmp_path, tree, still) as studio:
        studio.start()
        slot = studio.wait_styled("Still")
        tree.upgrade(NEXT)
        studio.wait_ticks(slot, 30)
        assert slot.get("showing_styled"), "what runs goes on"
        (worker,) = studio.worker_pids()
        os.kill(worker, signal.SIGKILL)
        studio.wait_until(lambda: matches(slot.text("status"), UPGRADED), f"the status; it is {slot.text('status')}")
        assert largest_difference(studio.grab("Still"), still[1]) == 0
        started = starts_of_workers(studio)
        studio.wait_ticks(slot, 150)
        assert (studio.worker_pids(), starts_of_workers(studio)) == ([], started)
        assert not alive(worker)
        works(studio, still)


def test_a_reload_after_an_upgrade_shows_nothing_to_who_chose_so(tmp_path, tree, still):
    folders = {"RELOADER_FOLDER": str(tmp_path), "CLICKER_FOLDER": str(tmp_path), "RELOADER_SCRIPT": str(tree.script)}
    with studio_of(tmp_path, tree, still, [RELOADER, CLICKER], when_unstyled="nothing", **folders) as studio:
        studio.start()
        studio.wait_styled("Still")
        tree.upgrade(NEXT)
        (tmp_path / "wanted").write_text("1")
        studio.wait_until((tmp_path / "done").exists, "the reload")
        assert matches(window(studio, tmp_path), "Showing nothing: .*" + UPGRADED)
        assert studio.grab("Still")[..., 3].max() == 0
        assert studio.quit() == 0


def test_a_reload_after_an_upgrade_refuses_and_says_so_in_the_window(tmp_path, tree, still):
    folders = {"RELOADER_FOLDER": str(tmp_path), "CLICKER_FOLDER": str(tmp_path), "RELOADER_SCRIPT": str(tree.script)}
    with studio_of(tmp_path, tree, still, [RELOADER, CLICKER], **folders) as studio:
        studio.start()
        studio.wait_styled("Still")
        tree.upgrade(NEXT)
        (tmp_path / "wanted").write_text("1")
        studio.wait_until((tmp_path / "done").exists, "the reload")
        assert matches(window(studio, tmp_path), UPGRADED)
        assert largest_difference(studio.grab("Still"), still[1]) == 0
        studio.wait_until(lambda: studio.worker_pids() == [], "the former worker to be gone")
        kept = studio.request("GetSourceFilter", sourceName="Still", filterName=FILTER_NAME)["filterSettings"]
        assert kept["pipeline"] == "passthrough"
        assert matches(studio.log(), UPGRADED)
        (tmp_path / "done").unlink()
        (tmp_path / "wanted").unlink()
        works(studio, still)


def test_a_reload_under_a_release_that_told_none_refuses_too(tmp_path, tree, still):
    """Its plugin cannot refuse, so there is no filter until OBS is started again; the source is shown."""
    entry = "obs_script/mirage_lsd_obs.py"
    folders = {"RELOADER_FOLDER": str(tmp_path), "RELOADER_SCRIPT": str(tree.script)}
    tree.replace(entry, "parent.release = ", "parent.unknown = ")
    tree.replace(entry, r"if now != running else", "if False else")
    with studio_of(tmp_path, tree, still, [RELOADER], **folders) as studio:
        studio.start()
        studio.wait_styled("Still")
        tree.replace(entry, "parent.unknown = ", "parent.release = ")
        tree.replace(entry, "if False else", "if now != running else")
        (tmp_path / "wanted").write_text("1")
        studio.wait_until((tmp_path / "done").exists, "the reload")
        assert matches(studio.log(), rf"upgraded to {VERSION}\+[0-9a-f]{{8}} while OBS runs an older one: restart OBS")
        assert "Traceback" not in studio.log()
        assert largest_difference(studio.grab("Still"), still[1]) == 0
        (tmp_path / "done").unlink()
        (tmp_path / "wanted").unlink()
        works(studio, still)


def test_a_lua_half_of_another_layout_is_refused(tmp_path, tree, still):
    tree.replace(BLOCK_LAYOUT, r"LAYOUT_VERSION = \d+", "LAYOUT_VERSION = 99")
    scripts = [Script(tree.script), CLICKER]
    with studio_of(tmp_path, tree, still, scripts, CLICKER_FOLDER=str(tmp_path)) as studio:
        studio.start()
        studio.wait_log("different releases")
        said = window(studio, tmp_path)
        assert "layout 99" in said and "Restart OBS" in said and VERSION in said
        assert largest_difference(studio.grab("Still"), still[1]) == 0
        assert starts_of_workers(studio) == 0 and list(studio.block().used()) == []
        tree.replace(BLOCK_LAYOUT, "LAYOUT_VERSION = 99", f"LAYOUT_VERSION = {LAYOUT_VERSION}")
        works(studio, still)


def test_two_releases_in_the_list_of_scripts_are_one_that_runs_and_one_that_is_refused(tmp_path, tree, still):
    scripts = [Script(tree.script), Script(MIRAGE_SCRIPT)]
    with studio_of(tmp_path, tree, still, scripts) as studio:
        studio.start()
        slot = studio.wait_styled("Still")
        studio.wait_until(lambda: "list of scripts twice" in (slot.text("status") or ""), "a remark in the status")
        assert len(studio.worker_pids()) == len(studio.sessions()) == 1
        assert studio.quit() == 0
        assert studio.sessions() == []


def test_an_installation_of_another_release_is_refused(tmp_path, tree, still):
    tree.record.write_text(tree.record.read_text().replace(VERSION, NEXT))
    with studio_of(tmp_path, tree, still) as studio:
        studio.start()
        slot = studio.slot("Still")
        said = f"is of Mirage LSD {NEXT}, this script of {VERSION}"
        studio.wait_until(lambda: said in (slot.text("status") or ""), "the status")
        assert largest_difference(studio.grab("Still"), still[1]) == 0
        assert studio.quit() == 0


def test_another_python_in_obs_names_the_repair(tmp_path, tree, still):
    tree.without_zmq(tmp_path / "zmq")
    with studio_of(tmp_path, tree, still) as studio:
        studio.start()
        slot = studio.slot("Still")
        studio.wait_until(lambda: "install.sh repair" in (slot.text("status") or ""), "the status")
        assert "pyzmq for OBS's Python 3." in slot.text("status")
        assert largest_difference(studio.grab("Still"), still[1]) == 0
        assert studio.quit() == 0

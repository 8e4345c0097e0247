# SPDX-License-Identifier: Apache-2.0
"""What viewers see while a filter cannot style, as the user chose: the source, the last styled picture, or nothing.

Real OBS records throughout, and every frame of the recording is looked at.
"""

from __future__ import annotations

import os
import signal
import time

import pytest
from footage import SOURCE_RGB, recorded, recording
from marking_worker import EXIT, OVERLOADED
from obs_scene import Collection, Item, Scene, Script, color_source, mirage_filter
from studio import MIRAGE_SCRIPT, Studio, faulty_script

pytestmark = pytest.mark.obs
HIDING = ("last", "nothing")
STAND_INS = {"source": "untouched", "last": "styled", "nothing": "nothing"}


def room(when_unstyled: str, **settings):
    mirage = mirage_filter(pipeline="passthrough", when_unstyled=when_unstyled, **settings)
    return color_source("Room", SOURCE_RGB, 320, 180, filters=[mirage])


@pytest.fixture(params=HIDING)
def choice(request):
    return request.param


@pytest.fixture
def studio(tmp_path, choice):
    collection = Collection(
        [Scene("Scene", [Item("Room")]), Scene("Other", [])], [room(choice)], [Script(MIRAGE_SCRIPT)]
    )
    with Studio(tmp_path / "obs", [], collection=collection) as studio:
        studio.start()
        studio.wait_styled("Room")
        yield studio
        assert studio.quit() == 0


def check(footage, choice: str) -> None:
    """Only styled pictures and what stands in for them."""
    assert set(footage.frames) <= {"styled", STAND_INS[choice]}


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_lost_worker_shows_nobody(studio, choice, blow):
    slot = studio.slot("Room")
    with recording(studio) as footage:
        os.kill(studio.worker_pids()[0], blow)
        studio.wait_until(lambda: not slot.get("showing_styled"), "the worker to be missed")
        studio.wait_styled("Room")
        studio.wait_ticks(slot, 10)
    check(footage, choice)


def test_a_worker_that_keeps_failing_shows_nobody(studio, choice):
    slot = studio.slot("Room")
    with recording(studio) as footage:
        studio.set_filter("Room", seed=EXIT)
        studio.wait_until(lambda: "Restart worker" in slot.text("status"), "giving up", 60)
    check(footage, choice)
    shown = {"last": "the last styled picture", "nothing": "nothing"}[choice]
    assert slot.text("status").startswith(f"Showing {shown}: the worker failed")


def test_an_overloaded_worker_shows_nobody(studio, choice):
    slot = studio.slot("Room")
    with recording(studio) as footage:
        studio.set_filter("Room", seed=OVERLOADED)  # a late picture is waited for a second at most
        studio.wait_until(lambda: "too late" in slot.text("status"), "the status to say so")
        studio.wait_ticks(slot, 60)
    check(footage, choice)


def test_other_scenes_and_other_settings_show_nobody(studio, choice):
    slot = studio.slot("Room")
    with recording(studio) as footage:
        for _ in range(3):
            studio.request("SetCurrentProgramScene", sceneName="Other")
            time.sleep(1.0)
            studio.request("SetCurrentProgramScene", sceneName="Scene")
            studio.wait_ticks(slot, 30)
        for settings in ({"steps": 4}, {"working_size": "tiny"}, {"pipeline": "lsd"}, {"pipeline": "passthrough"}):
            studio.set_filter("Room", **settings)
            studio.wait_ticks(slot, 15)
        for width_px in (640, 64, 320):
            size = {"width": width_px, "height": width_px * 9 // 16}
            studio.request("SetInputSettings", inputName="Room", inputSettings=size)
            studio.wait_ticks(slot, 15)
    assert "untouched" not in footage.frames


def test_off_is_the_users_own_word_and_shows_the_source(studio):
    slot = studio.slot("Room")
    studio.set_filter("Room", enabled=False)
    studio.wait_until(lambda: slot.get("shows") == 0 and not slot.get("showing_styled"), "the source")
    with recording(studio) as footage:
        studio.wait_ticks(slot, 30)
    assert set(footage.frames) == {"untouched"}
    with recording(studio) as footage:
        studio.wait_ticks(slot, 10)
        studio.set_filter("Room", enabled=True)
        studio.wait_styled("Room")
    after = footage.frames[footage.frames.index("untouched") :]
    assert after == sorted(after, key=["untouched", "nothing", "styled"].index)


def test_from_the_first_frame_on_nobody_is_shown(tmp_path, choice):
    with Studio(tmp_path / "obs", [room(choice)]) as studio:
        studio.start(["--startrecording"])
        slot = studio.wait_styled("Room")
        studio.wait_ticks(slot, 20)
        frames = recorded(studio)
        assert studio.quit() == 0
    assert frames[-1] == "styled"
    assert set(frames) <= {"nothing", "styled"}


def test_without_a_worker_or_a_slot_nobody_is_shown(tmp_path, choice):
    with Studio(tmp_path / "obs", [room(choice)], worker=None) as studio:
        studio.start(["--startrecording"])
        slot = studio.slot("Room")
        studio.wait_until(lambda: "run installers/install" in slot.text("status"), "a status with a remedy")
        for number in range(16):
            studio.request("CreateSourceFilter", sourceName="Room", filterName=f"More {number}",
                           filterKind="mirage_lsd", filterSettings={"when_unstyled": choice})
        time.sleep(2.0)
        assert set(recorded(studio)) == {"nothing"}
        assert studio.quit() == 0


def test_a_look_that_is_refused_at_the_start_shows_nobody(tmp_path, choice):
    with Studio(tmp_path / "obs", [room(choice, prompt="xyzzy", scene="forest")]) as studio:
        studio.start(["--startrecording"])
        slot = studio.slot("Room")
        studio.wait_until(lambda: "xyzzy" in slot.text("status"), "the refusal in the status")
        studio.wait_ticks(slot, 45)
        assert set(recorded(studio)) == {"nothing"}
        studio.set_filter("Room", prompt="", scene="forest")
        studio.wait_styled("Room")
        assert studio.quit() == 0


def test_an_error_in_the_render_half_shows_nobody(tmp_path, choice):
    with Studio(tmp_path / "obs", [room(choice)], scripts=[faulty_script(tmp_path)]) as studio:
        studio.start(["--startrecording"])
        slot = studio.slot("Room")
        studio.wait_until(lambda: "a fault for this test" in slot.text("status"), "the fault in the status")
        assert "untouched" not in recorded(studio)
        assert studio.quit() == 0


def test_the_source_stays_the_default(tmp_path):
    with Studio(tmp_path / "obs", [room("source")]) as studio:
        studio.start()
        defaults = studio.request("GetSourceFilterDefaultSettings", filterKind="mirage_lsd")["defaultFilterSettings"]
        assert defaults["when_unstyled"] == "source"
        slot = studio.wait_styled("Room")
        with recording(studio) as footage:
            os.kill(studio.worker_pids()[0], signal.SIGKILL)
            studio.wait_until(lambda: not slot.get("showing_styled"), "the worker to be missed")
            studio.wait_styled("Room")
        assert set(footage.frames) == {"styled", "untouched"}
        assert studio.quit() == 0

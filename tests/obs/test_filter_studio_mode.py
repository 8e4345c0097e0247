# SPDX-License-Identifier: Apache-2.0
"""The filter on a scene in studio mode, in real OBS: OBS puts a copy of the scene on air, with a copy of the filter.

The recording shows every frame that a viewer sees.
"""

from __future__ import annotations

import pytest
from footage import SOURCE_RGB, recording
from look_studio import LookStudio
from marking_worker import LOOK, look_bgr
from obs_scene import Collection, Item, Scene, Script, color_source, mirage_filter
from studio import MIRAGE_SCRIPT

from mirage_lsd.shared.look_commands import ApplyWords

pytestmark = pytest.mark.obs
INVERT = 1


@pytest.fixture
def studio(tmp_path):
    source = color_source("Plain", SOURCE_RGB, 320, 180)
    scene = Scene("Scene", [Item("Plain")], [mirage_filter(pipeline="passthrough")])
    collection = Collection([scene, Scene("Other", [Item("Plain")])], [source], [Script(MIRAGE_SCRIPT)])
    with LookStudio(tmp_path / "obs", [], collection=collection) as studio:
        studio.start()
        studio.wait_styled("Scene")
        yield studio
        assert studio.quit() == 0


def streams(studio) -> list:
    return [slot for _, slot in studio.block().used()]


def studio_mode(studio, on: bool) -> None:
    studio.request("SetStudioModeEnabled", studioModeEnabled=on)
    ticks(studio, 30)


def transition(studio) -> None:
    studio.request("TriggerStudioModeTransition")
    ticks(studio, 45)


def ticks(studio, count: int) -> None:
    studio.wait_ticks(streams(studio)[0], count)


def frames_made(studio, seconds: int = 2) -> float:
    """Frames the worker makes for each OBS frame, of all streams together."""
    before = sum(slot.get("frames_captured") for slot in streams(studio)), streams(studio)[0].get("tick")
    ticks(studio, 30 * seconds)
    after = sum(slot.get("frames_captured") for slot in streams(studio)), streams(studio)[0].get("tick")
    return (after[0] - before[0]) / (after[1] - before[1])


def test_no_frame_is_untouched_when_studio_mode_comes_transits_and_goes(studio):
    with recording(studio) as footage:
        studio_mode(studio, True)
        transition(studio)
        transition(studio)
        studio_mode(studio, False)
    assert len(footage.frames) > 100
    print({kind: footage.count(kind) for kind in set(footage.frames)}, len(streams(studio)))
    assert footage.count("styled") == len(footage.frames)


def test_one_stream_serves_the_scene_and_its_copy(studio):
    studio_mode(studio, True)
    assert len(streams(studio)) == 1
    made = frames_made(studio)
    print(made)
    assert made < 1.2
    transition(studio)
    assert len(streams(studio)) == 1
    with studio.controller() as controller:
        assert [one.name for one in controller.ask().filters] == ["Scene/Mirage LSD"]
        done = controller.do(ApplyWords("smile"))
        assert [one.name for one in done.filters] == ["Scene/Mirage LSD"]
    assert len(streams(studio)) == 1


def shown(studio, colour_bgr) -> float:
    """Part of a recording's frames ..."""


def test_what_is_typed_in_the_preview_goes_on_air_with_the_transition(studio):
    studio.set_filter("Scene", seed=LOOK)
    studio_mode(studio, True)
    studio.set_filter("Scene", prompt="smile")
    ticks(studio, 30)
    assert len(streams(studio)) == 2
    with studio.controller() as controller:
        (report,) = controller.ask().filters
        assert report.look.words("prompt") == ""
    transition(studio)
    studio.wait_until(lambda: len(streams(studio)) == 1, "the former copy to be gone")
    with studio.controller() as controller:
        (report,) = controller.ask().filters
        assert report.look.words("prompt") == "smile"

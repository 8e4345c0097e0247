# SPDX-License-Identifier: Apache-2.0
"""The filter on a scene in studio mode, in real OBS: OBS puts a copy of the scene on air, with a copy of the filter.

The recording shows every frame that a viewer sees.
"""

from __future__ import annotations

import pytest
from footage import INVERTED_RGB, SOURCE_RGB, UNSTYLED, recording
from look_studio import LookStudio
from marking_worker import LOOK, look_bgr
from obs_scene import Collection, Item, Scene, Script, color_source, mirage_filter
from studio import MIRAGE_SCRIPT

from mirage_lsd.shared.messages.look_commands import ApplyWords, TurnOff, TurnOn

pytestmark = pytest.mark.obs
NAMES = ["Scene/Mirage LSD"]


@pytest.fixture
def studio(tmp_path):
    source = color_source("Plain", SOURCE_RGB, 320, 180)
    scene = Scene("Scene", [Item("Plain")], [mirage_filter(pipeline="passthrough")])
    collection = Collection([scene, Scene("Other", [Item("Plain")])], [source], [Script(MIRAGE_SCRIPT)])
    with LookStudio(tmp_path / "obs", [], collection=collection) as studio:
        studio.start()
        studio.wait_styled("Scene")
        yield studio
        studio.quit()  # its status tells nothing: OBS 32 by itself often crashes while it ends in studio mode
        assert studio.sessions() == []


def streams(studio) -> list:
    """The slots in use, oldest first."""
    return sorted((slot for _, slot in studio.block().used()), key=lambda slot: slot.get("instance"))


def ticks(studio, count: int) -> None:
    """Wait for that many OBS frames, as any stream counts them that is there for so long: some end meanwhile."""
    first: dict[int, int] = {}

    def passed() -> bool:
        now = {slot.get("instance"): slot.get("tick") for slot in streams(studio)}
        for instance, tick in now.items():
            first.setdefault(instance, tick)
        return any(tick - first[instance] >= count for instance, tick in now.items())

    studio.wait_until(passed, f"{count} OBS frames")


def studio_mode(studio, on: bool) -> None:
    studio.request("SetStudioModeEnabled", studioModeEnabled=on)
    ticks(studio, 30)


def transition(studio, name: str = "Cut") -> None:
    studio.request("SetCurrentSceneTransition", transitionName=name)
    studio.request("TriggerStudioModeTransition")
    ticks(studio, 45)


def dress(studio, words: str) -> None:
    """Let the worker paint looks, beginning with this one, and start studio mode."""
    studio.set_filter("Scene", seed=LOOK, prompt=words)
    studio.wait_look("Scene", words)
    studio_mode(studio, True)


def looks(**words: str) -> dict:
    """What the frames of a recording may show: the colours of looks."""
    return {**UNSTYLED, **{kind: look_bgr(one)[::-1] for kind, one in words.items()}}


def test_no_frame_is_untouched_when_studio_mode_comes_transits_and_goes(studio):
    with recording(studio) as footage:
        studio_mode(studio, True)
        transition(studio)
        transition(studio, "Fade")
        studio_mode(studio, False)
    assert len(footage.frames) > 100
    assert footage.count("styled") == len(footage.frames)


def test_one_stream_serves_the_scene_and_its_copy_and_is_named_once(studio):
    studio_mode(studio, True)
    (slot,) = streams(studio)
    before = slot.get("frames_captured"), slot.get("tick")
    ticks(studio, 60)
    assert slot.get("frames_captured") - before[0] <= slot.get("tick") - before[1] + 1
    with studio.controller() as controller:
        assert [one.name for one in controller.ask().filters] == NAMES
        assert [one.name for one in controller.do(ApplyWords("smile")).filters] == NAMES
    transition(studio)
    assert [one.get("instance") for one in streams(studio)] == [slot.get("instance")]


def test_what_is_typed_in_the_preview_goes_on_air_with_the_transition(studio):
    dress(studio, "surprised")
    kinds = looks(before="surprised", after="smile")
    with recording(studio, kinds=kinds) as footage, studio.controller() as controller:
        studio.set_filter("Scene", prompt="smile")
        studio.wait_until(lambda: len(streams(studio)) == 2, "the preview to have a stream of its own")
        ticks(studio, 30)
        (on_air,) = controller.ask().filters
        assert (on_air.name, on_air.look.words("prompt")) == (*NAMES, "surprised")
        transition(studio)
        studio.wait_until(lambda: len(streams(studio)) == 1, "the former copy to be gone")
        (on_air,) = controller.ask().filters
        assert (on_air.name, on_air.look.words("prompt")) == (*NAMES, "smile")
    assert set(footage.frames) == {"before", "after"}
    assert footage.frames == sorted(footage.frames, reverse=True)


def test_settings_that_agree_again_are_served_by_one_stream_again(studio):
    studio_mode(studio, True)
    for strength, count in ((0.5, 2), (1.0, 1)):
        studio.set_filter("Scene", strength=strength)
        studio.wait_until(lambda wanted=count: len(streams(studio)) == wanted, f"{count} streams")
    studio.wait_styled("Scene")


def test_what_is_said_to_both_reaches_both_and_leaves_each_its_own(studio):
    """The preview has another strength; a controller's words go on air at once and stay there with the transition."""
    dress(studio, "surprised")
    studio.set_filter("Scene", strength=0.5)
    studio.wait_until(lambda: len(streams(studio)) == 2, "a stream for the preview")
    ticks(studio, 30)
    kinds = looks(before="surprised", after="smile")
    with studio.controller() as controller, recording(studio, kinds=kinds) as footage:
        done = controller.do(ApplyWords("smile"))
        assert [one.name for one in done.filters] == NAMES
        ticks(studio, 30)
        transition(studio)
    assert footage.frames == sorted(footage.frames, reverse=True)
    assert set(footage.frames) == {"before", "after"}


def test_off_and_on_reach_what_is_on_air(studio):
    studio_mode(studio, True)
    studio.set_filter("Scene", strength=0.5)
    studio.wait_until(lambda: len(streams(studio)) == 2, "a stream for the preview")
    on_air = streams(studio)[0]
    with studio.controller() as controller:
        for command, wanted in ((TurnOff(), 0), (TurnOn(), 1)):
            controller.do(command)
            studio.wait_until(lambda one=wanted: on_air.get("showing_styled") == one, f"{command} on air")


def test_an_item_that_is_moved_in_the_preview_moves_there_alone(studio):
    studio_mode(studio, True)
    item = studio.request("GetSceneItemList", sceneName="Scene")["sceneItems"][0]["sceneItemId"]
    with recording(studio) as footage:
        move = {"positionX": 40.0, "positionY": 40.0}
        studio.request("SetSceneItemTransform", sceneName="Scene", sceneItemId=item, sceneItemTransform=move)
        studio.wait_until(lambda: len(streams(studio)) == 2, "the preview to have a stream of its own")
        ticks(studio, 20)
    assert footage.count("styled") == len(footage.frames)
    with recording(studio, kinds={"moved": (0, 0, 0), "styled": INVERTED_RGB, "untouched": SOURCE_RGB}) as footage:
        transition(studio)
    assert footage.frames[-1] == "moved"
    assert footage.count("untouched") == 0

# SPDX-License-Identifier: Apache-2.0
"""The filter's picture in real OBS, by pixels: sources of every kind, several filters, any place in the list.

One OBS for the whole file; its worker inverts colours, so a processed picture and an untouched one cannot be
confused.
"""

from __future__ import annotations

import numpy as np
import pytest
from marking_worker import RED, SAME
from obs_scene import Filter, Item, Source, color_source, image_source, media_source, mirage_filter
from studio import Studio, clip_file, inverted, largest_difference, picture_file

pytestmark = pytest.mark.obs
CROP = Filter("crop_filter", "Crop", {"left": 21, "relative": True})


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    fade = np.linspace(0, 255, 64, dtype=np.uint8)[None, :]
    return {
        "Still": (folder / "still.png", picture_file(folder / "still.png", 160, 90)),
        "Odd": (folder / "odd.png", picture_file(folder / "odd.png", 77, 41, seed=2)),
        "Faded": (folder / "faded.png", picture_file(folder / "faded.png", 64, 48, alpha=fade, seed=3)),
    }


@pytest.fixture(scope="module")
def studio(tmp_path_factory, pictures):
    mirage = mirage_filter(pipeline="passthrough")
    second = mirage_filter("Second", pipeline="passthrough")
    clip = clip_file(tmp_path_factory.mktemp("clip") / "clip.mkv", size="96x54", pattern="smptebars")
    still = pictures["Still"][0]
    sources = [
        color_source("Back", (40, 120, 200), 320, 180),
        image_source("Still", still, filters=[mirage]),
        image_source("Odd", pictures["Odd"][0], filters=[mirage]),
        image_source("Faded", pictures["Faded"][0], filters=[mirage_filter(pipeline="passthrough", seed=SAME)]),
        image_source("Twice", still, filters=[mirage, second]),
        image_source("Cropped before", still, filters=[CROP, mirage]),
        image_source("Cropped after", still, filters=[mirage, CROP]),
        media_source("Clip", clip, filters=[mirage]),
        color_source("Plain", (10, 20, 30), 32, 32, filters=[mirage]),
        Source("v4l2_input", "No camera", {"device_id": "/dev/video99"}, filters=[mirage]),
        media_source("No film", still.with_name("none.mkv"), filters=[mirage]),
    ]
    items = [Item(source.name, x_px=8.0 * number, y_px=4.0 * number) for number, source in enumerate(sources)]
    items[0] = Item("Back")
    with Studio(tmp_path_factory.mktemp("obs") / "obs", sources, items) as studio:
        studio.start()
        yield studio


def untouched(studio, name, filters=("Mirage LSD",)):
    """The same picture with the filters switched off by OBS itself."""
    for one in filters:
        studio.switch_filter(name, False, one)
    picture = studio.grab(name)
    for one in filters:
        studio.switch_filter(name, True, one)
    return picture


@pytest.mark.parametrize("name", ["Still", "Odd"])
def test_every_pixel_of_a_synchronous_source_is_the_workers(studio, pictures, name):
    studio.wait_styled(name)
    assert largest_difference(studio.grab(name), inverted(pictures[name][1])) == 0


def test_an_asynchronous_source_is_processed(studio):
    studio.wait_styled("Clip")
    shown = studio.grab("Clip")
    assert largest_difference(shown, inverted(untouched(studio, "Clip"))) <= 1


def test_transparency_comes_through(studio):
    studio.wait_styled("Faded")
    shown = studio.grab("Faded")
    assert largest_difference(shown, untouched(studio, "Faded")) <= 1


def test_two_filters_on_one_source_work_one_after_the_other(studio, pictures):
    for name in ("Mirage LSD", "Second"):
        studio.wait_styled("Twice", name)
    studio.wait_ticks(studio.slot("Twice"), 10)
    assert largest_difference(studio.grab("Twice"), pictures["Still"][1]) == 0


@pytest.mark.parametrize(("name", "width_px"), [("Cropped before", 139), ("Cropped after", 160)])
def test_any_place_in_the_filter_list(studio, pictures, name, width_px):
    slot = studio.wait_styled(name)
    assert slot.get("want_width_px") == width_px
    shown = studio.grab(name)[:, :139]  # a screenshot is as wide as the source without filters
    assert largest_difference(shown, inverted(pictures["Still"][1][:, 21:])) == 0


def test_a_source_may_change_its_size_at_any_time(studio):
    slot = studio.wait_styled("Plain")
    for width_px, height_px in ((51, 33), (200, 100), (8, 9)):
        epoch = slot.get("epoch")
        size = {"width": width_px, "height": height_px}
        studio.request("SetInputSettings", inputName="Plain", inputSettings=size)
        studio.wait_until(lambda before=epoch: slot.get("mapped_epoch") > before, "new rings")
        studio.wait_styled("Plain")
        studio.wait_until(lambda: slot.get("reason") == 0, "the new size on screen")
        studio.wait_ticks(slot, 10)
        shown = studio.grab("Plain")
        assert shown.shape == (height_px, width_px, 4)
        assert (shown == (225, 235, 245, 255)).all()


def says(studio, slot, words: str) -> None:
    studio.wait_until(lambda: words in slot.text("status"), f"{words!r} in the status, not {slot.text('status')!r}")


def test_a_source_without_a_picture_is_waited_for(studio, pictures):
    studio.request("SetInputSettings", inputName="Odd", inputSettings={"file": ""})
    slot = studio.wait_untouched("Odd")
    says(studio, slot, "its source has no picture (0x0)")
    studio.request("SetInputSettings", inputName="Odd", inputSettings={"file": str(pictures["Odd"][0])})
    studio.wait_styled("Odd")
    assert largest_difference(studio.grab("Odd"), inverted(pictures["Odd"][1])) == 0


@pytest.mark.parametrize("name", ["No camera", "No film"])
def test_a_camera_or_film_that_is_missing_is_called_so(studio, name):
    says(studio, studio.slot(name), "its source has no picture (0x0): a camera that is missing")


def test_a_shut_eye_and_a_hidden_source_are_told_apart(studio):
    slot = studio.wait_styled("Plain")
    studio.switch_filter("Plain", False)
    says(studio, slot, "the eye beside the filter in OBS's list is shut")
    studio.switch_filter("Plain", True)
    item = {"sceneName": "Scene"}
    item |= studio.request("GetSceneItemId", **item, sourceName="Plain")
    studio.wait_styled("Plain")
    studio.request("SetSceneItemEnabled", **item, sceneItemEnabled=False)
    says(studio, slot, "it is not in the picture just now")
    studio.request("SetSceneItemEnabled", **item, sceneItemEnabled=True)
    studio.wait_styled("Plain")


def test_switched_off_the_source_is_untouched_and_nothing_is_captured(studio, pictures):
    studio.wait_styled("Still")
    studio.set_filter("Still", enabled=False)
    slot = studio.wait_untouched("Still")
    assert largest_difference(studio.grab("Still"), pictures["Still"][1]) == 0
    captured = slot.get("frames_captured")
    studio.wait_ticks(slot, 10)
    assert slot.get("frames_captured") == captured
    studio.wait_until(lambda: "switched off" in slot.text("status"), "a true status")
    studio.set_filter("Still", enabled=True)
    studio.wait_styled("Still")


def test_changes_apply_live(studio, pictures):
    studio.wait_styled("Still")
    red = np.full_like(pictures["Still"][1], 255)
    red[..., :3] = (0, 0, 255)
    for seed, expected in ((RED, red), (SAME, pictures["Still"][1]), (1, inverted(pictures["Still"][1]))):
        generation = studio.slot("Still").get("generation")
        studio.set_filter("Still", seed=seed)
        slot = studio.slot("Still")
        studio.wait_until(lambda s=slot, g=generation: s.get("generation") > g, "the worker to have it")
        studio.wait_ticks(slot, 10)
        assert largest_difference(studio.grab("Still"), expected) == 0


def test_no_more_is_captured_than_the_target_rate_asks(studio):
    studio.set_filter("Clip", target_fps=24)
    slot = studio.wait_styled("Clip")
    names = ("tick", "frames_captured", "last_render_ns")
    before = [slot.get(name) for name in names]
    studio.wait_ticks(slot, 60)
    ticks, captured, elapsed_ns = (slot.get(name) - old for name, old in zip(names, before, strict=True))
    asked = 24 * elapsed_ns / 1e9
    assert captured <= asked + 2
    assert captured >= 0.8 * min(ticks, asked) - 2  # an OBS that lags makes fewer frames than asked for


@pytest.mark.parametrize(("mode", "frames"), [("next_frame", 1), ("same_frame", 0)])
def test_every_way_of_reading_back_gives_the_same_picture(studio, pictures, mode, frames):
    studio.set_filter("Still", capture_mode=mode)
    slot = studio.wait_styled("Still")
    studio.wait_ticks(slot, 10)
    assert largest_difference(studio.grab("Still"), inverted(pictures["Still"][1])) == 0
    row = slot.latencies()[1][-1]
    assert row.shown_tick - row.captured_tick >= frames
    studio.set_filter("Still", capture_mode="auto")


def test_the_filter_has_every_setting_the_properties_show(studio):
    defaults = studio.request("GetSourceFilterDefaultSettings", filterKind="mirage_lsd")["defaultFilterSettings"]
    assert {"enabled", "preset", "prompt", "strength", "who", "who_x", "who_y", "steps", "working_size", "device",
            "seed", "target_fps", "keep_in_sync"} <= defaults.keys()

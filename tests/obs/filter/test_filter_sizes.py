# SPDX-License-Identifier: Apache-2.0
"""A source that changes its size on air, in real OBS: what the recording shows, and what the status says."""

from __future__ import annotations

import time

import pytest
from footage import SOURCE_RGB, recording
from obs_scene import Filter, color_source, mirage_filter
from studio import Studio

from mirage_lsd.shared.ring.ring import Ring

pytestmark = pytest.mark.obs
CROP = Filter("crop_filter", "Crop", {"left": 280, "relative": True})
STEP_S = 0.03
STEPS = 67


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    mirage = mirage_filter(pipeline="passthrough")
    sources = [color_source("Plain", SOURCE_RGB, 320, 180, filters=[CROP, mirage])]
    with Studio(tmp_path_factory.mktemp("obs") / "obs", sources) as studio:
        studio.start()
        yield studio


def crop(studio, left_px: int) -> None:
    studio.request("SetSourceFilterSettings", sourceName="Plain", filterName="Crop", filterSettings={"left": left_px})


def settle(studio, left_px: int) -> None:
    """Crop, and wait until the picture of that size is styled."""
    crop(studio, left_px)
    slot = studio.slot("Plain")
    studio.wait_until(lambda: slot.get("want_width_px") == 320 - left_px, "the filter to see the size")
    studio.wait_styled("Plain")
    studio.wait_until(lambda: ring_px(studio) == (320 - left_px, 180), "the room to spare to be given back")
    studio.wait_ticks(slot, 10)


def ring_px(studio) -> tuple[int, int]:
    """The largest picture that the filter's ring holds."""
    (session,) = studio.sessions()
    newest = max(session.glob("in-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    ring = Ring.open(str(newest), writable=False)
    geometry = ring.geometry
    ring.close()
    return geometry.max_width_px, geometry.max_height_px


@pytest.mark.parametrize("mode", ["same_frame", "next_frame"])
def test_a_source_that_grows_little_by_little_stays_styled(studio, mode):
    studio.set_filter("Plain", capture_mode=mode)
    settle(studio, 280)
    slot = studio.slot("Plain")
    epoch, fallbacks, shown = slot.get("epoch"), slot.get("fallbacks"), slot.get("frames_shown")
    with recording(studio) as footage:
        for step in range(STEPS):
            crop(studio, 280 - 280 * (step + 1) // STEPS)
            time.sleep(STEP_S)
        studio.wait_ticks(slot, 10)
    larger_rings = slot.get("epoch") - epoch
    assert len(footage.frames) > 60
    assert footage.count("untouched") <= 2 * larger_rings
    assert footage.count("untouched") + footage.count("styled") == len(footage.frames)
    assert 1 <= larger_rings <= 6
    assert slot.get("fallbacks") - fallbacks <= larger_rings
    assert slot.get("frames_shown") - shown > len(footage.frames) // 4  # new pictures, not one for all of it
    studio.set_filter("Plain", capture_mode="auto")


def test_growth_within_the_room_to_spare_costs_no_frame(studio):
    settle(studio, 200)
    slot = studio.slot("Plain")
    crop(studio, 190)  # outgrows what it has, so that there is room to spare now
    studio.wait_until(lambda: ring_px(studio)[0] > 130, "a larger ring")
    studio.wait_ticks(slot, 10)
    epoch = slot.get("epoch")
    with recording(studio) as footage:
        for left_px in range(189, 160, -1):
            crop(studio, left_px)
            time.sleep(STEP_S)
    assert slot.get("epoch") == epoch
    assert footage.count("styled") == len(footage.frames)


def test_a_size_that_no_ring_holds_is_told_while_it_lasts(studio):
    settle(studio, 280)
    slot = studio.slot("Plain")
    settings = studio.request("GetInputSettings", inputName="Plain")["inputSettings"]
    studio.request("SetInputSettings", inputName="Plain", inputSettings={"width": 9000, "height": 9000})
    studio.wait_until(lambda: "a ring holds" in slot.text("status"), "the refusal in the status")
    studio.request("SetInputSettings", inputName="Plain", inputSettings=settings)
    studio.wait_until(lambda: "a ring holds" not in slot.text("status"), "the refusal to be gone")
    studio.wait_styled("Plain")

# SPDX-License-Identifier: Apache-2.0
"""The filter on the screens, canvases and frame rates that people have: Wayland and X11, 60 and 30, 1280x720."""

from __future__ import annotations

import pytest
from obs_config import Video
from obs_scene import image_source, mirage_filter
from studio import Studio, inverted, largest_difference, picture_file
from wayland import WaylandDisplay

pytestmark = pytest.mark.obs
TICKS = 60


@pytest.mark.parametrize("video", [Video(320, 180, 60), Video(1280, 720, 30)], ids=str)
@pytest.mark.parametrize("screen", ["x11", "wayland"])
def test_the_picture_is_exact_on_every_screen(tmp_path, screen, video):
    width_px, height_px = video.width_px, video.height_px
    picture = picture_file(tmp_path / "still.png", width_px, height_px)
    source = image_source("Still", tmp_path / "still.png", filters=[mirage_filter(pipeline="passthrough")])
    display = WaylandDisplay(tmp_path / "wayland") if screen == "wayland" else None
    with Studio(tmp_path / "obs", [source], video=video, display=display) as studio:
        studio.start()
        slot = studio.wait_styled("Still")
        stats = studio.request("GetVideoSettings")
        assert (stats["baseWidth"], stats["baseHeight"], stats["fpsNumerator"]) == (width_px, height_px, video.fps)
        before = slot.get("frames_shown")
        studio.wait_ticks(slot, TICKS)
        assert slot.get("frames_shown") > before
        assert largest_difference(studio.grab()[..., :3], inverted(picture)[..., :3]) == 0
        assert ("wayland" in studio.log().lower()) == (screen == "wayland")
        assert studio.quit() == 0
        assert studio.sessions() == []

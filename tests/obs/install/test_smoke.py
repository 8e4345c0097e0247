# SPDX-License-Identifier: Apache-2.0
"""The least that must work in every OBS: it starts with the script, shows the filter's pixels, hears a key, ends.

Run in all of tests/obs, and alone (`-m smoke`) by obs_matrix.sh where there is time for no more.
"""

from __future__ import annotations

import pytest
from look_studio import LookStudio, look_source
from obs_scene import image_source, mirage_filter
from studio import inverted, largest_difference, picture_file

pytestmark = [pytest.mark.obs, pytest.mark.smoke]


def test_start_picture_hotkey_and_exit(tmp_path):
    picture = picture_file(tmp_path / "still.png", 160, 90)
    still = image_source("Still", tmp_path / "still.png", filters=[mirage_filter(pipeline="passthrough")])
    keys = {"mirage_lsd.preset.forest": "F9"}
    with LookStudio(tmp_path / "obs", [still, look_source(tmp_path, "Look")], keys) as studio:
        studio.start()
        studio.wait_styled("Still")
        assert largest_difference(studio.grab("Still"), inverted(picture)) == 0
        studio.wait_presets("Night rider")
        studio.wait_until(lambda: "mirage_lsd.preset.forest" in studio.hotkeys(), "the hotkeys")
        studio.press("F9")
        studio.wait_look("Look", "forest")
        assert studio.quit() == 0
        assert studio.sessions() == []

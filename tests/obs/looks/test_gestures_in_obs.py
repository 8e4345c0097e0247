# SPDX-License-Identifier: Apache-2.0
"""Gestures in a real OBS: a hand in the source itself, and pixels change."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from hand_pictures import hand_picture
from obs_scene import Script, image_source, mirage_filter
from studio import MIRAGE_SCRIPT, Studio, inverted, largest_difference

pytestmark = pytest.mark.obs


def test_an_open_palm_in_the_source_does_what_it_is_bound_to(tmp_path: Path) -> None:
    hand = cv2.cvtColor(hand_picture("open_palm"), cv2.COLOR_RGB2BGRA)
    cv2.imwrite(str(tmp_path / "hand.png"), hand)
    still = image_source("Still", tmp_path / "hand.png", filters=[mirage_filter(pipeline="passthrough")])
    script = Script(MIRAGE_SCRIPT, {"gestures_on": True, "gesture:open_palm": "off"})
    with Studio(tmp_path / "obs", [still], scripts=[script]) as studio:
        studio.start()
        studio.wait_until(lambda: "open palm" in (studio.slot("Still").text("status") or ""), "the gesture", 120)
        studio.wait_untouched("Still")
        shown = studio.grab("Still")
        assert studio.quit() == 0
    assert largest_difference(shown[..., :3], hand[..., :3]) == 0
    assert largest_difference(inverted(shown)[..., :3], hand[..., :3]) > 0

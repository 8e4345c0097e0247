# SPDX-License-Identifier: Apache-2.0
"""The person alone in real OBS, with the real worker and model: what lies below shows where the room was."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from obs_scene import Item, color_source, image_source, mirage_filter
from studio import Studio

pytestmark = pytest.mark.obs
BELOW_RGB = (30, 200, 60)
SIZE_PX = 320, 180
CORNER, FACE = (slice(0, 60), slice(0, 60)), (slice(32, 52), slice(128, 150))


@pytest.fixture
def person(tmp_path):
    """u8 [180,320,3] BGR, in person.png."""
    picture = pytest.importorskip("skimage.data").astronaut()[:288, :, ::-1]
    picture = cv2.resize(picture, SIZE_PX, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "person.png"), picture)
    return picture


def test_what_lies_below_shows_around_the_person(tmp_path, person):
    sources = [
        color_source("Below", BELOW_RGB, *SIZE_PX),
        image_source("Person", tmp_path / "person.png", filters=[mirage_filter(prompt="transparent")]),
    ]
    with Studio(tmp_path / "obs", sources, [Item("Below"), Item("Person")], worker="real") as studio:
        studio.start()
        slot = studio.wait_styled("Person")
        studio.wait_ticks(slot, 10)
        shown = studio.grab()[..., :3].astype(int)
        alone = studio.grab("Person")
        assert np.abs(shown[CORNER] - BELOW_RGB[::-1]).max() <= 1, "no shade of the room"
        assert np.abs(shown[FACE] - person[FACE]).max() <= 1
        assert alone[CORNER][..., 3].max() == 0 and alone[FACE][..., 3].min() == 255
        studio.set_filter("Person", prompt="blurred")
        studio.wait_until(lambda: studio.grab("Person")[..., 3].min() == 255, "the room again, out of focus")

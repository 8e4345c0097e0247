# SPDX-License-Identifier: Apache-2.0
"""A new look is not steadied by the old one's layer; the stream itself goes on."""

from __future__ import annotations

import cv2
import pytest
from tiny_stream import jobs_of

from mirage_lsd.shared.messages.settings import StreamSettings

SAME, OTHER = (StreamSettings(prompt=prompt, working_size="tiny") for prompt in ("red hoodie", "blue dress"))


@pytest.fixture(scope="module")
def portrait():
    """A real photograph of a person as BGRA u8 [192,320,4]."""
    astronaut = pytest.importorskip("skimage.data").astronaut()
    small = cv2.resize(astronaut[: 512 * 6 // 10], (320, 192), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2BGRA)


def test_the_layer_of_the_look_before_is_forgotten_and_nothing_else(portrait):
    pasts = [job.past for job in jobs_of([(portrait, settings) for settings in (SAME, SAME, OTHER, OTHER)])]
    assert [past.buffers is not None for past in pasts] == [False, True, False, True]
    assert [past.latent is not None for past in pasts] == [False, True, True, True]

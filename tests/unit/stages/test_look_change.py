# SPDX-License-Identifier: Apache-2.0
"""A new look is not steadied by the old one's layer; the stream itself goes on."""

from __future__ import annotations

import cv2
import pytest

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.pipelines import build
from mirage_lsd.worker.restyler import header_for
from mirage_lsd.worker.stages.base import Job

SAME, OTHER = (StreamSettings(prompt=prompt, working_size="tiny") for prompt in ("red hoodie", "blue dress"))


@pytest.fixture(scope="module")
def portrait():
    """A real photograph of a person as BGRA u8 [192,320,4]."""
    astronaut = pytest.importorskip("skimage.data").astronaut()
    small = cv2.resize(astronaut[: 512 * 6 // 10], (320, 192), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2BGRA)


def test_the_layer_of_the_look_before_is_forgotten_and_nothing_else(portrait):
    stages = build("lsd", EngineHost())
    seen = []
    for frame_id, settings in enumerate((SAME, SAME, OTHER, OTHER)):
        job = Job(header_for(portrait, frame_id), settings, 0, portrait)
        for stage in stages:
            job = stage(job)
        seen.append({name: job.tensors[name] is not None for name in ("last_buffers", "warped")})
    for stage in stages:
        stage.flush()
    assert [one["last_buffers"] for one in seen] == [False, True, False, True]
    assert [one["warped"] for one in seen] == [False, True, True, True]

# SPDX-License-Identifier: Apache-2.0
"""The stages that need no model: taking a frame out of a ring, and seeing a scene cut."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mirage_lsd.shared.errors import FieldError
from mirage_lsd.shared.messages import settings
from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.ring.frame_header import FrameHeader
from mirage_lsd.shared.ring.ring import Ring
from mirage_lsd.worker.stage_order import PIPELINES, TINY_STAGES, v1_stages
from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.stages.preprocess import is_scene_cut, to_tensor
from mirage_lsd.worker.transport import HostTransport

SETTINGS = StreamSettings()


def picture(seed: int, width_px: int = 61, height_px: int = 33) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height_px, width_px, 4), np.uint8)


def header(frame_id: int, source: np.ndarray, stride_bytes: int | None = None) -> FrameHeader:
    height_px, width_px = source.shape[:2]
    return FrameHeader(frame_id, 1000, width_px, height_px, stride_bytes or width_px * 4, mapped_ns=2000)


@pytest.fixture
def ring(tmp_path):
    made = Ring.create(str(tmp_path / "ring"), 64, 64, slot_count=4)
    yield made
    made.close()


def test_upload_takes_the_newest_and_keeps_its_own_copy(ring):
    for frame_id in (1, 2, 3):
        ring.write(header(frame_id, picture(frame_id)), picture(frame_id))
    number, job = HostTransport().take(ring, 1, SETTINGS, 7)
    for frame_id in (4, 5, 6, 7):  # laps every slot
        ring.write(header(frame_id, picture(frame_id)), picture(frame_id))
    assert (number, job.header.frame_id, job.header.generation) == (3, 3, 7)
    assert job.header.received_ns > 0
    assert np.array_equal(job.source, picture(3))


def test_upload_drops_the_padding_of_rows(ring):
    source = picture(1)
    padded = np.zeros((33, 256), np.uint8)
    padded[:, : 61 * 4] = source.reshape(33, -1)
    ring.write(header(1, source, stride_bytes=256), padded)
    assert np.array_equal(HostTransport().take(ring, 0, SETTINGS, 0)[1].source, source)


def test_upload_finds_nothing_new_twice(ring):
    upload = HostTransport()
    assert upload.take(ring, 0, SETTINGS, 0) is None
    ring.write(header(1, picture(1)), picture(1))
    number, _ = upload.take(ring, 0, SETTINGS, 0)
    assert upload.take(ring, number, SETTINGS, 0) is None


def test_download_keeps_the_source_frames_times(ring):
    job = Job(replace(header(9, picture(1)), generation=4), SETTINGS, picture(1), output=picture(2))
    transport = HostTransport()
    transport.send(ring, job)
    ((finished, finished_ns),) = transport.collect(ring)
    assert finished is job and transport.collect(ring) == []
    shown = ring.newest()
    assert (shown.header.frame_id, shown.header.timestamp_ns, shown.header.mapped_ns) == (9, 1000, 2000)
    assert (shown.header.generation, shown.header.finished_ns) == (4, finished_ns)
    assert bytes(shown.pixels) == picture(2).tobytes()


def test_a_cut_is_seen_and_a_pan_is_not():
    room = cv2.resize(picture(1, 8, 5)[..., :3], (80, 24), interpolation=cv2.INTER_CUBIC)
    street = cv2.resize(picture(2, 8, 5)[..., :3] // 3, (40, 24), interpolation=cv2.INTER_CUBIC)
    here, moved = room[:, :40], room[:, 6:46]
    assert is_scene_cut(np.ascontiguousarray(here), street)
    assert not is_scene_cut(np.ascontiguousarray(here), np.ascontiguousarray(moved))


def test_the_tensor_is_rgb_between_0_and_1():
    bgr = np.zeros((2, 3, 3), np.uint8)
    bgr[..., 2] = 255
    tensor = to_tensor(bgr)
    assert tensor.shape == (1, 3, 2, 3)
    assert np.array_equal(tensor[0, 0], np.ones((2, 3))) and not tensor[0, 1:].any()


def test_the_order_of_the_lsd_pipeline():
    names = [stage.name for stage in TINY_STAGES]
    assert names == ["preprocess", "flow", "encode", "condition", "warp", "denoise", "decode", "upscale", "track",
                     "refine", "composite", "fade"]  # fmt: skip
    assert set(PIPELINES) == set(settings.PIPELINES)
    with pytest.raises(FieldError, match="passthrough"):
        StreamSettings(pipeline="nope")


def test_v1_passes_the_same_stages_but_composites_in_its_upscale_and_looks_for_nobody():
    pytest.importorskip("torch")
    names = [stage.name for stage in v1_stages(None)]
    assert names == [stage.name for stage in TINY_STAGES if stage.name not in ("track", "refine", "composite")]

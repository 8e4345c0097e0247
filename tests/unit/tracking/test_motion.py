# SPDX-License-Identifier: Apache-2.0
"""The first flow points to where things were, in cells of whatever size the nets work at."""

import cv2
import numpy as np
import pytest

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.history import History
from mirage_lsd.worker.hosts.model_host import Passthrough
from mirage_lsd.worker.models.graphs import GraphShapes
from mirage_lsd.worker.pipeline import Pipeline, header_for
from mirage_lsd.worker.stages.base import Job
from mirage_lsd.worker.stages.flow import Flow
from mirage_lsd.worker.stages.preprocess import Preprocess, shrunk
from mirage_lsd.worker.tracking.motion import Motion
from mirage_lsd.worker.tracking.reduced import reduced
from mirage_lsd.worker.transport import HostTransport


def textured(seed: int = 0) -> np.ndarray:
    rough = np.random.default_rng(seed).integers(0, 256, (192, 320)).astype(np.uint8)
    return cv2.normalize(cv2.GaussianBlur(rough, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)


@pytest.mark.parametrize("cells", [(24, 40), (12, 20), (16, 28)])
def test_flow_points_back_in_cells(cells):
    before = textured()
    now = np.roll(before, (2, -3), axis=(0, 1))  # everything moved down by 2 px and left by 3
    flow = Motion()(before, now, cells)
    assert flow.shape == (1, 2, *cells) and flow.dtype == np.float32
    inner = flow[0, :, 3:-3, 3:-3].mean(axis=(1, 2))
    np.testing.assert_allclose(inner, (3 * cells[1] / 320, -2 * cells[0] / 192), atol=0.03)


def test_a_still_picture_does_not_move():
    assert np.abs(Motion()(textured(), textured(), (24, 40))).max() < 0.01


@pytest.mark.parametrize("working_px", [(160, 96), (320, 192), (448, 256)])
def test_motion_is_searched_at_one_size(working_px):
    source = cv2.cvtColor(cv2.resize(textured(), (640, 360)), cv2.COLOR_GRAY2BGRA)
    small, grey = shrunk(source, working_px)
    assert small.shape == (working_px[1], working_px[0], 3) and grey.shape == (192, 320)
    expected = cv2.resize(source[..., :3], working_px, interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - expected).mean() < 2


class OneSize(Passthrough):
    """A model whose working size stays, as for sources of nearly the same aspect."""

    shapes = GraphShapes((192, 128))

    def __init__(self):
        self.history, self.ran = History(), []

    def begin_mask(self, _working) -> None:
        pass

    def begin_faces(self, _source) -> None:
        pass

    def forget(self) -> None:
        self.history.clear()

    def run(self, graph, **inputs):
        self.ran.append((graph, inputs["guess"].shape))
        return {"flow": inputs["guess"], "occlusion": inputs["guess"][:, :1]}


def test_a_source_of_another_shape_starts_afresh():
    """The nets' size may stay while the size that motion is searched at changes; then nothing may be compared."""
    context, picture = OneSize(), cv2.cvtColor(textured(), cv2.COLOR_GRAY2BGRA)
    pipeline = Pipeline(context, context, (Preprocess(context), Flow(context)), HostTransport())
    for size_px, frames in (((640, 412), 2), ((576, 412), 2)):
        context.history.latent = np.zeros(1)
        for _ in range(frames):
            frame = cv2.resize(picture, size_px)
            pipeline.run(Job(header_for(frame, 1), StreamSettings(), frame))
            context.history.latent = np.zeros(1)
    assert context.ran == [("flow", (1, 2, 16, 24))] * 2


@pytest.mark.parametrize("size_px", [(640, 360), (641, 361), (1920, 1080), (100, 60)])
def test_reducing_takes_every_pixel_in(size_px):
    """As the means of areas at once would: the finest stripes become grey."""
    width_px, height_px = size_px
    stripes = np.tile(np.uint8([[0, 255]]), (height_px, (width_px + 1) // 2))[:, :width_px]
    picture = np.repeat(stripes[:, :, None], 4, axis=2)
    small = reduced(picture, (160, 96))
    wanted = cv2.resize(picture, (160, 96), interpolation=cv2.INTER_AREA)
    assert small.shape == wanted.shape
    if width_px > 320:
        assert np.abs(small.astype(int) - wanted).mean() < 8, "the finest stripes become grey"

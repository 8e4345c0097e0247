# SPDX-License-Identifier: Apache-2.0
"""The view of a training sample: outlines keep their colour and their place, whatever the layers' size."""
import cv2
import numpy as np
import pytest

from mirage_lsd.worker.train.views import MOST_SQUEEZED, View, sample_view

VIEW_PX = (320, 192)


def disc(width_px: int, height_px: int) -> np.ndarray:
    """A white disc in the middle of a drawing u8 [H,W,4] that is black where nothing is drawn, as layers are."""
    big = np.zeros((4 * height_px, 4 * width_px), np.uint8)
    cv2.circle(big, (2 * width_px, 2 * height_px), height_px, 255, -1)
    alpha = cv2.resize(big, (width_px, height_px), interpolation=cv2.INTER_AREA)
    return np.dstack([np.where(alpha > 0, 255, 0)] * 3 + [alpha]).astype(np.uint8)


def straight(scale: float) -> View:
    return View(VIEW_PX, np.float32([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2]]), False)


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.5, 2.0, 4.0])
def test_an_outline_has_no_dark_rim(scale):
    seen = straight(scale).person(disc(int(320 * scale), int(192 * scale)))
    outline = (seen[..., 3] > 16) & (seen[..., 3] < 240)
    assert outline.any() and seen[outline][:, :3].min() > 235


@pytest.mark.parametrize("scale", [1.5, 2.0, 3.0, 4.0])
def test_what_shrinks_stays_in_place(scale):
    seen = straight(scale).person(disc(int(320 * scale), int(192 * scale)))[..., 3].astype(np.float32)
    rows, columns = np.mgrid[0:192, 0:320]
    middle = [(seen * place).sum() / seen.sum() for place in (columns, rows)]
    assert np.allclose(middle, (159.5, 95.5), atol=0.15)
    assert seen.sum() / 255.0 == pytest.approx(np.pi * 48**2, rel=0.01)


def test_thin_things_do_not_vanish_where_the_view_shrinks():
    """Nearest or linear sampling of every fourth pixel would miss most of these lines."""
    lines = np.zeros((768, 1280, 4), np.uint8)
    lines[:, ::8] = 255
    seen = straight(4.0).person(lines)[..., 3]
    assert seen.mean() == pytest.approx(255 / 8, rel=0.05)


@pytest.mark.parametrize("layer_px", [(320, 192), (640, 384)])
@pytest.mark.parametrize("size_px", [(320, 192), (224, 128), (192, 256)])
def test_views_show_the_same_whatever_the_layers_size(layer_px, size_px):
    small = sample_view(np.random.default_rng(3), size_px, (320, 192))
    view = sample_view(np.random.default_rng(3), size_px, layer_px)
    assert view.mirrored == small.mirrored
    assert np.allclose(view.steps, small.steps * layer_px[0] / 320)
    squeezed = view.steps[0] / view.steps[1]
    assert 1.0 <= squeezed <= MOST_SQUEEZED

# SPDX-License-Identifier: Apache-2.0
"""The view of a training sample: outlines keep their colour and their place, whatever the layers' size."""
import cv2
import numpy as np
import pytest

from mirage_lsd.worker.train.samples.views import FARTHEST, MOST_SQUEEZED, View, sample_view, tilted

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
@pytest.mark.parametrize("seed", range(6))
def test_views_show_the_same_whatever_the_layers_size(seed, layer_px, size_px):
    small = sample_view(np.random.default_rng(seed), size_px, (320, 192))
    view = sample_view(np.random.default_rng(seed), size_px, layer_px)
    assert view.mirrored == small.mirrored
    assert view.step == pytest.approx(small.step * layer_px[0] / 320, rel=1e-4)
    sides = np.linalg.norm(view.matrix[:, :2], axis=1)
    assert 1.0 - 1e-4 <= sides[0] / sides[1] <= MOST_SQUEEZED + 1e-4


def test_some_are_far_and_some_are_tilted_and_half_are_mirrored():
    views = [sample_view(np.random.default_rng(seed), VIEW_PX, VIEW_PX) for seed in range(400)]
    far = np.mean([view.step > 1.2 for view in views])
    leaning = np.mean([abs(view.matrix[0, 1]) > 0.02 for view in views])
    assert 0.05 < far < 0.3 and 0.12 < leaning < 0.35
    assert 0.4 < np.mean([view.mirrored for view in views]) < 0.6
    assert max(view.step for view in views) <= FARTHEST * MOST_SQUEEZED


@pytest.mark.parametrize("angle", [-0.6, 0.3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_motion_turns_with_the_view(angle, mirrored):
    """A dot that moves in the layer moves in the view by what `motion` says."""
    matrix = tilted(np.float32([[1.3, 0, 4], [0, 1.25, -9]]), angle, VIEW_PX)
    if mirrored:
        matrix[:, 2] += matrix[:, 0] * (VIEW_PX[0] - 1)
        matrix[:, 0] *= -1
    view = View(VIEW_PX, matrix, mirrored)

    def place(x: int, y: int) -> np.ndarray:
        dot = np.zeros((260, 420), np.float32)
        cv2.circle(dot, (x, y), 12, 1.0, -1)
        seen = view.layer(dot)
        rows, columns = np.mgrid[0:192, 0:320]
        return np.array([(seen * columns).sum(), (seen * rows).sum()]) / seen.sum()

    moved = place(214, 113) - place(200, 120)
    assert np.allclose(view.motion(np.float32([14, -7])), moved, atol=0.15)

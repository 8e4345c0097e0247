# SPDX-License-Identifier: Apache-2.0
"""The guided filter: edges of the guide, not of the plane; nothing where nothing is to be done."""

import cv2
import numpy as np

from mirage_lsd.worker.paint.guided import guided, guided_coefficients


def disc(radius_px: float, soft_px: float = 0.5) -> np.ndarray:
    """f32 [96,128] 0..1."""
    y, x = np.mgrid[:96, :128]
    return np.clip((radius_px - np.hypot(x - 64, y - 48)) / (2 * soft_px) + 0.5, 0, 1).astype(np.float32)


def test_a_soft_border_becomes_the_guides():
    guide, plane = 0.2 + 0.6 * disc(30), disc(30, soft_px=8)
    edge = guided(guide, plane, 8, 2e-4)[48, 90:99]
    assert edge[2] - edge[6] > 2 * (plane[48, 92] - plane[48, 96]), "steep where the guide is"


def test_a_plane_that_is_the_same_everywhere_stays():
    guide = np.random.default_rng(0).random((40, 60), np.float32)
    assert np.abs(guided(guide, np.full_like(guide, 0.7), 4, 1e-3) - 0.7).max() < 1e-4


def test_a_flat_guide_only_smooths():
    slope, offset = guided_coefficients(np.full((96, 128), 0.4, np.float32), disc(30), 4, 1e-3)
    assert np.abs(slope).max() < 1e-3
    assert np.abs(offset - cv2.blur(cv2.blur(disc(30), (9, 9)), (9, 9))).max() < 1e-3

# SPDX-License-Identifier: Apache-2.0
"""Under a layer's edge lies the background, and nowhere else."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mirage_lsd.worker.paint import apply_layer
from mirage_lsd.worker.paint.apply_layer import LayerApplier
from mirage_lsd.worker.paint.band_rim import RIM
from mirage_lsd.worker.paint.dye import Dyes
from mirage_lsd.worker.paint.layer_maps import LayerMaps, Rim

MAPS_PX, FULL_PX = (160, 96), (480, 288)
OLD, NEW, WALL = 200, 60, 120


def maps() -> LayerMaps:
    """A grey block with soft edges, whose rim counts to a few pixels inside it."""
    width, height = MAPS_PX
    x = np.abs(np.arange(width, dtype=np.float32)[None] - 80)
    alpha = np.clip((40 - x) / 8, 0, 1) * np.ones((height, 1), np.float32)
    none = np.zeros_like(alpha)
    share = np.clip((x - 30) / 6, 0, 1) * np.ones((height, 1), np.float32)
    behind = np.full((height, width, 3), WALL, np.uint8)
    layer = np.full((3, height, width), NEW, np.float32)
    return LayerMaps(layer, np.stack([none, alpha, none]), np.stack([none] * 4),
                     np.zeros((24, 40, 2), np.float32), rim=Rim(share.astype(np.float32), behind))  # fmt: skip


def frame() -> np.ndarray:
    return np.full((*FULL_PX[::-1], 4), OLD, np.uint8)


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_it_is_as_if_the_frame_were_the_background_there(strength):
    given = maps()
    alpha, share = (cv2.resize(plane, FULL_PX) for plane in (given.mask[1], given.rim.share))
    own = OLD + np.minimum(RIM * alpha, share) * (WALL - OLD) * (alpha < 1)
    wanted = OLD + strength * (own + alpha * (NEW - own) - OLD)
    got = LayerApplier(*FULL_PX).apply(frame(), given, Dyes(), strength)[..., 0]
    assert np.abs(got - wanted).max() <= 2.0
    plain = LayerApplier(*FULL_PX).apply(frame(), replace(given, rim=None), Dyes(), strength)[..., 0]
    assert (plain.astype(int) - got).max() > 20 * strength, "no rim was cleared"
    untouched = (alpha == 0) | (alpha == 1)
    assert np.array_equal(plain[untouched], got[untouched])


def test_bands_join(monkeypatch):
    banded = LayerApplier(*FULL_PX).apply(frame(), maps(), Dyes(), 1.0)
    monkeypatch.setattr(apply_layer, "MOST_BANDS", 1)
    assert np.abs(banded.astype(int) - LayerApplier(*FULL_PX).apply(frame(), maps(), Dyes(), 1.0)).max() <= 1

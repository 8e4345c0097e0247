# SPDX-License-Identifier: Apache-2.0
"""The nets' layer as plain colour: no blotches where it is dyed, the rest as it was, skin in one's own colour."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mirage_lsd.worker.paint.detail import base_layer

SHAPE = (120, 160)
MIDDLE, BESIDE = np.s_[40:80, 50:110], np.s_[40:80, 132:138]
COLOUR, PAINTED_SKIN, OWN_SKIN = (200.0, 120.0, 90.0), (120.0, 150.0, 190.0), np.float32([60, 90, 140])


def covered() -> np.ndarray:
    plane = np.zeros(SHAPE, np.float32)
    plane[20:100, 30:130] = 1.0
    return plane


def layer_of(colour: tuple[float, ...], levels: float = 0.0, blotch_px: float = 2.0) -> np.ndarray:
    """f32 [3,h,w] of a colour with blotches."""
    blotches = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, SHAPE), (0, 0), blotch_px)
    shade = 1.0 + levels * blotches / blotches.std()
    return (np.float32(colour)[:, None, None] * shade).astype(np.float32)


def unevenness(layer: np.ndarray) -> float:
    return float(layer[(0, *MIDDLE)].std() / layer[(0, *MIDDLE)].mean())


def test_dyed_cloth_has_no_blotches_and_the_rest_keeps_its_own_detail():
    blotchy, whole = layer_of(COLOUR, 0.1), np.ones(SHAPE, np.float32)
    dyed = base_layer.plain_layer(blotchy, covered(), whole)
    undyed = base_layer.plain_layer(blotchy, covered(), 0.0 * whole)
    assert unevenness(dyed) < 0.35 * unevenness(blotchy) and unevenness(undyed) > 0.7 * unevenness(blotchy)
    for made in (dyed, undyed):
        np.testing.assert_allclose(made[(slice(None), *MIDDLE)].mean((1, 2)), COLOUR, rtol=0.05)


def test_there_is_colour_beside_what_was_painted_and_none_of_what_was_not():
    layer = layer_of(COLOUR)
    layer[:, covered() == 0] = 0.0
    plain = base_layer.plain_layer(layer, covered(), np.ones(SHAPE, np.float32))
    np.testing.assert_allclose(plain[(slice(None), *BESIDE)].mean((1, 2)), COLOUR, rtol=0.05)


def test_shares_reach_as_far_as_cloth_may():
    shares = np.zeros((4, *SHAPE), np.float32)
    shares[0], shares[1] = covered(), 0.0
    shares[0, 60:], shares[1, 60:] = 0.0, covered()[60:]
    spread = base_layer.spread_shares(shares, covered())
    assert spread[(0, 45, 133)] > 0.9 and spread[(1, 75, 133)] > 0.9
    np.testing.assert_allclose(spread[:3, 25:55, 35:125], shares[:3, 25:55, 35:125], atol=1e-3)
    assert np.array_equal(spread[3], shares[3])


def test_bare_skin_has_the_persons_own_colour_with_the_nets_shading():
    shaded, bare = layer_of(PAINTED_SKIN, 0.1, 8.0), covered()
    layer, skin = base_layer.own_skin(shaded, bare, covered(), OWN_SKIN)
    assert skin[MIDDLE].min() > 0.9
    np.testing.assert_allclose(layer[(slice(None), *MIDDLE)].mean((1, 2)), OWN_SKIN, rtol=0.12)
    ratio = layer[(1, *MIDDLE)] / shaded[(1, *MIDDLE)]
    assert ratio.std() < 0.02 * ratio.mean()
    assert np.array_equal(layer[:, covered() == 0], shaded[:, covered() == 0])


@pytest.mark.parametrize(("colour", "own", "bare"), [
    (PAINTED_SKIN, None, 1.0),
    (PAINTED_SKIN, OWN_SKIN, 0.0),
    ((150.0, 150.0, 150.0), OWN_SKIN, 1.0),
    ((190.0, 150.0, 120.0), OWN_SKIN, 1.0),
], ids=["whose skin is not known", "dyed", "grey", "blue"])
def test_what_is_no_skin_or_nobodys_stays(colour, own, bare):
    layer = layer_of(colour, 0.05)
    made, _ = base_layer.own_skin(layer, bare * covered(), covered(), own)
    assert np.array_equal(made, layer)

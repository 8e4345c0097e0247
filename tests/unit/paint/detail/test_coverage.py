# SPDX-License-Identifier: Apache-2.0
"""Where cloth is put: the old garment beside it is taken along, gaps close, and edges go to the source's own."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawn_sight import face_at, fine_of, noisy

from mirage_lsd.worker.paint.detail import coverage
from mirage_lsd.worker.paint.detail.seen import kept
from mirage_lsd.worker.tracking.eyes.sight import Sight

SIZE_PX, FACE_PX = (320, 360), 64.0
PICTURE = fine_of(np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8))
BODY = kept.body_of(Sight((face_at(160, 70, FACE_PX),)), PICTURE)
EMPTY = np.zeros(SIZE_PX[::-1], np.float32)
CHEST, GARMENT = np.s_[130:250, 100:220], np.s_[120:340, 80:240]


def plane(*parts: tuple[slice, slice]) -> np.ndarray:
    filled = EMPTY.copy()
    for part in parts:
        filled[part] = 1.0
    return filled


def rest(body: kept.Body = BODY, skin: np.ndarray = EMPTY, worn: np.ndarray | None = None) -> np.ndarray:
    """The old garment beside a painted chest."""
    worn = plane(GARMENT) if worn is None else worn
    return coverage.old_cloth(plane(CHEST), worn, plane(GARMENT), skin, body)


def test_old_cloth_beside_what_is_painted_is_taken_along():
    taken = rest()
    assert taken[150:270, 82:238].min() == 1.0
    assert taken[:, :80].max() == taken[:, 240:].max() == 0.0
    reach_px = round(coverage.REACH * FACE_PX)
    assert taken[250 + reach_px - 3, 160] == 1.0 and taken[250 + reach_px + 3 :].max() == 0.0


def test_nothing_above_the_chin_is():
    everywhere = np.ones_like(EMPTY)
    taken = coverage.old_cloth(everywhere, everywhere, everywhere, EMPTY, BODY)
    chin = round(float(BODY.chin_px[1]))
    assert taken[: chin - round(0.5 * FACE_PX)].max() == 0.0 and taken[chin:].min() == 1.0


@pytest.mark.parametrize("skin", [EMPTY, plane(np.s_[260:340, 80:240])])
def test_neither_skin_nor_other_colours_are(skin):
    worn = plane(np.s_[120:300, 80:160])
    taken = rest(skin=skin, worn=worn)
    assert taken[skin > 0].max(initial=0.0) == 0.0 and taken[:, 162:].max() == 0.0
    assert taken[150:250, 85:155].min() == 1.0


def test_nothing_without_a_face():
    assert rest(kept.body_of(Sight(), PICTURE)).max() == 0.0


def test_where_the_person_ends_coverage_reaches_over_the_old_rim():
    covered, matte = plane(CHEST), plane(np.s_[130:250, 100:218])
    grown = coverage.grown(covered, matte)
    assert grown[200, 220] == 1.0 and grown[200, 223] == 0.0  # one to three pixels
    inside = plane(GARMENT)
    assert np.array_equal(coverage.grown(covered, inside), covered)


def test_gaps_of_stripes_close_and_the_gap_beside_an_arm_does_not():
    stripes = plane(CHEST)
    stripes[150:156] = stripes[200:204] = 0.0
    arm = plane(np.s_[130:250, 250:280])
    closed = coverage.closed(np.maximum(stripes, arm), FACE_PX)
    assert closed[CHEST].min() == 1.0 and closed[140:240, 225:245].max() == 0.0


@pytest.mark.parametrize("error_px", [-3, 3])
def test_a_blunt_edge_moves_to_the_sources_own(error_px):
    grey = noisy(np.full((120, 160, 3), 60, np.uint8))[..., 0]
    grey[:, 80:] = noisy(np.full((120, 80, 3), 190, np.uint8))[..., 0]
    blunt = np.zeros((120, 160), np.float32)
    blunt[:, : 80 + error_px] = 1.0
    blunt = cv2.GaussianBlur(blunt, (0, 0), 2.0)
    offset, slope = coverage.edge_coefficients(grey, blunt)
    sharp = np.clip(offset + slope * (grey / np.float32(255)), 0.0, 1.0)[20:100]
    assert sharp[:, 70:79].mean() > 0.9 and sharp[:, 81:90].mean() < 0.1
    assert sharp[:, :60].min() > 0.95 and sharp[:, 100:].max() < 0.05


def test_on_flat_cloth_an_edge_stays_where_the_nets_have_it():
    covered = np.zeros((120, 160), np.float32)
    covered[:, :80] = 1.0
    offset, slope = coverage.edge_coefficients(np.full((120, 160), 90, np.uint8), covered)
    edge = np.clip(offset + slope * np.float32(90 / 255), 0.0, 1.0)[60]
    assert edge[:70].min() == 1.0 and edge[90:].max() == 0.0 and abs(float(edge.sum()) - 80) < 1.5


def test_under_the_edge_lies_the_background_near_and_not_the_old_cloth():
    wall, cloth = (200, 180, 160), (20, 20, 120)
    picture, matte = np.full((200, 200, 3), wall, np.uint8), np.zeros((200, 200), np.float32)
    picture[60:, 50:150], matte[60:, 50:150] = cloth, 1.0
    share, behind = coverage.rim_of(picture, matte)
    rim = np.s_[80:190, 146:150]
    assert share[rim].min() > 0.9 and np.abs(behind[rim].astype(int) - wall).max() < 6
    assert share[130:190, 95:105].max() == 0.0

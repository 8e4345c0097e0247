# SPDX-License-Identifier: Apache-2.0
"""Each garment's drawing: another for every word, and everything where tailors put it."""

import itertools
import threading

import numpy as np
import pytest

from mirage_lsd.shared.vocabulary import UPPERS
from mirage_lsd.worker.models.conditions import parse_conditions
from mirage_lsd.worker.paint.dye import dyes_for
from mirage_lsd.worker.paint.garments import sheets, worn
from mirage_lsd.worker.paint.garments.canvas import TEXEL_M, X_M, Z_M, Canvas, filled, soft_lines
from mirage_lsd.worker.paint.garments.sheets import DRAWINGS, EVEN, LEVELS, level_of, sheet

MIDDLING = 0.4


def at(planes: np.ndarray, x_m: float, z_m: float, texel_m: float = TEXEL_M) -> np.ndarray:
    return planes[int((Z_M[1] - z_m) / texel_m), int((x_m - X_M[0]) / texel_m)]


def part(planes: np.ndarray, x_m: tuple, z_m: tuple) -> np.ndarray:
    left, right = (int((x - X_M[0]) / TEXEL_M) for x in x_m)
    bottom, top = (int((Z_M[1] - z) / TEXEL_M) for z in z_m)
    return planes[top:bottom, left:right]


def test_every_garment_word_has_a_drawing():
    assert set(DRAWINGS) == set(UPPERS) - {"keep"}


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(DRAWINGS, 2)))
def test_no_two_garments_look_alike(one, other):
    drawn = [part(sheet(word, MIDDLING, TEXEL_M).plain, (-0.12, 0.12), (0.0, 0.5)).astype(int) for word in (one, other)]
    for plane, much in ((0, 3), (1, 15)):
        assert (np.abs(drawn[0] - drawn[1])[..., plane] > much).mean() > 0.05


@pytest.mark.parametrize("word", DRAWINGS)
def test_an_edge_changes_nothing_beyond_it(word):
    one = sheet(word, MIDDLING, TEXEL_M)
    for edge in (one.plain[0], one.plain[-1], one.plain[:, 0], one.plain[:, -1]):
        assert (edge == (EVEN, EVEN, 255, 0)).all()
    assert not one.decal[0].any() and not one.decal[:, -1].any()


def test_shirts_are_buttoned_in_the_middle():
    buttons = sheet("shirt", MIDDLING, TEXEL_M).decal[..., 3]
    columns = X_M[0] + TEXEL_M * (np.flatnonzero(buttons.any(0)) + 0.5)
    assert len(columns) and np.abs(columns).max() < 0.009 and abs(columns.mean()) < 0.001
    assert at(buttons, 0.0, 0.435) > 200 and not at(buttons, 0.05, 0.435)


def test_a_suit_shows_a_tie_on_a_white_shirt_and_a_pocket_square_on_the_left():
    one = sheet("suit", MIDDLING, TEXEL_M)
    tie, white = at(one.decal, 0.004, 0.44).astype(int), at(one.decal, 0.027, 0.40)
    assert white.min() > 200 and tie[3] > 200 and tie[2] > tie[1] + 60
    assert at(one.plain, 0.027, 0.40)[2] < 30 and at(one.plain, 0.10, 0.30)[2] > 250
    assert part(one.decal, (0.06, 0.13), (0.35, 0.40)).any() and not part(one.decal, (-0.13, -0.06), (0.35, 0.40)).any()


def test_hoodies_have_two_strings_and_a_pocket():
    shade = sheet("hoodie", MIDDLING, TEXEL_M).plain[..., 0].astype(int)
    row = part(shade, (-0.06, 0.06), (0.40, 0.402))[0] - EVEN
    there = np.flatnonzero(row > 12) * TEXEL_M - 0.06
    assert (there < -0.03).any() and (there > 0.03).any() and not (np.abs(there) < 0.03).any()
    assert part(shade, (-0.1, 0.1), (0.03, 0.06)).min() < EVEN - 10


def test_necks_stay_bare_above_t_shirts_and_dresses_and_jackets_open_over_something_white():
    for word in ("t-shirt", "dress"):
        one = sheet(word, MIDDLING, TEXEL_M)
        assert at(one.plain, 0.0, 0.50)[2] < 10 and not at(one.decal, 0.0, 0.50).any()
        assert at(one.plain, 0.0, 0.38)[2] > 250
    assert at(sheet("jacket", MIDDLING, TEXEL_M).decal, 0.0, 0.3).min() > 200


def test_light_and_dark_cloth_are_drawn_so_that_it_shows():
    light, dark = (sheet("hoodie", luma, TEXEL_M).plain[..., 0].astype(int) for luma in (0.9, 0.05))
    assert part(light, (-0.05, 0.05), (0.36, 0.42)).min() < EVEN - 10
    assert part(dark, (-0.05, 0.05), (0.36, 0.42)).max() > EVEN + 10


def test_far_away_the_drawing_is_smaller_and_fainter_not_coarser():
    levels = [level_of(size_m) for size_m in (0.0005, 0.0015, 0.003, 0.006, 0.5)]
    assert levels == sorted(levels) and levels[0] == 0 and levels[-1] == LEVELS - 1
    near, far = (sheet("shirt", MIDDLING, size_m) for size_m in (0.0015, 0.012))
    assert far.texel_m > 5 * near.texel_m and far.plain.shape[0] < near.plain.shape[0] / 5
    assert far.plain[2:-2, 2:-2, 0].std() < near.plain[..., 0].std()


def test_folds_are_strong_enough_to_see_and_darken_nothing_on_the_whole():
    for word in DRAWINGS:
        folds = part(sheet(word, MIDDLING, TEXEL_M).plain, (-0.13, 0.13), (0.1, 0.48))[..., 1].astype(float) - EVEN
        assert 8 < folds.std() < 36 and abs(folds.mean()) < 6


def test_a_look_is_drawn_once_and_by_no_thread_that_has_frames_to_show(monkeypatch):
    drawing, threads, began, go = DRAWINGS["hoodie"], [], threading.Event(), threading.Event()

    def drawn(canvas):
        threads.append(threading.current_thread().name)
        began.set()
        assert go.wait(10)
        drawing(canvas)

    monkeypatch.setitem(DRAWINGS, "hoodie", drawn)
    for kept in (sheets._drawn, sheets._reduced):
        kept.cache_clear()
    worn.prepare(dyes_for(parse_conditions("green hoodie")))  # returns although nothing is drawn yet
    assert began.wait(10)
    go.set()
    dyes = dyes_for(parse_conditions("green hoodie"))
    assert sheet("hoodie", worn._luma(dyes), TEXEL_M).plain.any() and sheet("hoodie", worn._luma(dyes), 0.004)
    assert threads == ["mirage-lsd-drawing_0"]
    worn.prepare(dyes_for(parse_conditions("blond hair")))


def test_what_is_drawn_in_windows_is_as_on_the_whole_sheet():
    canvas = Canvas(MIDDLING)
    panel = canvas.panel([(0.05, 0.395), (0.36, 0.395), (0.30, -0.15)], 1.0)
    assert np.array_equal(panel, filled([(0.05, 0.395), (0.36, 0.395), (0.30, -0.15)]))
    line = [(-0.36, 0.1), (0.1, 0.62)]
    assert np.abs(canvas.line(line, 0.006) - soft_lines([line], 0.006)).max() < 1e-6

# SPDX-License-Identifier: Apache-2.0
"""The masks drawn by hand are whole, and the figures that are counted in them are right on drawn shapes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_masks import ARM, BACKGROUND, CLASSES, FOLDER, GARMENT, HAIR, HAND, SIZE_PX, SKIN, STRAP, drawn_frames
from mask_figures import edge_px, figures, summary

FILMS = Path(os.environ.get("MIRAGE_LSD_PEOPLE") or Path(__file__).resolve().parents[3] / "shared/people")
BENCH = Path(__file__).resolve().parents[1] / "bench/people"


@pytest.mark.parametrize("drawn", drawn_frames(), ids=lambda drawn: Path(drawn.mask).stem)
def test_a_mask_is_whole(drawn) -> None:
    labels = drawn.labels()
    assert labels.dtype == np.uint8 and labels.shape[::-1] == SIZE_PX
    assert labels.max() < len(CLASSES)
    assert {HAND, HAIR, GARMENT, SKIN} <= set(np.unique(labels))
    assert (FOLDER / drawn.mask).stat().st_size < 10_000
    assert drawn.mask == f"{Path(drawn.film).stem}-{drawn.frame:03d}.png"
    assert len(bytes.fromhex(drawn.bgr_sha256)) == 32


def test_the_index_names_every_mask_and_two_frames_of_each_film() -> None:
    frames = drawn_frames()
    assert sorted(each.mask for each in frames) == sorted(path.name for path in FOLDER.glob("*.png"))
    films = [each.film for each in frames]
    assert len(frames) == 24 and {films.count(film) for film in films} == {2}
    index = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
    assert tuple(index["classes"]) == CLASSES and tuple(index["size_px"]) == SIZE_PX


def test_straps_are_drawn_nearly_everywhere() -> None:
    assert sum((each.labels() == STRAP).any() for each in drawn_frames()) == 24


@pytest.mark.skipif(not FILMS.exists(), reason="MIRAGE_LSD_PEOPLE names no folder with films of people")
def test_the_frames_are_those_that_were_drawn_on() -> None:
    for drawn in drawn_frames():
        video = cv2.VideoCapture(str(FILMS / drawn.film))
        for _ in range(drawn.frame):
            video.grab()
        assert drawn.is_of(video.read()[1]), drawn.mask


def person() -> np.ndarray:
    """Labels of a drawn person: a head with hair, a garment with a strap, a hand of two fingers on it, a bare arm."""
    labels = np.full((240, 320), BACKGROUND, np.uint8)
    labels[20:80, 130:190], labels[20:35, 130:190] = SKIN, HAIR
    labels[80:220, 100:220] = GARMENT
    labels[90:200, 110:118] = STRAP
    labels[140:180, 150:180], labels[100:140, 150:158], labels[100:140, 172:180] = HAND, HAND, HAND
    labels[120:200, 220:240] = ARM
    return labels


def picture() -> np.ndarray:
    return np.full((240, 320, 3), 90, np.uint8)


def painted(*classes: int) -> dict[str, float | None]:
    """The figures of a T-shirt look that changed these classes and nothing else."""
    made = picture()
    made[np.isin(person(), classes)] = 160
    return figures(picture(), made, person(), "white t-shirt")


def test_a_perfect_look_keeps_every_limit() -> None:
    found = painted(GARMENT)
    assert {found[key] for key in ("hand", "face", "hair", "strap", "arm_wrong", "beside", "away")} == {0}
    assert (found["garment"], found["between"]) == (1, 1)
    assert all(figure["kept"] is not False for key, figure in summary([{"figures": found}]).items() if key != "edge_px")


@pytest.mark.parametrize(("key", "painted_class"), [("hand", HAND), ("hair", HAIR), ("strap", STRAP), ("face", SKIN),
                                                    ("neck", SKIN), ("arm_wrong", ARM), ("beside", BACKGROUND)])
def test_what_is_painted_is_counted_there_and_only_there(key: str, painted_class: int) -> None:
    found, clean = painted(GARMENT, painted_class), painted(GARMENT)
    assert (found[key], clean[key]) == (1, 0)
    others = set(found) - {key, "arm", "away", "edge_px", "hand_edge", "face", "neck"}
    assert {one: found[one] for one in others} == {one: clean[one] for one in others}


def test_bare_arms_are_wrong_under_long_sleeves() -> None:
    made = picture()
    made[person() == GARMENT] = 160
    assert figures(picture(), made, person(), "green hoodie")["arm_wrong"] == 1


def test_half_a_garment_is_half_a_garment() -> None:
    made = picture()
    made[150:220, 100:220] = 160
    garment_alone = np.where(person() == GARMENT, person(), BACKGROUND)
    assert figures(picture(), made, garment_alone, "")["garment"] == pytest.approx(0.5, abs=0.05)


def test_changes_of_twelve_levels_do_not_count() -> None:
    assert figures(picture(), picture() + 12, person(), "")["garment"] == 0
    assert figures(picture(), picture() + 13, person(), "")["garment"] == 1


def test_a_softer_outline_is_a_wider_one() -> None:
    area = person() == GARMENT
    source = np.where(area[..., None], np.uint8(30), np.uint8(200)) * np.ones(3, np.uint8)
    source = cv2.GaussianBlur(source, (0, 0), 0.8)
    assert edge_px(source, source, area) == 1
    assert edge_px(source, cv2.GaussianBlur(source, (0, 0), 2.0), area) > 1.8


def test_a_figure_without_pixels_is_not_kept() -> None:
    found = summary([{"figures": {"hand": None}}, {"figures": {"hand": None}}])
    assert found["hand"] == {"n": 0, "value": None, "worst": None, "limit": 0.02, "kept": False}


def test_it_says_why_it_is_skipped_where_the_films_are_absent(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, BENCH / "by_hand.py", tmp_path, tmp_path / "none", tmp_path / "out"],
                         capture_output=True, text=True)
    assert ran.returncode == 3 and "skipped: not in" in ran.stderr and not (tmp_path / "out").exists()

# SPDX-License-Identifier: Apache-2.0
"""A transparent look in files: numbered pictures keep it, all others show black behind the person, and say so."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mirage_lsd.worker.programs.films.make_film import make_film
from mirage_lsd.worker.programs.films.series import SeriesReader, SeriesWriter
from mirage_lsd.worker.programs.films.stop_signals import StopSignals
from mirage_lsd.worker.programs.pictures import over

LEVEL = 200


def cut(picture: np.ndarray) -> np.ndarray:
    """The left half alone, its border half transparent."""
    made, middle = picture.copy(), picture.shape[1] // 2
    made[:, middle:, 3] = 0
    made[:, middle, 3] = 128
    return made


def series(tmp_path: Path, suffix: str, restyle=cut) -> SeriesWriter:
    cv2.imwrite(str(tmp_path / "in-1.png"), np.full((24, 32, 3), LEVEL, np.uint8))
    source, target = tmp_path / "in-%d.png", tmp_path / f"out-%d{suffix}"
    with SeriesReader(source) as film:
        writer = SeriesWriter(target, source, overwrite=False)
        make_film(film, writer, restyle, 0, StopSignals())
    return writer


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_numbered_pictures_keep_it(suffix: str, tmp_path: Path) -> None:
    assert series(tmp_path, suffix).remarks == []
    made = cv2.imread(str(tmp_path / f"out-1{suffix}"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(made, cut(np.full((24, 32, 4), (LEVEL, LEVEL, LEVEL, 255), np.uint8)))


def test_an_opaque_picture_has_no_fourth_channel(tmp_path: Path) -> None:
    series(tmp_path, ".png", restyle=lambda picture: picture)
    assert cv2.imread(str(tmp_path / "out-1.png"), cv2.IMREAD_UNCHANGED).shape == (24, 32, 3)


def test_pictures_that_take_none_are_black_there_and_it_is_said(tmp_path: Path) -> None:
    remarks = series(tmp_path, ".bmp").remarks
    assert len(remarks) == 1 and "transparency, which .bmp does not take" in remarks[0] and ".png does" in remarks[0]
    made = cv2.imread(str(tmp_path / "out-1.bmp"), cv2.IMREAD_UNCHANGED)
    assert (made[:, :16] == LEVEL).all() and (made[:, 17:] == 0).all() and abs(int(made[0, 16, 0]) - 100) <= 1


def test_a_film_is_black_there_and_it_is_said(tmp_path: Path) -> None:
    pytest.importorskip("av")
    from film_runs import make
    from marked_films import frames_of, write_film

    source, made = write_film(tmp_path / "source.mp4", [n / 30 for n in range(4)]), tmp_path / "made.mkv"
    remarks = make(source, made, restyle=cut).remarks
    assert len(remarks) == 1 and "which a film does not take" in remarks[0]
    before, after = frames_of(source)[0], frames_of(made)[0]
    middle = before.shape[1] // 2
    assert after[:, middle + 8 :].max() <= 30
    assert np.abs(after[:, : middle - 8].astype(int) - before[:, : middle - 8]).mean() < 5


def test_over_another_picture_what_is_below_shines_through() -> None:
    picture = cut(np.full((4, 8, 4), (10, 20, 30, 255), np.uint8))
    seen = over(picture, np.full((4, 8, 3), (110, 120, 130), np.uint8))
    assert (seen[..., 3] == 255).all()
    assert np.abs(seen[0, [0, 4, 6], 0].astype(int) - (10, 60, 110)).max() <= 1
    assert over(seen) is seen

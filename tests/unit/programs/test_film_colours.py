# SPDX-License-Identifier: Apache-2.0
"""Colours of films: tags, range and bits are carried over, and what a look leaves alone keeps its samples."""

from __future__ import annotations

from pathlib import Path

import pytest

av = pytest.importorskip("av")

import numpy as np
from film_runs import inverted, made_from, stream_of
from marked_films import SIZE_PX, frames_of, write_film

from mirage_lsd.worker.programs.cli import main
from mirage_lsd.worker.programs.films.colours import Colours
from mirage_lsd.worker.programs.films.planes import planes_of
from mirage_lsd.worker.programs.films.reader import FilmReader

SECOND = tuple(n / 30 for n in range(30))

COLOURS = {"HD": ("yuv420p", {"colorspace": 1, "color_range": 1, "color_trc": 1, "color_primaries": 1}),
           "full range": ("yuv420p", {"colorspace": 5, "color_range": 2}),
           "ten bits": ("yuv420p10le", {"colorspace": 1, "color_range": 1, "color_trc": 1, "color_primaries": 1}),
           "untagged": ("yuv420p", {}), "fine chroma": ("yuv444p", {})}  # fmt: skip


@pytest.mark.parametrize("kind", COLOURS)
@pytest.mark.parametrize("look", [lambda picture: picture, inverted])
def test_colour_tags_range_and_bits_are_carried_over(kind: str, look, tmp_path: Path) -> None:
    pix_fmt, tags = COLOURS[kind]
    source = write_film(tmp_path / "source.mp4", SECOND[:4], sound=None, pix_fmt=pix_fmt, **tags)
    made = made_from(source, tmp_path / "made.mp4", restyle=look)
    assert tags_of(made) == tags_of(source)


def tags_of(path: Path) -> tuple:
    context = stream_of(path).codec_context
    tags = context.colorspace, context.color_range, context.color_trc, context.color_primaries
    return context.format.name.replace("yuvj", "yuv"), *tags


@pytest.mark.parametrize("kind", COLOURS)
def test_what_a_look_leaves_alone_keeps_its_samples_and_the_rest_its_colour(kind: str, tmp_path: Path) -> None:
    pix_fmt, tags = COLOURS[kind]
    source = write_film(tmp_path / "source.mp4", SECOND[:1], sound=None, pix_fmt=pix_fmt, **tags)
    with FilmReader(source) as film:
        colours = Colours(film.first, "libx264")
        working = colours.working(film.first)
        picture = colours.bgra(working)
        made = colours.painted(working, picture, inverted(picture))
        middle = SIZE_PX[0] // 2
        for before, after in zip(planes_of(working), planes_of(made), strict=True):
            half = middle * before.shape[1] // SIZE_PX[0]
            assert np.array_equal(before[:, half:], after[:, half:])
            assert not np.array_equal(before[:, :half], after[:, :half])
        error = (colours.bgra(made).astype(int) - inverted(picture))[:, : middle - 4, :3]
    assert np.abs(error.mean((0, 1))).max() < 1


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_without_a_look_nothing_is_lost_but_to_the_encoder(pix_fmt: str, tmp_path: Path) -> None:
    source = write_film(tmp_path / "source.mp4", sound=None, pix_fmt=pix_fmt)
    made = tmp_path / "made.mp4"
    assert main(["run", str(source), str(made), "--strength", "0", "--prompt", "red jacket"]) == 0
    for kind in ("bgr24", pix_fmt):
        before, after = frames_of(source, kind), frames_of(made, kind)
        peak = 1023 if "10" in kind else 255
        assert 10 * np.log10(peak**2 / ((after - before) ** 2).mean()) >= 45
    shift = (frames_of(made) - frames_of(source)).mean((0, 1, 2))
    assert np.abs(shift).max() < 0.25
    assert made.stat().st_size <= 3 * source.stat().st_size


def test_quality_is_the_users_choice(tmp_path: Path, capsys) -> None:
    source = write_film(tmp_path / "source.mp4", SECOND, sound=None)
    for suffix in (".mp4", ".webm"):
        sizes = [made_from(source, tmp_path / f"{quality}{suffix}", quality=quality).stat().st_size
                 for quality in (20, 60, 95)]  # fmt: skip
        assert sizes == sorted(set(sizes))
    with pytest.raises(SystemExit):
        main(["run", str(source), str(tmp_path / "made.mp4"), "--quality", "101"])

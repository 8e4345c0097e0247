# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd run`: what a film says is carried over; nothing is lost, by accident or without a word."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

av = pytest.importorskip("av")

import numpy as np
from film_runs import made_from, make, stream_of
from marked_films import SIZE_PX, beeps_s, frames_of, marks_s, write_film

from mirage_lsd.worker.programs.cli import main
from mirage_lsd.worker.programs.films import FilmError

FRAME_S = 1 / 30
SECOND = tuple(n / 30 for n in range(30))
VARIABLE = tuple(n / 30 for n in range(120) if n < 60 or n % 3 == 0)
LATE = tuple(1 + n / 30 for n in range(75))
ODD_RATE = Fraction(200, 3)


TIMES = {"steady": {}, "variable rate": {"times_s": VARIABLE}, "late pictures": {"times_s": LATE},
         "late sound": {"sound_from_s": 0.5}, "66.667 a second": {"times_s": [n / float(ODD_RATE) for n in range(140)],
                                                                  "rate": ODD_RATE}}  # fmt: skip


@pytest.mark.parametrize("ends", [(".mkv", ".mp4"), (".mp4", ".mkv"), (".mp4", ".webm"), (".mov", ".mp4")])
@pytest.mark.parametrize("kind", TIMES)
def test_marks_and_beeps_stay_together(kind: str, ends: tuple[str, str], tmp_path: Path) -> None:
    sound = "pcm_s16le" if ends[0] == ".mov" else "aac"
    source = write_film(tmp_path / f"source{ends[0]}", sound=sound, **TIMES[kind])
    made = made_from(source, tmp_path / f"made{ends[1]}")
    assert len(frames_of(made)) == len(frames_of(source))
    for before, after in ((marks_s(source), marks_s(made)), (beeps_s(source), beeps_s(made))):
        assert len(before) >= 2 and after == pytest.approx(before, abs=FRAME_S)
    beeps = np.array(beeps_s(made))
    assert max(min(abs(beeps - mark)) for mark in marks_s(made)[1:]) <= FRAME_S  # sound may begin after the first


def test_a_stretch_of_a_film_keeps_that_stretch_of_its_sound(tmp_path: Path) -> None:
    made = made_from(write_film(tmp_path / "source.mp4"), tmp_path / "made.mp4", frames=40)
    assert len(frames_of(made)) == 40
    sound = stream_of(made, "audio")
    assert float(sound.duration * sound.time_base) == pytest.approx(40 / 30, abs=0.06)  # a packet more at most


@pytest.mark.parametrize(("suffix", "codec"), [(".mov", "pcm_s16le"), (".mkv", "flac"), (".mkv", "pcm_s16le")])
def test_sound_that_mp4_does_not_take_is_encoded(suffix: str, codec: str, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    assert make(write_film(tmp_path / f"source{suffix}", sound=codec), made).sound == "with its sound, encoded as AAC"
    assert stream_of(made, "audio").codec_context.name == "aac"
    assert beeps_s(made) == pytest.approx([0, 1, 2], abs=FRAME_S)


def test_what_is_left_out_is_said_and_what_fits_is_kept(tmp_path: Path) -> None:
    source, kept = write_film(tmp_path / "source.mkv", SECOND, sound="flac", subtitles=True), tmp_path / "made.mkv"
    assert make(source, tmp_path / "made.mp4").remarks == ["left out: subtitles (srt), which .mp4 does not take"]
    assert make(source, kept).remarks == []
    assert stream_of(kept, "audio").codec_context.name == "flac"
    assert stream_of(kept, "subtitle").codec_context.name == "srt"


def test_pixels_that_are_not_square_stay_so(tmp_path: Path) -> None:
    source = write_film(tmp_path / "source.mp4", SECOND, sample_aspect_ratio=Fraction(2))
    for suffix in (".mp4", ".mkv", ".mov"):
        with av.open(str(made_from(source, tmp_path / f"made{suffix}"))) as film:
            assert film.streams.video[0].sample_aspect_ratio == 2
    wide = stream_of(made_from(source, tmp_path / "made.webm")).codec_context  # VP9 knows square pixels only
    assert (wide.width, wide.height) == (2 * SIZE_PX[0], SIZE_PX[1])


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_film_is_made_upright(rotation: int, tmp_path: Path) -> None:
    upright = frames_of(write_film(tmp_path / "upright.mp4", SECOND[:2], sound=None))
    source = write_film(tmp_path / "source.mp4", SECOND[:2], sound=None, rotation=rotation)
    made = made_from(source, tmp_path / "made.mp4")
    assert stream_of(made).codec_context.width == (SIZE_PX[0] if rotation == 180 else SIZE_PX[1])
    turned = np.rot90(upright, rotation // 90, (1, 2))
    assert np.abs(frames_of(made) - turned).mean() < 2


def refused(capsys, *arguments: str) -> str:
    assert main(["run", *map(str, arguments)]) == 2
    told = capsys.readouterr()
    lines = [line for line in told.err.splitlines() if line.startswith("mirage-lsd: ")]
    assert len(lines) == 1 and "Traceback" not in told.err
    return lines[0]


def test_the_source_is_never_written_to(tmp_path: Path, capsys) -> None:
    source = write_film(tmp_path / "source.mp4", SECOND[:2])
    (tmp_path / "link.mp4").symlink_to(source.name)
    (tmp_path / "hard.mp4").hardlink_to(source)
    before = source.read_bytes()
    for name in ("source.mp4", "link.mp4", "hard.mp4"):
        assert "itself" in refused(capsys, source, tmp_path / name, "--overwrite")
    assert "itself" in refused(capsys, tmp_path / "link.mp4", source, "--overwrite")
    assert source.read_bytes() == before and len(list(tmp_path.iterdir())) == 3


def test_another_file_is_replaced_only_if_told(tmp_path: Path, capsys) -> None:
    source, there = write_film(tmp_path / "source.mp4", SECOND[:2]), tmp_path / "there.mp4"
    there.write_text("precious")
    (tmp_path / "link.mp4").symlink_to(there.name)
    assert "--overwrite" in refused(capsys, source, there)
    assert there.read_text() == "precious"
    make(source, tmp_path / "link.mp4", overwrite=True)
    assert (tmp_path / "link.mp4").is_symlink() and len(frames_of(there)) == 2


@pytest.mark.parametrize(("name", "words"), [("none/made.mp4", "No such file"), ("made.avi", "end its name in"),
                                             ("folder.mp4", "it is a folder"), ("made.mp4/x.mp4", "Not a directory")])
def test_an_output_that_cannot_be_is_refused_with_the_reason(name: str, words: str, tmp_path: Path, capsys) -> None:
    source = write_film(tmp_path / "source.mp4", SECOND[:2])
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "made.mp4").touch()
    assert words in refused(capsys, source, tmp_path / name)


def test_hdr_is_refused_by_its_name(tmp_path: Path, capsys) -> None:
    source = write_film(tmp_path / "source.mp4", SECOND[:2], pix_fmt="yuv420p10le", colorspace=9, color_trc=16,
                        color_primaries=9)  # fmt: skip
    assert "HDR (PQ)" in refused(capsys, source, tmp_path / "made.mp4")


def test_a_damaged_film_is_made_as_far_as_it_goes_and_said_so(tmp_path: Path) -> None:
    source = write_film(tmp_path / "source.mkv", sound=None)
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    assert 5 < len(frames_of(made_from(source, tmp_path / "made.mp4"))) < 70


def test_a_film_of_sound_alone_is_refused(tmp_path: Path, capsys) -> None:
    source = write_film(tmp_path / "source.mkv", SECOND[:3])
    with av.open(str(source)) as film, av.open(str(tmp_path / "sound.m4a"), "w") as sound:
        track = sound.add_stream_from_template(film.streams.audio[0])
        for packet in film.demux(film.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = track
                sound.mux(packet)
    assert "there is no video in it" in refused(capsys, tmp_path / "sound.m4a", tmp_path / "made.mp4")


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX's")
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    import resource

    source, folder = write_film(tmp_path / "source.mp4"), tmp_path / "out"
    folder.mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))  # fails as a full disk does, on any disk
    try:
        with pytest.raises(FilmError, match=r"the disk is full. It needs about \d+.\d MB, \d+.\d MB were free"):
            make(source, folder / "made.mp4", quality=95)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    source, folder = write_film(tmp_path / "source.mp4"), tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "none", str(folder)]).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        command = [str(Path(sys.executable).with_name("mirage-lsd")), "run", str(source), str(folder / "made.mp4")]
        ran = subprocess.run([*command, "--quality", "95"], capture_output=True, text=True)
        lines = [line for line in ran.stderr.splitlines() if line.startswith("mirage-lsd: ")]
        assert ran.returncode == 2 and len(lines) == 1 and "Traceback" not in ran.stderr, ran.stderr
        assert "the disk is full. It needs about" in lines[0] and list(folder.iterdir()) == []
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_without_the_extra_one_line_says_how_and_numbered_pictures_work(tmp_path: Path, monkeypatch, capsys) -> None:
    source = write_film(tmp_path / "source.mp4", SECOND[:3])
    assert main(["run", str(source), str(tmp_path / "picture-%02d.png")]) == 0
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("av", "tqdm") else found(name))
    assert "install.sh install --extras film" in refused(capsys, source, tmp_path / "made.mp4")
    assert main(["run", str(tmp_path / "picture-%02d.png"), str(tmp_path / "made-%02d.png")]) == 0
    assert len(list(tmp_path.glob("made-*.png"))) == 3
    assert "exists" in refused(capsys, tmp_path / "picture-%02d.png", tmp_path / "made-%02d.png")

# SPDX-License-Identifier: Apache-2.0
"""The command line: each command does its work for real on something small, and refuses nonsense in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_pictures import moving_pictures

from mirage_lsd.worker.bench.footage import footage
from mirage_lsd.worker.presets import presets
from mirage_lsd.worker.presets.presets import load_library
from mirage_lsd.worker.programs import cli, thumbnails
from mirage_lsd.worker.programs.cli import main
from mirage_lsd.worker.stage_order import TINY_STAGES, v1_stages

COMMAND = str(Path(sys.executable).with_name("mirage-lsd"))

FRAMES = 4


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30.0, (320, 180))
    for picture in moving_pictures((320, 180))[:FRAMES]:
        writer.write(np.ascontiguousarray(picture[..., :3]))
    writer.release()
    return path


def frames_of(path) -> list[np.ndarray]:
    reader = cv2.VideoCapture(str(path))
    frames = []
    while (read := reader.read())[0]:
        frames.append(read[1])
    return frames


def test_run_restyles_every_frame_of_a_file(clip, tmp_path):
    out = tmp_path / "out.mp4"
    assert main(["run", str(clip), str(out), "--prompt", "forest"]) == 0
    before, after = frames_of(clip), frames_of(out)
    assert len(after) == len(before) == FRAMES
    assert np.abs(after[-1].astype(int) - before[-1]).mean() > 10


def test_run_says_which_file_is_wrong(tmp_path, capsys):
    assert main(["run", str(tmp_path / "none.mp4"), str(tmp_path / "out.mp4")]) == 2
    assert "none.mp4 cannot be read: it does not exist" in capsys.readouterr().err
    (tmp_path / "text.mp4").write_text("no video")
    assert main(["run", str(tmp_path / "text.mp4"), str(tmp_path / "out.mp4")]) == 2
    assert "ffmpeg finds no video in it" in capsys.readouterr().err


def test_a_prompt_is_checked_before_any_work(clip, tmp_path, capsys):
    assert main(["run", str(clip), str(tmp_path / "out.mp4"), "--prompt", "purple zebra"]) == 2
    assert "zebra" in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()


def test_the_pipeline_benchmark_reports_every_stage(tmp_path):
    report = tmp_path / "report.json"
    assert main(["bench", "pipeline", "--frames", "12", "--size", "320x180", "--json", str(report)]) == 0
    figures = json.loads(report.read_text(encoding="utf-8"))
    assert {"fps", "p50_ms", "p95_ms", "p99_ms", "stages", "rss_mb_start", "rss_mb_end"} <= set(figures)
    stages = ["upload", *(stage.name for stage in TINY_STAGES), "download"]
    assert sorted(figures["stages"]) == sorted(stages)
    assert sum(figures["stages"][name]["p50_ms"] for name in stages) <= 1.5 * figures["p50_ms"]


def test_a_clip_that_is_none_cannot_be_played(tmp_path, capsys):
    (tmp_path / "no.mp4").write_bytes(b"no film")
    assert main(["bench", "pipeline", "--clip", str(tmp_path / "no.mp4")]) == 2
    assert "cannot be read as a film" in capsys.readouterr().err


def test_the_benchmark_plays_forth_and_back_and_fills_the_size(clip):
    played = footage(clip, (200, 100))
    assert {picture.shape for picture in played} == {(100, 200, 4)} and len(played) == 2 * FRAMES - 2
    assert np.array_equal(played[1], played[-1]) and not np.array_equal(played[0], played[1])


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The user's preset file, in a folder of the test."""
    monkeypatch.setenv(presets.CONFIG_VARIABLE, str(tmp_path))
    return presets.user_file()


@pytest.mark.parametrize("arguments", [["presets"], ["ctl", "list", "--offline"]])
def test_presets_are_listed_one_a_line_with_the_users_own(arguments, mine, capsys):
    mine.write_text('[mine]\nname = "Mine"\nscene = "forest"\n', encoding="utf-8")
    assert main(arguments) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [*load_library(), "mine"]
    mine.write_text("[mine]\n", encoding="utf-8")
    assert main(arguments) == 2
    assert f"{mine}: [mine]: name is missing" in capsys.readouterr().err


def test_ctl_without_a_running_obs_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MIRAGE_LSD_SESSION_ROOT", str(tmp_path))
    assert main(["ctl", "status"]) == 2
    assert "start OBS first" in capsys.readouterr().err


def test_the_users_presets_are_made_and_shown(mine, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(presets, "open_in_editor", opened.append)
    assert main(["presets", "edit"]) == 0
    assert opened == [mine]
    assert capsys.readouterr().out.strip() == str(mine)
    assert load_library(mine) == {}


def test_the_model_draws_the_thumbnails_and_old_ones_go(tmp_path, monkeypatch):
    pytest.importorskip("skimage")
    wanted = {each: load_library()[each] for each in ("as-i-am", "forest")}
    monkeypatch.setattr(thumbnails, "load_library", lambda: wanted)
    (tmp_path / "gone.jpg").write_bytes(b"old")
    assert main(["presets", "thumbnails", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["as-i-am.jpg", "forest.jpg"]
    pictures = [cv2.imread(str(tmp_path / f"{each}.jpg")) for each in wanted]
    assert np.abs(pictures[0].astype(int) - pictures[1]).mean() > 10


def test_the_whole_recipe_runs_from_nothing(tmp_path):
    pytest.importorskip("torch")
    run_dir = tmp_path / "run"
    assert main(["train", "--smoke", "--run-dir", str(run_dir)]) == 0
    assert (run_dir / "mirage-lsd-tiny.safetensors").stat().st_size > 1_000_000
    assert (run_dir / "base" / "stream-sheet.png").is_file()


def test_an_unfinished_data_set_is_refused(tmp_path, capsys):
    pytest.importorskip("torch")
    assert main(["train", "--run-dir", str(tmp_path / "run"), "--world", str(tmp_path)]) == 2
    assert "no file DONE" in capsys.readouterr().err


def test_ctrl_c_ends_any_command_in_one_line(monkeypatch, capsys):
    def interrupted(_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_version", interrupted)
    assert main(["version"]) == 130
    assert capsys.readouterr().err == "mirage-lsd: stopped\n"


NONSENSE = [["presets", "--nonsense"], ["ctl", "nonsense"], ["bench", "pipeline", "--size", "0x0"], []]


@pytest.mark.parametrize("arguments", NONSENSE)
def test_nonsense_is_refused(arguments):
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2


def test_run_with_v1(clip, tmp_path, capsys):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    large = ["--model", "mirage-lsd-v1", "--device", "cpu", "--steps", "1", "--frames", "2", "--working-size", "small"]
    command = ["run", str(clip), str(tmp_path / "out.mp4"), *large, "--prompt", "any words at all"]
    assert main([*command, "--checkpoint", "random:tiny-random"]) == 0
    assert "mirage-lsd-v1 (random weights) on cpu\n2 frames by the eager engine\n" in capsys.readouterr().out
    assert np.abs(frames_of(tmp_path / "out.mp4")[-1].astype(int) - frames_of(clip)[1]).mean() > 5
    assert main([*command, "--checkpoint", str(tmp_path / "none"), "--overwrite"]) == 2
    assert "none" in capsys.readouterr().err
    command[-1] = "forest"  # a word that tiny knows: it does the work
    assert main([*command, "--checkpoint", str(tmp_path / "none"), "--overwrite"]) == 0
    assert "mirage-lsd-v1 cannot be used, mirage-lsd-tiny runs instead" in capsys.readouterr().err


def test_float16_on_a_processor_is_warned_of(clip, tmp_path, capsys):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    command = ["run", str(clip), str(tmp_path / "out.mp4"), "--model", "mirage-lsd-v1", "--device", "cpu", "--frames",
               "1", "--steps", "1", "--diffusion-size", "64x64", "--prompt", "forest"]  # fmt: skip
    for precision, warned in (("float16", True), ("float32", False)):
        main([*command, "--checkpoint", "random:tiny-random", "--precision", precision, "--overwrite"])
        assert ("float16 on a processor is many times slower" in capsys.readouterr().err) is warned


def test_the_pipeline_benchmark_measures_v1(tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    report = tmp_path / "report.json"
    command = ["bench", "pipeline", "--model", "mirage-lsd-v1", "--random-weights", "--device", "cpu", "--steps", "1"]
    command += ["--frames", "2", "--size", "96x72", "--diffusion-size", "64x64", "--json", str(report)]
    assert main(command) == 0
    figures = json.loads(report.read_text(encoding="utf-8"))
    stages = ["upload", *(stage.name for stage in v1_stages(None)), "download"]
    assert sorted(figures["stages"]) == sorted(stages)
    assert (figures["engine"], figures["diffusion_size"], figures["vram_peak_mb"]) == ("eager", "64x64", None)
    assert figures["floor"]["gflop_by_graph"]["denoise"] > 0 and figures["floor"]["floor_ms"] > 0


@pytest.mark.parametrize("words", [["presets"], ["--help"]], ids=lambda words: words[0])
def test_a_reader_who_has_had_enough_is_no_error(words):
    """As in `mirage-lsd presets | head -1`."""
    read, write = os.pipe()
    process = subprocess.Popen([COMMAND, *words], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    os.close(read)
    assert "Traceback" not in process.communicate(timeout=60)[1]
    assert process.returncode in (0, 120, 141)  # 120: Python's own, where it is the last flush that fails

# SPDX-License-Identifier: Apache-2.0
"""Every command in the README exists and explains itself, and the demo does what the README says, for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
import uuid
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

MARKER = "MIRAGE_LSD_TEST_RUN"
KEYS = [
    "fps",
    "latency_ms_p50",
    "latency_ms_p95",
    "latency_ms_p99",
    "frames_processed",
    "frames_dropped",
    "obs_lagged_frames",
    "recording",
    "contact_sheet",
    "device",
    "model",
]
DEMO_SECONDS, LOOKS = 20, 4
VISIBLE = 3.0  # levels of 0..255, averaged over a third of the picture


def readme_commands(checkout: Path) -> list[list[str]]:
    """The lines of the README's shell blocks, and its inline `mirage-lsd ...`, as words."""
    text = (checkout / "README.md").read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    inline = re.findall(r"`(mirage-lsd [^`]+)`", text)
    return [line.split() for line in [*blocks.splitlines(), *inline] if line.strip()]


def test_readme_has_the_two_commands(checkout: Path) -> None:
    firsts = [command[0] for command in readme_commands(checkout)]
    assert "./installers/demo.sh" in firsts
    assert "./tests/run.sh" in firsts


def test_every_script_in_the_readme_is_executable(checkout: Path) -> None:
    scripts = {command[0] for command in readme_commands(checkout) if command[0].startswith("./")}
    assert scripts
    assert [script for script in scripts if not os.access(checkout / script, os.X_OK)] == []


def test_every_command_in_the_readme_explains_itself(checkout: Path) -> None:
    """--help of each, with the README's own words before it where they are a command's name."""
    for words in readme_commands(checkout):
        if words[0] == "./tests/run.sh":  # would start this very run again; that it runs is proven by running
            continue
        names = [word for word in words[1:] if word.islower() and not word.startswith("-")]
        program = str(checkout / ".venv/bin/mirage-lsd") if words[0] == "mirage-lsd" else words[0]
        ran = subprocess.run([program, *names, "--help"], cwd=checkout, capture_output=True, text=True)
        assert ran.returncode == 0, f"{words}: {ran.stderr}"
        assert "usage:" in ran.stdout, words


def test_links_and_paths_in_the_readme_exist(checkout: Path) -> None:
    text = (checkout / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    paths = re.findall(r"`((?:installers|shared|worker|obs_script|tests)/[\w./]*)`", text)
    assert [name for name in links + paths if not (checkout / name).exists()] == []


@pytest.fixture
def marked() -> dict[str, str]:
    """An environment by which everything that a command starts can be recognised."""
    return {**os.environ, "DISPLAY": "", MARKER: str(uuid.uuid4())}


def left_over(environment: dict[str, str]) -> list[str]:
    """Processes, other than zombies, that carry this environment's marker."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARKER) == environment[MARKER]:
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


@pytest.mark.demo
@pytest.mark.obs
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_does_what_the_readme_says(checkout: Path, marked: dict[str, str], tmp_path: Path) -> None:
    figures_file, out = tmp_path / "figures.json", tmp_path / "out"
    arguments = ["--seconds", str(DEMO_SECONDS), "--json", str(figures_file), "--out", str(out)]
    ran = subprocess.run(
        ["./installers/demo.sh", *arguments],
        cwd=checkout, env=marked, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert left_over(marked) == []

    figures = json.loads(figures_file.read_text())
    assert list(figures) == KEYS
    assert figures["frames_processed"] > DEMO_SECONDS
    assert 0 < figures["latency_ms_p50"] <= figures["latency_ms_p95"] <= figures["latency_ms_p99"]
    assert figures["device"] and figures["model"]
    assert str(figures["recording"]) in ran.stdout and str(figures["contact_sheet"]) in ran.stdout
    sheet = cv2.imread(figures["contact_sheet"])
    assert sheet is not None and sheet.shape[1] >= 640
    check_recording(Path(figures["recording"]))


def check_recording(recording: Path) -> None:
    """It lasts as long as asked, the video plays on its left, and each look shows on the clothes on its right."""
    video = cv2.VideoCapture(str(recording))
    rate, frames = video.get(cv2.CAP_PROP_FPS), []
    while (read := video.read())[0]:
        frames.append(read[1])
    video.release()
    assert len(frames) / rate > 0.8 * DEMO_SECONDS
    middle = frames[0].shape[1] // 2
    assert np.abs(frames[0][:, :middle].astype(int) - frames[15][:, :middle]).mean() > 0.2, "the video does not play"
    part = len(frames) // LOOKS
    shifts = [look_shift(frames[part * look + part // 3 : part * (look + 1)]) for look in range(LOOKS)]
    for number, shift in enumerate(shifts):
        assert np.abs(shift).max() > VISIBLE, f"look {number + 1} does not show: {shift}"
    for number, (before, after) in enumerate(pairwise(shifts), 2):
        assert np.abs(after - before).max() > VISIBLE, f"look {number} is look {number - 1}: {after}"


def look_shift(frames: list[np.ndarray]) -> np.ndarray:
    """How much the right half's lower part (clothes, seat) differs from the left's in colour: [3], levels of 0..255.

    Of the frame where it differs most: in the others a loaded machine may be showing the untouched video.
    """
    shifts = []
    for frame in frames:
        rows, middle = frame.shape[0], frame.shape[1] // 2
        lower = frame[rows * 2 // 3 :].astype(float)
        shifts.append(lower[:, middle:].mean((0, 1)) - lower[:, :middle].mean((0, 1)))
    return max(shifts, key=lambda shift: float(np.abs(shift).max()))


@pytest.mark.demo
@pytest.mark.obs
@pytest.mark.slow
def test_the_demo_ends_on_ctrl_c_and_leaves_nothing(checkout: Path, marked: dict[str, str], tmp_path: Path) -> None:
    demo = subprocess.Popen(
        ["./installers/demo.sh", "--out", str(tmp_path)],
        cwd=checkout, env=marked, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        for line in demo.stdout:
            if "OBS is up" in line:
                break
        time.sleep(1.0)
        demo.send_signal(signal.SIGINT)
        rest = demo.communicate(timeout=60)[0]
    finally:
        demo.kill()
    assert demo.returncode == 130, rest
    assert left_over(marked) == []


@pytest.mark.parametrize("arguments", [["--seconds", "1"], ["/no/such/file.mp4"], ["--camera", "/dev/no-camera"]])
def test_the_demo_refuses_a_wrong_command_line_at_once(checkout: Path, arguments: list[str]) -> None:
    ran = subprocess.run(["./installers/demo.sh", *arguments], cwd=checkout, capture_output=True, text=True)
    assert ran.returncode == 2
    assert "error:" in ran.stderr and "Traceback" not in ran.stderr


def test_shell_scripts_pass_shellcheck(checkout: Path) -> None:
    assert shutil.which("shellcheck"), "run the tests with ./tests/run.sh, which installs shellcheck"
    scripts = [*checkout.glob("installers/**/*.sh"), checkout / "tests/run.sh", checkout / ".ci/run"]
    ran = subprocess.run(["shellcheck", *map(str, scripts)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout

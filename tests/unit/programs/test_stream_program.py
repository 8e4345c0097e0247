# SPDX-License-Identifier: Apache-2.0
"""StreamEngine in programs as people write them, each run as a process of its own: the examples of README and of
help(mirage_lsd), with no wait() at their end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_pictures import moving_pictures
from obs_display import Display

import mirage_lsd

FRAMES = 3


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30.0, (128, 96))
    for picture in moving_pictures((128, 96))[:FRAMES]:
        writer.write(np.ascontiguousarray(picture[..., :3]))
    writer.release()
    return path


def examples(checkout: Path) -> dict[str, str]:
    """The programs that the documentation shows."""
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"    import mirage_lsd\n.*?# camera 0[^\n]*", mirage_lsd.__doc__, re.DOTALL)[0]
    return {"README": re.search(r"```python\n(import mirage_lsd.*?)```", readme, re.DOTALL)[1],
            "help": "\n".join(line.removeprefix("    ") for line in shown.splitlines())}  # fmt: skip


def run(program: str, display: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DISPLAY": display}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=120)


def with_input(program: str, source: object, on_frame: str | None = None) -> str:
    """The example with another source, and perhaps with another way for its pictures."""
    changed = program.replace("input_source=0", f"input_source={source!r}")
    assert changed != program or source == 0
    return changed.replace("on_frame=engine.render", f"on_frame={on_frame}") if on_frame else changed


@pytest.mark.parametrize("name", ["README", "help"])
def test_an_example_runs_until_its_film_ends(name: str, clip: Path, checkout: Path) -> None:
    ran = run(with_input(examples(checkout)[name], str(clip), "lambda picture: print(picture.shape)"))
    assert ran.returncode == 0 and ran.stdout.splitlines() == ["(720, 1280, 3)"] * FRAMES, ran.stderr


@pytest.mark.parametrize("name", ["README", "help"])
def test_an_example_shows_its_film_in_a_window(name: str, clip: Path, checkout: Path) -> None:
    pytest.importorskip("tkinter")
    display = Display(virtual=True)
    try:
        ran = run(with_input(examples(checkout)[name], str(clip)), display.environment["DISPLAY"])
    finally:
        display.close()
    assert ran.returncode == 0 and "Traceback" not in ran.stderr, ran.stderr


def test_closing_the_window_ends_the_program() -> None:
    pytest.importorskip("tkinter")
    display = Display(virtual=True)
    program = re.sub(r"lambda picture: .*\)$", "engine.render)", ENDLESS, flags=re.MULTILINE)
    started = {"stderr": subprocess.PIPE, "text": True, "env": {**os.environ, "DISPLAY": display.name}}
    try:
        with subprocess.Popen([sys.executable, "-c", program], **started) as ran:
            while not display.ask_to_close(None, "Mirage LSD"):
                assert ran.poll() is None
                time.sleep(0.1)
            told = ran.communicate(timeout=60)[1]
    finally:
        display.close()
    assert ran.returncode == 0 and "Traceback" not in told, told


@pytest.mark.parametrize("name", ["README", "help"])
def test_a_missing_camera_and_a_missing_screen_are_told(name: str, clip: Path, checkout: Path) -> None:
    ran = run(with_input(examples(checkout)[name], 987))
    assert ran.returncode == 1 and "camera 987 cannot be opened" in ran.stderr
    ran = run(with_input(examples(checkout)[name], str(clip)))
    assert ran.returncode == 1 and "no window can be shown" in ran.stderr


def test_an_on_frame_that_raises_is_told_with_its_traceback(clip: Path, checkout: Path) -> None:
    program = with_input(examples(checkout)["README"], str(clip), "fails")
    program = "def fails(picture):\n    raise KeyError('the program itself')\n" + program
    ran = run(program)
    assert ran.returncode == 1 and ran.stderr.count("KeyError: 'the program itself'") == 1
    assert "in fails" in ran.stderr


def test_what_somebody_has_fetched_is_not_told_again(clip: Path, checkout: Path) -> None:
    program = with_input(examples(checkout)["README"], str(clip), "lambda picture: 1 / 0")
    ran = run(f"{program}\ntry:\n    engine.wait()\nexcept ZeroDivisionError:\n    print('seen')")
    assert ran.returncode == 0 and ran.stdout == "seen\n" and "Traceback" not in ran.stderr


ENDLESS = """
import itertools, sys, numpy, mirage_lsd
engine = mirage_lsd.StreamEngine()
shown = itertools.count()
engine.start(itertools.repeat(numpy.zeros((64, 64, 3), numpy.uint8)),
             lambda picture: print("runs", flush=True) if next(shown) == 3 else None)
"""


def test_on_frame_ends_the_program_by_returning_false() -> None:
    ran = run(ENDLESS.replace(" else None", " else False"))
    assert ran.returncode == 0 and ran.stdout == "", ran.stderr


def test_ctrl_c_ends_a_program_that_waits_for_its_stream() -> None:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", ENDLESS], **pipes) as ran:
        assert ran.stdout.readline() == "runs\n"
        ran.send_signal(signal.SIGINT)
        told = ran.communicate(timeout=60)[1]
    assert ran.returncode == 130 and "Traceback" not in told, told


def test_a_program_that_fails_does_not_wait_for_its_stream() -> None:
    ran = run(f"{ENDLESS}\nraise ValueError('elsewhere')")
    assert ran.returncode == 1 and "ValueError: elsewhere" in ran.stderr


def test_start_raises_what_nobody_fetched() -> None:
    with mirage_lsd.StreamEngine() as engine:
        engine.start(["no picture"], print)
        while not engine._running.done():
            pass
        with pytest.raises(mirage_lsd.MirageError, match="got str"):
            engine.start([], print)

# SPDX-License-Identifier: Apache-2.0
"""The SDK: pictures from a file, a list or a function to a callback, with settings changed live and errors told."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest
from drawn_pictures import moving_pictures

import mirage_lsd
from mirage_lsd.worker.programs import pictures as sources

COUNT = 3


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return [np.ascontiguousarray(picture[..., :3]) for picture in moving_pictures((128, 96))[:COUNT]]


@pytest.fixture(scope="module")
def clip(frames, tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30.0, (128, 96))
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


@pytest.fixture(scope="module")
def engine():
    with mirage_lsd.StreamEngine(prompt="forest") as made:
        yield made


def run(engine, source) -> list[np.ndarray]:
    shown: list[np.ndarray] = []
    engine.start(source, shown.append)
    assert engine.wait(120)
    return shown


def test_a_video_file_comes_out_restyled(engine, clip):
    engine.update(prompt="forest", preset="")
    shown = run(engine, clip)
    before = list(sources.FilePictures(clip))
    assert len(shown) == len(before) == engine.frames == COUNT
    assert shown[0].shape == (96, 128, 3) and shown[0].dtype == np.uint8
    assert np.abs(shown[-1].astype(int) - before[-1][..., :3]).mean() > 10
    assert engine.status == "mirage-lsd-tiny on cpu"


def test_a_function_and_a_list_are_sources_too(engine, frames):
    engine.update(prompt="forest", preset="")
    left = list(frames)
    from_function = run(engine, lambda: left.pop(0) if left else None)
    from_list = run(engine, frames)
    assert len(from_function) == len(from_list) == COUNT


def test_grey_pictures_are_taken_with_or_without_an_axis_for_it(engine, frames):
    engine.update(prompt="", preset="")
    grey = frames[0][..., 1]
    for picture in (grey, grey[..., None]):
        assert np.array_equal(run(engine, [picture])[0], np.repeat(grey[..., None], 3, 2))


def test_the_look_changes_live(engine, frames):
    engine.update(prompt="", preset="")
    shown: list[np.ndarray] = []

    def on_frame(picture):
        shown.append(picture)
        engine.prompt = "beach" if len(shown) == 1 else ""

    engine.start([frames[0]] * 3, on_frame)
    engine.wait(120)
    changed = [np.abs(picture.astype(int) - frames[0]).mean() > 10 for picture in shown]
    assert changed == [False, True, False]


def test_a_setting_that_cannot_be_changes_nothing(engine):
    engine.update(prompt="forest", preset="", strength=1.0)
    for wrong, words in (({"prompt": "purple zebra"}, "zebra"), ({"preset": "nope"}, "no preset is called"),
                         ({"strength": 2.0}, "strength"), ({"colour": 1}, "'colour' is not a setting")):  # fmt: skip
        with pytest.raises(mirage_lsd.MirageError, match=words):
            engine.update(**wrong)
    assert (engine.prompt, engine.settings.strength) == ("forest", 1.0)


def test_on_frame_can_end_the_stream_and_stop_can(engine, frames):
    engine.update(prompt="", preset="")
    assert len(run_until(engine, frames, lambda shown: False)) == 1
    assert len(run_until(engine, frames, lambda shown: engine.stop())) == 1
    started = threading.Event()
    engine.start(itertools.repeat(frames[0]), lambda picture: started.set())
    assert started.wait(60)
    engine.stop()
    assert engine.wait(1)


def run_until(engine, frames, answer) -> list:
    shown: list = []

    def on_frame(picture):
        shown.append(picture)
        return answer(shown)

    engine.start(frames, on_frame)
    engine.wait(120)
    return shown


def test_what_goes_wrong_is_raised_by_wait(engine, frames):
    engine.update(prompt="", preset="")
    engine.start(["no picture"], lambda picture: None)
    with pytest.raises(mirage_lsd.MirageError, match=r"must be a numpy array uint8 .* got str"):
        engine.wait(60)

    def fails(picture):
        raise KeyError("the program's own")

    engine.start(frames, fails)
    with pytest.raises(KeyError, match="own"):
        engine.wait(60)
    assert engine.wait(1)  # told once


def test_wrong_sources_and_uses_are_refused(engine, frames, tmp_path):
    for source, words in ((tmp_path / "none.mp4", "does not exist"), (987, "camera 987 cannot be opened"),
                          (3.5, "is no source of pictures")):  # fmt: skip
        with pytest.raises(mirage_lsd.MirageError, match=words):
            engine.start(source, print)
    engine.start(itertools.repeat(frames[0]), lambda picture: time.sleep(0.01))
    with pytest.raises(mirage_lsd.MirageError, match="runs already"):
        engine.start(frames, print)
    engine.stop()
    with pytest.raises(mirage_lsd.MirageError, match=r"\(height, width\)"):
        mirage_lsd.StreamEngine(resolution=(720.0, 1280))


def test_the_resolution_is_height_and_width(frames):
    with mirage_lsd.StreamEngine(resolution=(48, 64)) as engine:
        assert run(engine, frames)[0].shape == (48, 64, 3)
    with pytest.raises(mirage_lsd.MirageError, match="closed"):
        engine.start(frames, print)


def test_without_a_screen_the_window_says_so(engine, frames, monkeypatch):
    pytest.importorskip("tkinter")
    monkeypatch.setenv("DISPLAY", "")
    engine.update(prompt="", preset="")
    engine.start(frames, engine.render)
    with pytest.raises(mirage_lsd.MirageError, match="no window can be shown"):
        engine.wait(60)


def test_a_camera_gives_its_newest_picture(monkeypatch):
    class Camera:
        """Sends a numbered picture every 5 ms and ends after 40."""

        def __init__(self, index):
            self.sent = 0

        def isOpened(self):
            return True

        def set(self, name, value):
            return True

        def read(self):
            time.sleep(0.005)
            self.sent += 1
            return self.sent <= 40, np.full((4, 4, 3), self.sent, np.uint8)

        def release(self):
            pass

    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    camera, seen = sources.open_pictures(0), []
    for picture in camera:
        seen.append(int(picture[0, 0, 0]))
        time.sleep(0.03)
    camera.close()
    assert seen == sorted(set(seen)) and 1 < len(seen) < 40


def test_v1_runs_in_the_sdk(frames):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    with mirage_lsd.StreamEngine("random:tiny-random", "cpu", max_steps=1, prompt="any words at all",
                                 working_size="small") as engine:  # fmt: skip
        shown = run(engine, frames[:1])
        assert np.abs(shown[0].astype(int) - frames[0]).mean() > 5
        assert "mirage-lsd-v1" in engine.status and "eager" in engine.status


def test_a_model_that_cannot_be_had_is_told(frames):
    pytest.importorskip("torch")
    with mirage_lsd.StreamEngine("random:nothing", "cpu", prompt="any words at all") as engine:
        engine.start(frames, print)
        with pytest.raises(mirage_lsd.MirageError, match="no architecture is called 'nothing'"):
            engine.wait(120)


def test_the_package_is_light_until_it_is_used():
    program = ("import sys, mirage_lsd; assert 'StreamEngine' in dir(mirage_lsd); mirage_lsd.MirageError;"
               "print({'numpy', 'cv2', 'torch'} & set(sys.modules)); mirage_lsd.StreamEngine();"
               "print('torch' in sys.modules)")  # fmt: skip
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout.split() == ["set()", "False"], ran.stderr

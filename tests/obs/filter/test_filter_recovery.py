# SPDX-License-Identifier: Apache-2.0
"""What the viewer sees when the worker is slow, dies, hangs or cannot start, in real OBS, by pixels."""

from __future__ import annotations

import os
import signal

import cv2
import numpy as np
import pytest
from marking_worker import EXIT, RED_BGR, SAME, SLOW_RED
from obs_scene import Script, color_source, image_source, media_source, mirage_filter
from studio import (
    MIRAGE_SCRIPT,
    ROOT,
    Studio,
    alive,
    clip_file,
    faulty_script,
    inverted,
    largest_difference,
    picture_file,
)

pytestmark = pytest.mark.obs
RELOADER = Script(ROOT / "tests" / "obs" / "scripts" / "reloader.py")


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    path = tmp_path_factory.mktemp("still") / "still.png"
    return path, picture_file(path, 160, 90)


@pytest.fixture(scope="module")
def studio(tmp_path_factory, still):
    source = image_source("Still", still[0], filters=[mirage_filter(pipeline="passthrough")])
    with Studio(tmp_path_factory.mktemp("obs") / "obs", [source]) as studio:
        studio.start()
        yield studio


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_lost_worker_is_replaced_and_the_source_shown_meanwhile(studio, still, blow):
    slot = studio.wait_styled("Still")
    (before,) = studio.worker_pids()
    os.kill(before, blow)
    studio.wait_untouched("Still")
    assert largest_difference(studio.grab("Still"), still[1]) == 0
    studio.wait_styled("Still")
    studio.wait_ticks(slot, 3)
    assert largest_difference(studio.grab("Still"), inverted(still[1])) == 0
    assert not alive(before)
    assert len(studio.worker_pids()) == 1


def test_a_worker_that_was_told_to_end_is_replaced(studio):
    studio.wait_styled("Still")
    (before,) = studio.worker_pids()
    os.kill(before, signal.SIGTERM)
    studio.wait_until(lambda: studio.worker_pids() and studio.worker_pids() != [before], "another worker")
    studio.wait_styled("Still")
    assert not alive(before)


def test_a_worker_that_keeps_failing_is_given_up_with_a_clear_status(studio, still):
    slot = studio.wait_styled("Still")
    studio.set_filter("Still", seed=EXIT)
    studio.wait_until(lambda: "Restart worker" in slot.text("status"), "giving up", 60)
    assert "status 7" in slot.text("status")
    assert largest_difference(studio.grab("Still"), still[1]) == 0
    assert studio.worker_pids() == []


def test_without_an_installation_the_source_is_shown_and_the_status_says_why(tmp_path, still):
    source = image_source("Still", still[0], filters=[mirage_filter()])
    with Studio(tmp_path / "obs", [source], worker=None) as studio:
        studio.start()
        slot = studio.slot("Still")
        studio.wait_until(lambda: "run installers/install" in slot.text("status"), "a status with a remedy")
        assert largest_difference(studio.grab("Still"), still[1]) == 0
        assert studio.quit() == 0


def test_a_slow_worker_never_lets_the_source_through(tmp_path):
    """Worker capped at 12 frames a second under OBS at 30: not one untouched frame in the recording."""
    clip = clip_file(tmp_path / "clip.mkv")
    capped = mirage_filter(pipeline="passthrough", seed=SLOW_RED)
    with Studio(tmp_path / "obs", [media_source("Clip", clip, filters=[capped])]) as studio:
        studio.start()
        slot = studio.wait_styled("Clip")
        studio.wait_ticks(slot, 30)
        before = [slot.get(name) for name in ("tick", "frames_shown", "fallbacks")]
        studio.request("StartRecord")
        studio.wait_ticks(slot, 150)
        after = [slot.get(name) for name in ("tick", "frames_shown", "fallbacks")]
        path = studio.request("StopRecord")["outputPath"]
        studio.quit()
    frames = recorded(path)
    ticks, shown, fallbacks = (now - then for now, then in zip(after, before, strict=True))
    assert 0 < shown < ticks / 2, "the worker was not slower than OBS: this proved nothing"
    assert fallbacks == 0
    assert len(frames) > 60
    untouched = [n for n, frame in enumerate(frames) if np.abs(frame.mean(axis=(0, 1)) - RED_BGR).max() > 20]
    assert untouched == []


def recorded(path: str) -> list[np.ndarray]:
    """All frames of a recording, uint8 [height, width, 3] BGR each."""
    video, frames = cv2.VideoCapture(path), []
    while (read := video.read())[0]:
        frames.append(read[1])
    return frames


def test_a_reload_never_takes_the_picture_away(tmp_path):
    """A script source whose script is away draws nothing at all: while ours is, OBS has to show the source."""
    grey = color_source("Grey", (200, 200, 200), 320, 180, filters=[mirage_filter(pipeline="passthrough", seed=SAME)])
    environment = {"RELOADER_FOLDER": str(tmp_path), "RELOADER_SCRIPT": str(MIRAGE_SCRIPT)}
    with Studio(tmp_path / "obs", [grey], scripts=[RELOADER], environment=environment) as studio:
        studio.start()
        studio.wait_styled("Grey")
        studio.request("StartRecord")
        for number in "123":
            (tmp_path / "wanted").write_text(number)
            done = tmp_path / "done"
            studio.wait_until(lambda n=number, d=done: d.exists() and d.read_text() == n, "the reload")
            studio.wait_until(lambda: len(studio.sessions()) == 1, "the former session to be gone")
            slot = studio.wait_styled("Grey")
        studio.wait_ticks(slot, 10)
        path = studio.request("StopRecord")["outputPath"]
        studio.quit()
    frames = recorded(path)
    assert len(frames) > 60
    assert [n for n, frame in enumerate(frames) if abs(frame.mean() - 200) > 20] == []


def test_an_unrelated_script_cannot_freeze_obs(tmp_path):
    clip = clip_file(tmp_path / "clip.mkv")
    hammer = Script(MIRAGE_SCRIPT.parents[1] / "tests" / "obs" / "scripts" / "hammer.py")
    source = media_source("Clip", clip, filters=[mirage_filter(pipeline="passthrough")])
    with Studio(tmp_path / "obs", [source], scripts=[Script(MIRAGE_SCRIPT), hammer]) as studio:
        studio.start()
        slot = studio.wait_styled("Clip")
        studio.wait_log("hammer: 500 rounds")
        for _ in range(5):
            studio.wait_ticks(slot, 60)
            assert studio.request("GetStats")["activeFps"] > 0
        studio.wait_styled("Clip")
        assert studio.quit() == 0


def test_an_error_in_the_render_half_leaves_the_source_and_says_so(tmp_path, still):
    source = image_source("Still", still[0], filters=[mirage_filter(pipeline="passthrough")])
    with Studio(tmp_path / "obs", [source], scripts=[faulty_script(tmp_path)]) as studio:
        studio.start()
        slot = studio.slot("Still")
        studio.wait_until(lambda: "a fault for this test" in slot.text("status"), "the fault in the status")
        assert largest_difference(studio.grab("Still"), still[1]) == 0
        assert slot.get("lua_errors") == 1
        assert studio.quit() == 0

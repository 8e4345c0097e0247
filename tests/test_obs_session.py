# SPDX-License-Identifier: Apache-2.0
"""The driver that the demo and the tests in real OBS stand on: it starts, shows, records, ends, cleans up."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from obs_config import Video
from obs_scene import Collection, Item, Scene, color_source
from obs_session import ObsSession, ObsSessionError
from obs_websocket import ObsRequestError, ObsWebSocket
from studio import screenshot

pytestmark = pytest.mark.obs
RED, BLUE = (200, 30, 20), (10, 20, 220)


@pytest.fixture
def two_colours() -> Collection:
    """Red on the left half of the canvas, blue on the right, the latter in a nested scene."""
    scenes = [
        Scene("Main", [Item("Red", 0, 0), Item("Nested", 160, 0)]),
        Scene("Nested", [Item("Blue", 0, 0)], (), 160, 180),
    ]
    return Collection(scenes, [color_source("Red", RED, 160, 180), color_source("Blue", BLUE, 160, 180)])


def colours(pixels: np.ndarray) -> list[tuple[int, ...]]:
    """The colours in the middle of the left and the right half, red first."""
    rows, columns = pixels.shape[:2]
    return [tuple(int(v) for v in pixels[rows // 2, columns * part // 4][2::-1]) for part in (1, 3)]


def test_it_shows_what_it_was_given_and_records_it(obs_folder: Path, two_colours: Collection) -> None:
    with ObsSession(obs_folder, two_colours, Video(320, 180, 30)) as obs:
        obs.start()
        picture = screenshot(obs)
        obs.request("StartRecord")
        obs.wait_until(lambda: obs.request("GetRecordStatus")["outputDuration"] > 1000, "a second of recording")
        recording = Path(obs.request("StopRecord")["outputPath"])
        assert obs.quit() == 0
        assert "memory leaks: 0" in obs.log() or "memory leaks: 1" in obs.log()  # OBS 29 leaks one by itself
    assert colours(picture) == [RED, BLUE]
    video = cv2.VideoCapture(str(recording))
    found, frame = video.read()
    assert found and frame.shape == (180, 320, 3)
    assert np.abs(frame[90, 80][::-1].astype(int) - RED).max() < 12


def test_a_user_s_own_obs_settings_are_not_touched(
    obs_folder: Path, two_colours: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name, folder in (("HOME", ""), ("XDG_CONFIG_HOME", ".config"), ("XDG_DATA_HOME", ".local")):
        monkeypatch.setenv(name, str(home / folder))
    with ObsSession(obs_folder, two_colours) as obs:
        obs.start()
        obs.quit()
    assert list(home.iterdir()) == []


def test_after_kill_it_starts_again_and_close_leaves_no_process(obs_folder: Path, two_colours: Collection) -> None:
    with ObsSession(obs_folder, two_colours) as obs:
        obs.start()
        first = obs.pid
        obs.kill()
        assert not obs.alive
        obs.start()
        assert obs.pid != first
        own = [psutil.Process(pid) for pid in (obs.pid, obs.display._xvfb.pid)]
    assert [process for process in own if process.is_running() and process.status() != "zombie"] == []


def test_waiting_for_an_obs_that_died_says_so_at_once(obs_folder: Path, two_colours: Collection) -> None:
    with ObsSession(obs_folder, two_colours) as obs:
        obs.start()
        os.kill(obs.pid, 9)
        with pytest.raises(ObsSessionError, match="OBS ended while waiting"):
            obs.wait_log("never written", timeout_s=30)


def test_a_refused_request_and_a_wrong_password_are_errors(obs_folder: Path, two_colours: Collection) -> None:
    with ObsSession(obs_folder, two_colours) as obs:
        obs.start()
        with pytest.raises(ObsRequestError, match="No source was found") as refused:
            obs.request("GetSourceActive", sourceName="no such source")
        assert refused.value.code == 600
        with pytest.raises(ConnectionError):
            ObsWebSocket(obs.access.port, "not the password")
        assert obs.request("GetVersion")["rpcVersion"] == 1


def test_a_canvas_that_obs_cannot_encode_is_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        Video(321, 180)

# SPDX-License-Identifier: Apache-2.0
"""The filter through an OBS's life: reload, exit, another scene collection, removal, a killed OBS, and its settings.

After each there must be no process, no session folder, and no crash.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from obs_scene import Collection, Item, Scene, Script, Source, color_source, image_source, mirage_filter
from studio import FILTER_NAME, MIRAGE_SCRIPT, Studio, alive, inverted, largest_difference, picture_file

pytestmark = pytest.mark.obs
RELOADER = Script(Path(__file__).parents[1] / "scripts" / "reloader.py")
RELOADS, STARTS = 3, 2


@pytest.fixture
def still(tmp_path):
    return tmp_path / "still.png", picture_file(tmp_path / "still.png", 160, 90)


def still_source(still, **settings):
    return image_source("Still", still[0], filters=[mirage_filter(pipeline="passthrough", **settings)])


def gone(condition, timeout_s: float = 15.0) -> bool:
    """Wait for something outside OBS to be over."""
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def threads_of(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def mapped_sessions(pid: int, root: Path) -> int:
    """How many mappings of files below `root` a process has, deleted ones too."""
    return sum(str(root) in line for line in Path(f"/proc/{pid}/maps").read_text().splitlines())


def test_reloading_the_script_leaks_nothing(tmp_path, still):
    environment = {"RELOADER_FOLDER": str(tmp_path), "RELOADER_SCRIPT": str(MIRAGE_SCRIPT)}
    with Studio(tmp_path / "obs", [still_source(still)], scripts=[RELOADER], environment=environment) as studio:
        studio.start()
        studio.wait_styled("Still")
        before = threads_of(studio.pid), mapped_sessions(studio.pid, studio.session_root)
        for number in range(1, RELOADS + 1):
            (tmp_path / "wanted").write_text(str(number))
            done = tmp_path / "done"
            studio.wait_until(lambda n=number, d=done: d.exists() and d.read_text() == str(n), "the reload")
            studio.wait_until(lambda: len(studio.sessions()) == 1, "the former session to be gone")
            studio.wait_styled("Still")
        assert largest_difference(studio.grab("Still"), inverted(still[1])) == 0
        studio.wait_until(lambda: len(studio.worker_pids()) == 1, "one worker")
        studio.wait_until(lambda: threads_of(studio.pid) <= before[0] + 2, "the former threads to end")
        assert mapped_sessions(studio.pid, studio.session_root) == before[1]
        assert studio.quit() == 0
        assert studio.sessions() == []


def test_obs_ends_cleanly_and_settings_persist(tmp_path, still):
    with Studio(tmp_path / "obs", [still_source(still)]) as studio:
        for start in range(STARTS):
            studio.start()
            studio.wait_styled("Still")
            kept = studio.request("GetSourceFilter", sourceName="Still", filterName=FILTER_NAME)["filterSettings"]
            assert kept["pipeline"] == "passthrough"
            if start > 0:
                assert (kept["strength"], kept["seed"], kept["target_fps"]) == (0.25, 77, 24)
            studio.set_filter("Still", strength=0.25, seed=77, target_fps=24)
            workers = studio.worker_pids()
            assert len(workers) == 1
            assert studio.quit() == 0
            assert gone(lambda pids=workers: not any(map(alive, pids)))
            assert studio.sessions() == []
            assert "Segmentation" not in studio.log()


def test_a_killed_obs_takes_its_worker_and_session_along(tmp_path, still):
    with Studio(tmp_path / "obs", [still_source(still)]) as studio:
        studio.start()
        studio.wait_styled("Still")
        workers = studio.worker_pids()
        studio.kill()
        assert gone(lambda: not any(map(alive, workers)))
        assert gone(lambda: studio.sessions() == [])


def test_the_next_start_sweeps_what_nobody_could_remove(tmp_path, still):
    with Studio(tmp_path / "obs", [still_source(still)]) as studio:
        studio.start()
        studio.wait_styled("Still")
        (worker,) = studio.worker_pids()
        os.kill(worker, signal.SIGSTOP)  # so that it cannot tidy up
        studio.kill()
        os.kill(worker, signal.SIGKILL)
        (left,) = studio.sessions()
        studio.start()
        studio.wait_styled("Still")
        assert left not in studio.sessions()
        assert studio.quit() == 0


def test_another_scene_collection_and_back(tmp_path, still):
    with Studio(tmp_path / "obs", [still_source(still)]) as studio:
        studio.start()
        first = studio.request("GetSceneCollectionList")["currentSceneCollectionName"]
        studio.wait_styled("Still")
        block = studio.block()  # kept open: the script is of its collection, so its session folder goes too, soon after
        studio.request("CreateSceneCollection", sceneCollectionName="Empty")
        studio.wait_until(lambda: not list(block.used()), "the filter to be gone")
        studio.wait_until(lambda: not studio.sessions(), "the session, and with it the rings, to be gone")
        studio.request("SetCurrentSceneCollection", sceneCollectionName=first)
        studio.wait_styled("Still")
        assert largest_difference(studio.grab("Still"), inverted(still[1])) == 0
        assert studio.quit() == 0


def test_filters_and_sources_come_and_go(tmp_path, still):
    with Studio(tmp_path / "obs", [still_source(still), color_source("Plain", (1, 2, 3), 40, 40)]) as studio:
        studio.start()
        studio.wait_styled("Still")
        for _ in range(3):
            settings = {"pipeline": "passthrough"}
            studio.request("CreateSourceFilter", sourceName="Plain", filterName="New", filterKind="mirage_lsd",
                           filterSettings=settings)
            studio.wait_styled("Plain", "New")
            studio.request("RemoveSourceFilter", sourceName="Plain", filterName="New")
            studio.wait_until(lambda: len(list(studio.block().used())) == 1, "the filter to be gone")
        studio.request("RemoveInput", inputName="Still")
        studio.wait_until(lambda: not list(studio.block().used()), "the source's filter to be gone")
        header = studio.block().header
        studio.wait_until(lambda: header.get("trash_tail") == header.get("trash_head") > 0, "graphics to be freed")
        studio.wait_until(lambda: not list(studio.sessions()[0].glob("in-*")), "its rings to be gone")
        assert studio.quit() == 0
        assert studio.sessions() == []


def held_ms(slot) -> float:
    """How old the last picture was when it was shown."""
    row = slot.latencies()[1][-1]
    return (row.shown_ns - row.captured_ns) / 1e6


def test_sound_is_delayed_with_the_picture_and_put_back(tmp_path):
    silent = tmp_path / "clip.mkv"
    sound = ["-f", "lavfi", "-i", "sine=duration=5", "-f", "lavfi", "-i", "color=blue:size=64x36:duration=5"]
    subprocess.run(["ffmpeg", "-v", "error", *sound, "-c:v", "ffv1", "-c:a", "flac", str(silent)], check=True)
    source = {"is_local_file": True, "local_file": str(silent), "looping": True}
    scene = Scene("Scene", [Item("Clip")])
    clip = Source("ffmpeg_source", "Clip", source, [mirage_filter(pipeline="passthrough")])
    collection = Collection([scene], [clip], [Script(MIRAGE_SCRIPT)])

    def offset():
        return studio.request("GetInputAudioSyncOffset", inputName="Clip")["inputAudioSyncOffset"]

    with Studio(tmp_path / "obs", [], collection=collection) as studio:
        studio.start()
        studio.wait_styled("Clip")
        studio.request("SetInputAudioSyncOffset", inputName="Clip", inputAudioSyncOffset=40)
        studio.set_filter("Clip", keep_in_sync=True)
        studio.wait_until(lambda: offset() > 40, "the sound to be delayed")
        slot = studio.wait_styled("Clip")
        studio.wait_ticks(slot, 60)
        studio.wait_until(lambda: offset() == 40 + slot.get("hold_ns") // 1_000_000, "picture and sound to agree")
        studio.wait_until(lambda: held_ms(slot) >= slot.get("hold_ns") / 1e6 - 4, "the picture to be held")
        assert studio.quit() == 0
        studio.start()
        studio.wait_styled("Clip")
        studio.wait_until(lambda: offset() > 40, "the sound to be delayed again")
        studio.set_filter("Clip", keep_in_sync=False)
        studio.wait_until(lambda: offset() == 40, "the user's own offset")
        assert studio.quit() == 0

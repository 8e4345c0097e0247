# SPDX-License-Identifier: Apache-2.0
"""OBS without our script for a while: not in the list, safe mode (OBS 30 and newer), the plugin manager (OBS 32).

OBS keeps a filter that it does not know, and the list of scripts: after it is back, look, layers, settings and the
sound's offset are what they were before.
"""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from look_studio import LookStudio
from marking_worker import LOOK
from obs_scene import Source, mirage_filter
from studio import FILTER_NAME

from mirage_lsd.shared.messages.look import Look
from mirage_lsd.shared.messages.look_commands import ApplyPreset, ApplyWords
from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.models.looks import prompt_of

pytestmark = [pytest.mark.obs, pytest.mark.slow]
OBS_MAJOR = int(re.search(r"(\d+)\.", subprocess.run(["obs", "--version"], capture_output=True, text=True).stdout)[1])
OFFSET_MS = 40
SCRIPTING = "frontend-tools"
SETTINGS = {"strength": 0.25, "target_fps": 24, "steps": 2, "working_size": "small", "keep_in_sync": True}
OUR_OWN = {"look"}  # what the plugin notes for itself changes while it runs


@pytest.fixture
def studio(tmp_path):
    clip = tmp_path / "clip.mkv"
    sound = ["-f", "lavfi", "-i", "sine=duration=5", "-f", "lavfi", "-i", "color=blue:size=64x36:duration=5"]
    subprocess.run(["ffmpeg", "-v", "error", *sound, "-c:v", "ffv1", "-c:a", "flac", str(clip)], check=True)
    content = {"is_local_file": True, "local_file": str(clip), "looping": True}
    source = Source("ffmpeg_source", "Clip", content, [mirage_filter(pipeline="passthrough", seed=LOOK)])
    with LookStudio(tmp_path / "obs", [source]) as studio:
        yield studio


def settings(studio) -> dict:
    return studio.request("GetSourceFilter", sourceName="Clip", filterName=FILTER_NAME)["filterSettings"]


def chosen(studio) -> dict:
    return {name: value for name, value in settings(studio).items() if name not in OUR_OWN}


def offset_ms(studio) -> int:
    return studio.request("GetInputAudioSyncOffset", inputName="Clip")["inputAudioSyncOffset"]


def collection_file(studio):
    return studio.folder / "obs-studio" / "basic" / "scenes" / "Mirage.json"


def start_and_choose(studio) -> tuple[dict, Look]:
    """Settings of all kinds, a preset and words on it; returns the settings and the look at the look store."""
    studio.start()
    studio.wait_presets("Night rider")
    studio.wait_styled("Clip")
    studio.request("SetInputAudioSyncOffset", inputName="Clip", inputAudioSyncOffset=OFFSET_MS)
    studio.set_filter("Clip", **SETTINGS)
    with studio.controller() as client:
        client.do(ApplyPreset("forest"))
        client.do(ApplyWords("red leather jacket", "outfit"))
        worn = client.ask().filters[0].look
    studio.wait_until(lambda: settings(studio).get("outfit") == "red leather jacket", "the look in OBS's settings")
    studio.wait_until(lambda: offset_ms(studio) > OFFSET_MS, "the sound to be delayed")
    studio.wait_look("Clip", prompt_of(StreamSettings(layers=worn.layers)))
    return chosen(studio), worn


def is_as_before(studio, before) -> None:
    """Start OBS with everything in place: the same settings, the same look at the look store and on the screen."""
    studio.start()
    studio.wait_styled("Clip")
    assert chosen(studio) == before[0]
    with studio.controller() as client:
        assert client.ask().filters[0].look == before[1]
    studio.wait_look("Clip", prompt_of(StreamSettings(layers=before[1].layers)))
    studio.wait_until(lambda: offset_ms(studio) > OFFSET_MS, "the sound to be delayed again")
    studio.set_filter("Clip", keep_in_sync=False)
    studio.wait_until(lambda: offset_ms(studio) == OFFSET_MS, "the user's own offset")
    assert studio.quit() == 0


def saved_filter(studio) -> dict:
    sources = json.loads(collection_file(studio).read_text())["sources"]
    (clip,) = [source for source in sources if source["name"] == "Clip"]
    return clip["filters"][0]


def list_scripts(studio, scripts: list) -> list:
    """Change the list of scripts, as a user does in Tools → Scripts; returns the former one."""
    content = json.loads(collection_file(studio).read_text())
    former, content["modules"]["scripts-tool"] = content["modules"]["scripts-tool"], scripts
    collection_file(studio).write_text(json.dumps(content))
    return former


@pytest.mark.parametrize("killed", [False, True], ids=["after a clean end", "after OBS was killed"])
def test_a_start_without_the_script_loses_nothing(studio, killed):
    before = start_and_choose(studio)
    if killed:
        studio.request("CreateScene", sceneName="Another")  # OBS saves at once
        studio.wait_until(lambda: "Another" in collection_file(studio).read_text(), "the collection to be saved")
        studio.kill()
    else:
        assert studio.quit() == 0
    listed = list_scripts(studio, [])
    studio.start()
    kinds = [one["filterKind"] for one in studio.request("GetSourceFilterList", sourceName="Clip")["filters"]]
    assert kinds == ["mirage_lsd"]
    assert chosen(studio) == before[0]
    assert offset_ms(studio) > OFFSET_MS  # OBS saves before it tells scripts that it ends: late until they are back
    assert studio.quit() == 0
    assert saved_filter(studio)["settings"]["outfit"] == "red leather jacket"
    assert list_scripts(studio, listed) == []
    is_as_before(studio, before)


@pytest.mark.skipif(OBS_MAJOR < 30, reason="OBS has a safe mode from version 30 on")
def test_a_start_in_safe_mode_loses_nothing(studio):
    before = start_and_choose(studio)
    assert studio.quit() == 0
    studio.start(["--safe-mode"], answers=False)
    assert "Safe Mode" in studio.log() and "Loaded python script" not in studio.log()
    assert studio.quit() == 0
    assert saved_filter(studio)["settings"]["outfit"] == "red leather jacket"
    is_as_before(studio, before)


@pytest.mark.skipif(OBS_MAJOR < 32, reason="OBS has a plugin manager from version 32 on")
def test_scripts_switched_off_in_the_plugin_manager_lose_nothing(studio):
    before = start_and_choose(studio)
    assert studio.quit() == 0
    modules = studio.folder / "obs-studio" / "plugin_manager" / "modules.json"
    content = json.loads(modules.read_text())
    # The window offers only what is not OBS's own, so it cannot take scripts away; the file can.
    assert SCRIPTING not in [one["module_name"] for one in content]
    off = {"display_name": "", "module_name": SCRIPTING, "id": "", "version": "", "enabled": False}
    modules.write_text(json.dumps([*content, off | dict.fromkeys(("sources", "outputs", "encoders", "services"), [])]))
    studio.start()
    assert f"Skipping module '{SCRIPTING}'" in studio.log() and "Loaded python script" not in studio.log()
    assert chosen(studio) == before[0]
    assert studio.quit() == 0
    modules.write_text(json.dumps(content))
    is_as_before(studio, before)

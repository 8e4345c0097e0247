# SPDX-License-Identifier: Apache-2.0
"""In a real OBS, the script's libraries are those that OBS has loaded, once each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from obs_scene import Script, color_source
from studio import MIRAGE_SCRIPT, Studio

pytestmark = pytest.mark.obs
SAYS = Script(Path(__file__).parents[1] / "scripts" / "libraries.py")


def test_what_obs_has_loaded_is_what_the_script_calls(tmp_path):
    colour = color_source("Colour", (10, 20, 30), 64, 36)
    with Studio(tmp_path / "obs", [colour], scripts=[Script(MIRAGE_SCRIPT), SAYS]) as studio:
        studio.start()
        studio.wait_log("libraries: ")
        line = next(line for line in studio.log().splitlines() if "libraries: " in line)
        assert studio.quit() == 0
    said = json.loads(line.partition("libraries: ")[2])
    found = said.pop("found")
    assert {kind: len(files) for kind, files in found.items()} == {"obs": 1, "scripting": 1, "frontend": 1}
    assert all(Path(files[0]).is_file() for files in found.values())
    assert said == {"obs_is_obs's": True, "frontend_is_obs's": True, "can_script": True}

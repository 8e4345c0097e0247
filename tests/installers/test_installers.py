# SPDX-License-Identifier: Apache-2.0
"""install.sh as a user runs it, in a folder of their own; and the small decisions of the installers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import demo
import demo_stage
import install
import install_places
import install_system
import obs_installations
import pytest
from demo_figures import Meter, control_block_of
from install_places import Places
from obs_config import Video
from obs_scene import Collection, Item, Scene, Script, color_source, mirage_filter
from obs_session import ObsSession

from mirage_lsd.worker.models.conditions import parse_conditions


@pytest.fixture
def user_environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own; the installation goes to its data folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MIRAGE_LSD", "XDG_"))}
    return {**kept, "HOME": str(tmp_path), "DISPLAY": "", "PYTHON": sys.executable}


def run_installer(checkout: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(checkout / "installers/install.sh"), *words]
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)


@pytest.mark.obs
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_user_installs_verifies_and_removes(checkout: Path, user_environment: dict[str, str], tmp_path: Path) -> None:
    data = tmp_path / ".local/share/mirage-lsd"
    assert run_installer(checkout, user_environment, "check").returncode == 1, "nothing is installed yet"

    installed = run_installer(checkout, user_environment, "install")
    assert installed.returncode == 0, installed.stderr
    record = json.loads((data / "install.json").read_text())
    assert Path(record["worker_python"]).is_relative_to(data)

    verified = run_installer(checkout, user_environment, "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    script = Path(verified.stdout.strip().splitlines()[-1].rsplit(": ", 1)[1])
    assert script.is_file() and script.is_relative_to(data), "it must not need the checkout"
    assert (script.parent / "render" / "filter.lua").is_file()

    assert filters_in_obs(script, data / "install.json", tmp_path / "obs"), "the installed filter shows no result"

    damage = next((data / "obs").glob("*/zmq"))
    damage.rename(damage.with_name("gone"))
    broken = run_installer(checkout, user_environment, "check")
    assert broken.returncode == 1 and "repair" in broken.stdout

    assert run_installer(checkout, user_environment, "remove").returncode == 0
    assert not data.exists() or list(data.iterdir()) == []
    assert run_installer(checkout, user_environment, "check").returncode == 1


def filters_in_obs(script: Path, record: Path, folder: Path) -> bool:
    """Does a real OBS with the installed script, and nothing of the checkout, show a processed picture?"""
    picture = color_source("Colour", (90, 120, 150), 160, 90, filters=[mirage_filter(pipeline="passthrough")])
    loaded = Collection([Scene("Main", [Item("Colour")])], [picture], [Script(script)])
    with ObsSession(folder, loaded, Video(320, 180), {"MIRAGE_LSD_INSTALL": str(record)}) as obs:
        obs.start()
        with closing(Meter(obs.wait_until(lambda: control_block_of(obs.pid), "the script to start"))) as meter:
            return bool(obs.wait_until(lambda: meter.styled, "a processed picture", 60))


def test_films_are_for_everybody_but_who_declines(monkeypatch: pytest.MonkeyPatch) -> None:
    wishes = []

    def note(wish: install.Wish) -> bool:
        """Keeps what was asked for."""
        wishes.append(wish.extras)
        return True

    monkeypatch.setitem(install.COMMANDS, "check", note)
    for words in ([], ["--extras", "voice"], ["--without-film"]):
        monkeypatch.setattr(sys, "argv", ["install.sh", "check", *words])
        assert install.main() == 0
    assert wishes == [{"film"}, {"film", "voice"}, set()]


def test_remove_leaves_a_folder_that_is_not_ours(
    checkout: Path, user_environment: dict[str, str], tmp_path: Path
) -> None:
    """Someone's own venv in the same place has neither our stamp nor our record."""
    theirs = tmp_path / ".local/share/mirage-lsd/venv"
    theirs.mkdir(parents=True)
    assert run_installer(checkout, user_environment, "remove").returncode == 0
    assert theirs.is_dir()


def test_a_package_without_a_ready_made_build_is_named_with_the_way_out() -> None:
    output = "CMAKE_C_COMPILER not set\n  ERROR: Failed building wheel for pocketsphinx\nerror: failed-wheel-build"
    hint = install_system.compiler_hint(output)
    assert "pocketsphinx has no ready-made build for Python 3." in hint
    assert "build-essential" in hint
    assert install_system.compiler_hint("ERROR: No matching distribution found for nothing") == ""


def test_the_user_may_name_the_python_of_obs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRAGE_LSD_OBS_PYTHON", "3.9,3.12")
    assert obs_installations.python_versions() == ["3.9", "3.12"]


def test_nothing_is_missing_on_a_machine_that_runs_the_tests() -> None:
    assert install_system.missing(headless=True, for_tests=True) == []


def test_record_is_read_back_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    places = Places(tmp_path / "venv", tmp_path / "obs", tmp_path / "install.json", editable=False)
    assert install_places.read_record(places) is None
    install_places.write_record(places, ["3.11"], "1.2.3")
    record = install_places.read_record(places)
    assert record is not None
    assert record["zmq_paths"] == {"3.11": str(tmp_path / "obs" / "3.11")}
    places.record.write_text('{"layout": 1, "work')
    assert install_places.read_record(places) is None
    places.record.write_text('{"layout": 99}')
    assert install_places.read_record(places) is None


@pytest.mark.parametrize(("shape", "width_px"), [(4 / 3, 360), (16 / 9, 480), (2.4, 480), (9 / 16, 360), (1.5, 404)])
def test_the_demo_s_halves_have_the_video_s_shape(shape: float, width_px: int) -> None:
    stage = demo_stage.stage_for(shape, 270)
    assert (stage.width_px, stage.height_px) == (width_px, 270)
    assert stage.video.width_px == 2 * width_px


def test_the_demo_changes_the_outfit_twice_and_the_scene_once() -> None:
    looks = [parse_conditions(look) for look in demo.LOOKS]
    outfits = [(look.upper, look.upper_color, look.pattern) for look in looks]
    assert all(outfit[0] != "keep" for outfit in outfits)
    assert [outfits[number] != outfits[number - 1] for number in range(1, len(looks))] == [True, True, False]
    assert [look.scene != "keep" for look in looks] == [False, False, False, True]


@pytest.mark.parametrize(
    ("size_px", "left_top"),
    [
        ((640, 360), (0, 0)),
        ((1920, 1080), (0, 0)),
        ((640, 480), (0, 60)),
        ((360, 640), (0, 219)),
        ((641, 200), (143, 0)),
    ],
)
def test_the_demo_cuts_a_video_to_the_shape_of_its_half(size_px: tuple[int, int], left_top: tuple[int, int]) -> None:
    """The middle stays; what is left has the half's shape to within two pixels."""
    crop = demo_stage.crop_px(*size_px, demo_stage.Stage(480, 270))
    assert (crop["cropLeft"], crop["cropTop"]) == left_top
    width_px = size_px[0] - crop["cropLeft"] - crop["cropRight"]
    height_px = size_px[1] - crop["cropTop"] - crop["cropBottom"]
    assert abs(width_px * 270 / 480 - height_px) <= 2

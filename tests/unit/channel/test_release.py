# SPDX-License-Identifier: Apache-2.0
"""One identity of a release, and each process that is of another one says so at once: by real processes."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from worker_owner import WorkerOwner

from mirage_lsd.obs_script.host.install_record import InstallRecord
from mirage_lsd.obs_script.looks.preset_reader import PresetReader
from mirage_lsd.obs_script.processes.child_process import WORKER_MODULE
from mirage_lsd.obs_script.processes.line_process import LineProcess
from mirage_lsd.obs_script.processes.worker_process import GIVEN_UP, WorkerProcess
from mirage_lsd.shared import release
from mirage_lsd.shared.channel.curve import KEY_CHARS
from mirage_lsd.shared.channel.endpoints import EXIT_OTHER_RELEASE, LaunchConfig, LaunchReport
from mirage_lsd.shared.channel.look_address import LookAddress
from mirage_lsd.shared.doorbell.doorbell import Doorbell
from mirage_lsd.shared.errors import OtherRelease, RequestRefused
from mirage_lsd.shared.messages import gesture_lines, voice_lines
from mirage_lsd.shared.messages.gesture_lines import GestureLaunch
from mirage_lsd.shared.messages.voice_lines import VoiceLaunch
from mirage_lsd.shared.messages.worker_commands import PROTOCOL, Hello

OTHER = "0.0.1+0123abcd"
KEY = "0" * KEY_CHARS
SHARED = Path(release.FOLDER)
WITHIN_S = 60.0


def until(condition, what: str):
    deadline = time.monotonic() + WITHIN_S
    while not (value := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return value


def test_the_version_is_the_packages(checkout: Path) -> None:
    assert release.VERSION == tomllib.loads((checkout / "pyproject.toml").read_text())["project"]["version"]
    assert release.RELEASE == release.release_of(str(checkout / "shared"))
    assert len(release.RELEASE) <= release.MAX_RELEASE_CHARS


def test_any_change_of_code_is_another_release_and_line_ends_are_none(tmp_path: Path) -> None:
    for name in ("one.py", "two.lua", "notes.txt"):
        (tmp_path / name).write_bytes(b"first\nsecond\n")
    before = release.fingerprint(str(tmp_path))
    (tmp_path / "notes.txt").write_bytes(b"other")
    (tmp_path / "one.py").write_bytes(b"first\r\nsecond\r\n")
    assert release.fingerprint(str(tmp_path)) == before
    (tmp_path / "two.lua").write_bytes(b"first\nsecond!\n")
    changed = release.fingerprint(str(tmp_path))
    (tmp_path / "two.lua").rename(tmp_path / "three.lua")
    assert len({before, changed, release.fingerprint(str(tmp_path))}) == 3


def test_whoever_is_meant_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that changed under the running process: restart it. Else two installations: use one."""
    assert "install.sh verify" in release.disagreement(OTHER) and OTHER in release.disagreement(OTHER)
    shutil.copytree(SHARED, tmp_path / "shared")
    (tmp_path / "shared" / "new.py").touch()
    monkeypatch.setattr(release, "FOLDER", str(tmp_path / "shared"))
    told = f"Mirage LSD was upgraded to {OTHER} while OBS runs {release.RELEASE}: restart OBS"
    assert release.disagreement(OTHER) == told


@pytest.mark.parametrize("told", [OTHER, None], ids=["another", "one from before releases were told"])
def test_a_worker_refuses_an_owner_of_another_release(tmp_path: Path, told: str | None) -> None:
    line = dataclasses.asdict(LaunchConfig(str(tmp_path), "bell", KEY, KEY, KEY)) | {"a field": "unknown here"}
    line["release"] = told
    if told is None:
        del line["release"]
    command, said = [sys.executable, "-m", WORKER_MODULE], json.dumps(line) + "\n"
    ran = subprocess.run(command, input=said, capture_output=True, text=True, check=False)
    assert ran.returncode == EXIT_OTHER_RELEASE
    with pytest.raises(OtherRelease) as caught:
        LaunchReport.from_line(ran.stdout.replace(release.RELEASE, OTHER))
    assert caught.value.theirs == OTHER
    assert json.loads(ran.stdout) == {"release": release.RELEASE}
    assert "restart OBS" in ran.stderr and KEY not in ran.stderr


def test_hello_and_welcome_tell_the_release() -> None:
    with WorkerOwner() as owner:
        assert owner.client.request(Hello(PROTOCOL, "test", release.RELEASE)).version == release.RELEASE
        assert owner.client.request(Hello(PROTOCOL, "another program")).version == release.RELEASE
        with pytest.raises(RequestRefused) as caught:
            owner.client.request(Hello(PROTOCOL, "test", OTHER))
        assert caught.value.code == release.OTHER_RELEASE


@pytest.fixture
def other_package(tmp_path: Path, checkout: Path) -> Path:
    """A Python for the worker that has another release of the package."""
    package = tmp_path / "site" / "mirage_lsd"
    shutil.copytree(checkout / "shared", package / "shared")
    shutil.copytree(checkout / "worker" / "sdk", package, dirs_exist_ok=True)
    (package / "worker").symlink_to(checkout / "worker")
    with (package / "shared" / "errors.py").open("a") as file:
        file.write("\n# another release\n")
    python = tmp_path / "python.sh"
    python.write_text(f"#!/bin/sh\nPYTHONPATH='{package.parent}' exec '{sys.executable}' \"$@\"\n")
    python.chmod(0o755)
    return python


def test_the_obs_half_starts_such_a_worker_once(tmp_path: Path, other_package: Path) -> None:
    log: list[str] = []
    Doorbell.create(str(tmp_path / "bell"))
    worker = WorkerProcess(InstallRecord(str(other_package)), str(tmp_path), "bell", log.append, lambda: None)
    until(lambda: worker.step(True) or worker.state == GIVEN_UP, "giving up")
    assert "install.sh verify" in worker.no_use and release.RELEASE in worker.no_use
    for _ in range(20):
        worker.step(True)
    assert worker.launch == 1 and worker.pid == 0
    worker.restart()
    until(lambda: worker.step(True) or worker.state == GIVEN_UP, "giving up again, on request")
    assert worker.launch == 2
    worker.stop()


def test_a_python_without_its_packages_names_the_repair(tmp_path: Path) -> None:
    python = tmp_path / "python.sh"  # as a virtual environment is after the system's Python went to another version
    python.write_text(f"#!/bin/sh\nexec '{sys.executable}' -I -S \"$@\"\n")
    python.chmod(0o755)
    Doorbell.create(str(tmp_path / "bell"))
    worker = WorkerProcess(InstallRecord(str(python)), str(tmp_path), "bell", lambda text: None, lambda: None)
    until(lambda: worker.step(True) or worker.state == GIVEN_UP, "giving up")
    assert "install.sh repair" in worker.no_use and worker.launch == 1
    worker.stop()


@pytest.mark.parametrize(
    ("name", "lines", "launch"),
    [("gestures", gesture_lines.LINES, GestureLaunch()), ("voice", voice_lines.LINES, VoiceLaunch())],
)
def test_voice_and_gestures_of_another_release_end_for_good(tmp_path, other_package, name, lines, launch) -> None:
    process = LineProcess(name, lines, lambda text: None, lambda: None)
    process.install(str(other_package), str(tmp_path))
    until(lambda: process.step(launch) or process.problem and not process.pid, "the process to say so")
    assert "install.sh verify" in process.problem and release.RELEASE in process.problem
    for _ in range(20):
        process.step(launch)
    assert process.starts == 1
    process.end()


def test_presets_of_another_release_leave_the_last_good_list(tmp_path: Path, other_package: Path) -> None:
    reader = PresetReader(InstallRecord(sys.executable), str(tmp_path))
    until(reader.step, "the presets")
    good, reader._python, reader._seen = reader.newest, str(other_package), ()
    until(reader.step, "the next list")
    assert reader.newest.presets == good.presets and "install.sh verify" in reader.newest.problem
    reader.close()


def test_a_look_server_of_another_release_is_known_by_its_address(tmp_path: Path) -> None:
    """Other programs have no release: they are let in, and `ctl` says which one OBS runs."""
    address = LookAddress(1, 2, KEY, KEY, KEY, 3)
    content = dataclasses.asdict(address)
    assert LookAddress.from_line(json.dumps(content | {"release": OTHER})).release == OTHER
    with pytest.raises(OtherRelease):
        LookAddress.from_line(json.dumps(content | {"release": OTHER, "more": 1}))

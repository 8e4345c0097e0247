# SPDX-License-Identifier: Apache-2.0
"""OBS in a sandbox like Flatpak's (tests/support/obs/flatpak_sandbox.py), the worker on the host, by pixels."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import flatpak_sandbox
import install
import obs_installations
import pytest
from flatpak_sandbox import Permissions
from flatpak_studio import FlatpakStudio
from obs_scene import Script, image_source, mirage_filter
from studio import MIRAGE_SCRIPT, alive, inverted, largest_difference, picture_file

from mirage_lsd.shared.release import VERSION

pytestmark = [
    pytest.mark.obs,
    pytest.mark.slow,
    pytest.mark.skipif(bool(flatpak_sandbox.missing()), reason=flatpak_sandbox.missing()),
]


@pytest.fixture(scope="module")
def zmq_folder(tmp_path_factory):
    """pyzmq for the sandbox's Python, as the installer brings it."""
    places = flatpak_sandbox.places(tmp_path_factory.mktemp("zmq"))
    install.install_zmq(places, flatpak_sandbox.python_inside())
    return places.zmq_folder(flatpak_sandbox.python_inside())


@pytest.fixture(scope="module")
def make_studio(tmp_path_factory, zmq_folder):
    """A studio in a sandbox, with one picture under the filter."""

    def make(permissions: Permissions) -> FlatpakStudio:
        home = tmp_path_factory.mktemp("flatpak") / "home"
        home.mkdir()
        still = picture_file(home / "still.png", 160, 90)
        source = image_source("Still", home / "still.png", filters=[mirage_filter(pipeline="passthrough")])
        script = Script(MIRAGE_SCRIPT, {"gestures_on": True})
        studio = FlatpakStudio(home, [source], zmq_folder, permissions, scripts=[script])
        studio.still = still
        return studio

    return make


@pytest.fixture(scope="module")
def studio(make_studio):
    """OBS's own permissions: /dev/shm is not the host's."""
    with make_studio(Permissions()) as studio:
        studio.start()
        yield studio


def test_the_worker_on_the_host_restyles_the_picture(studio):
    slot = studio.wait_styled("Still")
    studio.wait_ticks(slot, 3)
    assert largest_difference(studio.grab("Still"), inverted(studio.still)) == 0
    (worker,) = studio.host_processes()
    assert namespace(worker) == namespace(os.getpid()) != namespace(studio.inner_pid)
    assert "worker 1 runs after" in studio.log() and f"s, process {worker}\n" in studio.log(), "as the host counts"
    (session,) = studio.sessions()
    assert session.is_relative_to(studio.shared)


def test_the_other_processes_run_on_the_host_too(studio):
    studio.wait_styled("Still")
    studio.wait_until(lambda: studio.host_processes("mirage_lsd.worker.senses.gestures"), "the gestures' process")
    found = ctl(studio, "list")
    assert found.returncode == 0, found.stderr
    assert len(found.stdout.splitlines()) >= 30, "the presets, which the host's Python has read"


def test_ctl_on_the_host_commands_the_looks_in_the_sandbox(studio):
    studio.wait_styled("Still")
    try:
        assert ctl(studio, "off").returncode == 0
        studio.wait_untouched("Still")
        assert largest_difference(studio.grab("Still"), studio.still) == 0
    finally:
        assert ctl(studio, "on").returncode == 0


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_lost_worker_is_replaced(studio, blow):
    studio.wait_styled("Still")
    (before,) = studio.host_processes()
    os.kill(before, blow)
    studio.wait_until(lambda: studio.host_processes() and studio.host_processes() != [before], "another worker", 60)
    studio.wait_styled("Still")
    wanted = inverted(studio.still)
    studio.wait_until(lambda: largest_difference(studio.grab("Still"), wanted) == 0, "the other worker's picture")
    assert not alive(before)
    assert len(studio.host_processes()) == 1


def test_a_worker_whose_client_is_killed_ends_and_the_session_goes_on(studio):
    """Nobody forwards SIGKILL: the end of its input must end it, and must not take OBS's session folder along."""
    studio.wait_styled("Still")
    (before,), sessions = studio.host_processes(), studio.sessions()
    for client in subprocess.run(["pgrep", "-f", "flatpak-spawn --host .*mirage_lsd.worker$"], capture_output=True,
                                 text=True).stdout.split():
        os.kill(int(client), signal.SIGKILL)
    studio.wait_until(lambda: not alive(before), "the end of the worker")
    studio.wait_until(lambda: studio.host_processes() not in ([], [before]), "another worker")
    studio.wait_styled("Still")
    assert studio.sessions() == sessions and (sessions[0] / "looks.json").exists()


def test_nothing_is_left_when_obs_quits(studio):
    studio.wait_styled("Still")
    assert studio.quit() == 0
    assert studio.sessions() == []
    assert studio.host_processes() == studio.host_processes("mirage_lsd.worker.senses.gestures") == []


def test_the_worker_ends_and_tidies_up_when_obs_is_killed(make_studio):
    with make_studio(Permissions(devices="all;shm")) as studio:
        studio.start()
        studio.wait_styled("Still")
        (session,) = studio.sessions()
        assert str(session).startswith("/dev/shm/"), "allowed by --device=shm, memory is better than any folder"
        (worker,) = studio.host_processes()
        studio.kill_sandbox()
        wait_while(lambda: alive(worker) or session.exists())


def test_without_leave_to_start_programs_the_status_says_what_to_type(make_studio):
    with make_studio(Permissions(talk=False)) as studio:
        studio.start()
        slot = studio.slot("Still")
        wanted = f"flatpak override --user --talk-name=org.freedesktop.Flatpak {flatpak_sandbox.APP_ID}"
        studio.wait_until(lambda: wanted in slot.text("status"), f"a remedy; status: {slot.text('status')}")
        assert largest_difference(studio.grab("Still"), studio.still) == 0


def test_where_no_memory_is_shared_the_status_says_what_to_type(make_studio):
    with make_studio(Permissions(shared_runtime=False)) as studio:
        studio.start()
        studio.wait_log("Showing the source: Flatpak keeps OBS's shared memory from the worker: run `flatpak override")
        assert f"--device=shm {flatpak_sandbox.APP_ID}`" in studio.log()
        assert largest_difference(studio.grab("Still"), studio.still) == 0
        assert "worker 2 started" not in studio.log(), "trying again would not help"


def test_verify_tries_the_script_inside_the_sandbox(studio, tmp_path, zmq_folder, monkeypatch):
    """Through a stand-in for `flatpak run`: what runs inside is OBS's own Python, with what is linked there."""
    obs, record = flatpaks_obs(tmp_path, monkeypatch, studio.host / "door")
    version = flatpak_sandbox.python_inside()
    assert (obs.flatpak, obs.python, obs.problem) == (flatpak_sandbox.APP_ID, version, "")
    record({})
    (problem,) = obs_installations.try_out(obs, MIRAGE_SCRIPT, Path(sys.executable)).problems
    assert f"pyzmq for OBS's Python {version} is missing" in problem
    shutil.copytree(zmq_folder, tmp_path / "home/zmq")
    record({version: str(tmp_path / "home/zmq")})
    trial = obs_installations.try_out(obs, MIRAGE_SCRIPT, Path(sys.executable))
    assert trial.problems == [] and f"Python {version}." in trial.told


def test_verify_says_what_to_type_where_obs_may_start_no_program(tmp_path, zmq_folder, monkeypatch):
    obs, record = flatpaks_obs(tmp_path, monkeypatch, None)
    record({flatpak_sandbox.python_inside(): str(shutil.copytree(zmq_folder, tmp_path / "home/zmq"))})
    (problem,) = obs_installations.try_out(obs, MIRAGE_SCRIPT, Path(sys.executable)).problems
    assert f"--talk-name=org.freedesktop.Flatpak {flatpak_sandbox.APP_ID}`" in problem


def flatpaks_obs(folder: Path, monkeypatch, door: Path | None):
    """The OBS that the installer finds, and a function that writes install.json for it."""
    home = folder / "home"
    bus = {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={home / 'runtime' / 'bus'}"}
    variables = flatpak_sandbox.flatpak_command(folder, home, door) | bus
    for name, value in {**variables, "HOME": str(home), "MIRAGE_LSD_INSTALL": str(home / "install.json")}.items():
        monkeypatch.setenv(name, value)
    (home / "python").symlink_to(sys.executable)  # leads nowhere inside

    def record(zmq_paths: dict[str, str]) -> None:
        content = {"layout": 1, "worker_python": str(home / "python"), "zmq_paths": zmq_paths, "version": VERSION}
        (home / "install.json").write_text(json.dumps(content))

    return obs_installations.look_for()[-1], record


def ctl(studio: FlatpakStudio, *words: str) -> subprocess.CompletedProcess[str]:
    """`mirage-lsd ctl`, typed in the user's session."""
    command = [Path(sys.executable).with_name("mirage-lsd"), "ctl", *words]
    return subprocess.run(command, env=studio.host_environment(), capture_output=True, text=True, timeout=60)


def namespace(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/pid")


def wait_while(condition) -> None:
    """Until it is over; pytest's own limit ends it otherwise."""
    while condition():
        pass

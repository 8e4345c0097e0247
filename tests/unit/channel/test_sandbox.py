# SPDX-License-Identifier: Apache-2.0
"""Inside Flatpak's sandbox: where both sides meet, what is started on the host, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mirage_lsd.obs_script.host import install_record
from mirage_lsd.obs_script.host.install_record import InstallError, InstallRecord
from mirage_lsd.obs_script.processes import child_process
from mirage_lsd.shared.channel import look_address, sandbox, session_folder
from mirage_lsd.shared.channel.look_address import FILE_NAME, LookAddress
from mirage_lsd.shared.channel.sandbox import Sandbox
from mirage_lsd.shared.channel.session_folder import SessionFolder
from mirage_lsd.shared.release import VERSION
from mirage_lsd.shared.ring.memory_probe import EXIT_NOT_SHARED

APP_ID = "com.obsproject.Studio"
KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
WORKER = [sys.executable, "-m", "mirage_lsd.worker"]
CLIENT = Path(__file__).parents[2] / "support/spawn_client.py"


@pytest.fixture
def inside(tmp_path, monkeypatch):
    """A function that puts this process into a sandbox with the given devices."""
    home, runtime = tmp_path / "home", tmp_path / "run"
    (home / ".var/app" / APP_ID / "cache").mkdir(parents=True)
    (runtime / "app" / APP_ID).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))

    def enter(devices: str = "all") -> Sandbox:
        found = Sandbox(APP_ID, frozenset(devices.split(";")))
        monkeypatch.setattr(sandbox, "inside", lambda: found)
        return found

    return enter


@pytest.fixture
def host(inside, tmp_path, monkeypatch):
    """Inside, with a client that forwards as flatpak-spawn does."""
    client = tmp_path / "bin" / "flatpak-spawn"
    client.parent.mkdir()
    client.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{CLIENT}' \"$@\"\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{client.parent}:{os.environ['PATH']}")
    inside()
    return tmp_path


def test_the_file_in_the_root_tells_the_sandbox(tmp_path) -> None:
    info = tmp_path / "info"
    assert sandbox.inside(str(info)) is None
    info.write_text(f"[Application]\nname={APP_ID}\n\n[Context]\nshared=network;ipc;\ndevices=all;shm;\n")
    assert sandbox.inside(str(info)) == Sandbox(APP_ID, frozenset({"all", "shm"}))
    for damaged in ("", "nonsense", "[Context]\ndevices=all;\n", "\0\xff"):
        info.write_text(damaged, encoding="latin-1")
        assert sandbox.inside(str(info)) is None


def test_outside_nothing_changes() -> None:
    assert sandbox.inside() is None
    assert session_folder.private_root() == f"/dev/shm/mirage-lsd-{os.getuid()}"


def test_sessions_lie_where_the_host_sees_them_too(inside, tmp_path) -> None:
    """/dev/shm is another one inside, unless the sandbox was given the host's."""
    name = f"mirage-lsd-{os.getuid()}"
    inside("all")
    assert session_folder.private_root() == str(tmp_path / "run/app" / APP_ID / name)
    os.rename(tmp_path / "run/app", tmp_path / "run/gone")
    assert session_folder.private_root() == str(tmp_path / "home/.var/app" / APP_ID / "cache" / name)
    inside("all;shm")
    assert session_folder.private_root() == f"/dev/shm/{name}"


@pytest.mark.parametrize("place", [f"run/app/{APP_ID}", f"home/.var/app/{APP_ID}/cache"])
def test_a_controller_on_the_host_finds_the_look_store_of_a_sandbox(inside, tmp_path, monkeypatch, place) -> None:
    monkeypatch.delenv(look_address.ROOT_VARIABLE, raising=False)
    root = tmp_path / place / f"mirage-lsd-{os.getuid()}"
    root.mkdir(mode=0o700)
    owned = SessionFolder.create(str(root))
    try:
        address = LookAddress(40001, 40002, KEY, KEY, KEY, 2)
        address.write(owned.path_of(FILE_NAME))
        assert look_address.find() == address
    finally:
        owned.close()


def test_a_folder_that_others_may_enter_is_not_looked_into(inside, tmp_path) -> None:
    root = tmp_path / "run/app" / APP_ID / f"mirage-lsd-{os.getuid()}"
    root.mkdir()
    root.chmod(0o755)
    assert str(root) not in session_folder.known_roots()


def test_the_record_of_the_host_is_found(inside, tmp_path, monkeypatch) -> None:
    """XDG_DATA_HOME is the sandbox's own; the worker's Python is a link to what only the host has."""
    inside()
    monkeypatch.delenv("MIRAGE_LSD_INSTALL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home/.var/app" / APP_ID / "data"))
    data = tmp_path / "home/.local/share/mirage-lsd"
    data.mkdir(parents=True)
    (data / "python").symlink_to("/usr/bin/python-of-the-host")
    record = {"layout": 1, "worker_python": str(data / "python"), "version": VERSION}
    (data / "install.json").write_text(json.dumps(record))
    assert InstallRecord.find(str(tmp_path / "nowhere")).worker_python == str(data / "python")
    monkeypatch.setenv("HOST_XDG_DATA_HOME", str(tmp_path / "elsewhere"))
    assert str(tmp_path / "elsewhere/mirage-lsd/install.json") in install_record.candidates("/nowhere")
    monkeypatch.undo()
    with pytest.raises(InstallError, match="is gone"):
        InstallRecord.read(str(data / "install.json"))


def test_a_process_on_the_host_has_our_pipes_and_variables_and_no_others(host, monkeypatch) -> None:
    monkeypatch.setenv("MIRAGE_LSD_CACHE", "/some/cache")
    monkeypatch.setenv("PYTHONHOME", "/the/sandbox")
    program = "import os; print(os.getcwd(), os.environ.get('PYTHONHOME'), os.environ['MIRAGE_LSD_CACHE'])"
    monkeypatch.setenv("PATH", f"{host / 'bin'}:/usr/bin:/bin")
    (host / "bin/flatpak-spawn").write_text(
        f"#!/bin/sh\nunset PYTHONHOME MIRAGE_LSD_CACHE\nexport LD_PRELOAD=\nexec '{sys.executable}' '{CLIENT}' \"$@\"\n"
    )
    printed = child_process.output_of([sys.executable, "-c", program], "/no/such/folder", 20.0)
    assert printed.decode().split() == ["/", "None", "/some/cache"]


def test_a_program_that_fails_or_hangs_on_the_host_is_an_error(host) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        child_process.output_of([sys.executable, "-c", "raise SystemExit(7)"], "/", 20.0)
    assert failed.value.returncode == 7
    with pytest.raises(subprocess.TimeoutExpired):
        child_process.output_of(["sleep", "60"], "/", 0.2)


def started(host: Path) -> tuple[subprocess.Popen, int]:
    """A process that says its id and then reads its input to the end."""
    package = host / "talks"
    package.mkdir()
    (package / "python").write_text(
        f"#!/bin/sh\nexec '{sys.executable}' -c 'import os, sys; print(os.getpid(), flush=True); sys.stdin.read()'\n"
    )
    (package / "python").chmod(0o755)
    process = child_process.spawn(str(package / "python"), "/no/such/folder", str(host / "log"))
    return process, int(process.stdout.readline())


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_killing_it_ends_the_process_on_the_host_even_a_stopped_one(host) -> None:
    process, pid = started(host)
    os.kill(pid, signal.SIGSTOP)
    process.kill()
    assert child_process.ending(process.wait()) == "killed by signal 15"
    assert gone(pid)
    child_process.close_pipes(process)


def test_when_only_the_client_was_killed_the_end_of_its_input_ends_it(host) -> None:
    process, pid = started(host)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not gone(pid), "this is why"
    child_process.close_pipes(process)
    while not gone(pid):
        time.sleep(0.01)


def test_a_refusal_is_told_with_what_to_type(inside, tmp_path) -> None:
    log = tmp_path / "log"
    log.write_text("Portal call failed: The name is not activatable\nHint: --host only works when ...\n")
    assert child_process.advice(1, str(log)) == ""
    inside()
    assert "`flatpak override --user --talk-name=org.freedesktop.Flatpak" in child_process.advice(1, str(log))
    assert f"--device=shm {APP_ID}`" in child_process.advice(EXIT_NOT_SHARED, str(log))
    log.write_text("Portal call failed: Failed to start command: no such file\n")
    assert child_process.advice(1, str(log)) == ""
    log.write_text("Traceback ...\nValueError: no\n")
    assert child_process.advice(1, str(log)) == ""

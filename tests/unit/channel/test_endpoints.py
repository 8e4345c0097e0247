# SPDX-License-Identifier: Apache-2.0
"""The launch lines, and session folders: private, found again when their owner is dead, never taken from the living.

This file is also the program of another owner: `python test_endpoints.py ROOT`.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mirage_lsd.shared.channel import session_folder
from mirage_lsd.shared.channel.endpoints import LaunchConfig, LaunchReport
from mirage_lsd.shared.channel.session_folder import SessionFolder, owner_is_alive, private_root, sweep
from mirage_lsd.shared.errors import EndpointError, FieldError
from mirage_lsd.shared.release import RELEASE

KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
SECRET = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"
CONFIG = LaunchConfig("/dev/shm/x/y", "bell", KEY, SECRET, KEY, "/tmp/log")


def test_lines_round_trip() -> None:
    report = LaunchReport(40001, 40002, 77)
    for line in (CONFIG, report):
        text = line.to_line()
        assert text.count("\n") == 1 and text.endswith("\n")
        assert type(line).from_line(text) == line == type(line).from_line(text.encode())
    told = {"protocol": 1, "release": RELEASE, "control_port": 40001, "events_port": 40002, "pid": 77}
    assert json.loads(report.to_line()) == told


def without(content: dict, name: str) -> dict:
    return {key: value for key, value in content.items() if key != name}


GOOD = json.loads(CONFIG.to_line())


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("", "malformed"),
        ("\n", "malformed"),
        (b"\xff\n", "malformed"),
        ("[]", "malformed"),
        ("{", "malformed"),
        ("\ud800", "malformed"),
        (" " * 70_000, "malformed"),
        (json.dumps(GOOD) + " " * 70_000, "malformed"),
        (json.dumps({**GOOD, "protocol": 2}), "unknown_version"),
        (json.dumps({**GOOD, "release": "0.0.1+00000000"}), "other_release"),
        (json.dumps({"release": "0.0.1+00000000", "whatever": "it says"}), "other_release"),
        (json.dumps(without(GOOD, "release")), "other_release"),
        (json.dumps({**GOOD, "protocol": "1"}), "bad_field"),
        (json.dumps({**GOOD, "extra": 1}), "bad_field"),
        (json.dumps(without(GOOD, "doorbell")), "bad_field"),
        (json.dumps({**GOOD, "server_secret_key": SECRET[:-1]}), "bad_field"),
        (json.dumps({**GOOD, "server_secret_key": "#" * 40}), "bad_field"),
        (json.dumps({**GOOD, "session_dir": ""}), "bad_field"),
    ],
)
def test_a_bad_line_is_refused_without_showing_it(line, code: str) -> None:
    with pytest.raises(EndpointError) as caught:
        LaunchConfig.from_line(line)
    assert caught.value.code == code
    assert SECRET[:-1] not in str(caught.value)


@pytest.mark.parametrize("ports", [(0, 1), (65536, 1), (1, -1), (True, 1), ("1", 1)])
def test_ports_are_checked(ports) -> None:
    with pytest.raises(FieldError):
        LaunchReport(*ports, 1)


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(CONFIG) and SECRET in CONFIG.to_line()


def test_names_lead_into_the_session_folder_only() -> None:
    assert CONFIG.path_of("in-1.ring") == "/dev/shm/x/y/in-1.ring"
    assert CONFIG.path_of("/dev/shm/x/y/in-1.ring") == "/dev/shm/x/y/in-1.ring"
    assert CONFIG.doorbell_path == "/dev/shm/x/y/bell"
    for name in ("../z", "/etc/passwd", "a/b", "", ".", "..", "/dev/shm/x/y"):
        with pytest.raises(EndpointError):
            CONFIG.path_of(name)


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_folder_is_private_unguessable_and_removed_at_the_end(tmp_path: Path) -> None:
    one, two = SessionFolder.create(str(tmp_path)), SessionFolder.create(str(tmp_path))
    assert mode(one.path) == 0o700
    names = {os.path.basename(folder.path) for folder in (one, two)}
    assert len(names) == 2 and all(len(name) == 32 for name in names)
    Path(one.path_of("ring")).write_bytes(b"x")
    one.close()
    one.close()
    assert os.listdir(tmp_path) == [os.path.basename(two.path)]
    two.close()


def test_a_living_owners_folder_is_left_alone(tmp_path: Path) -> None:
    mine = SessionFolder.create(str(tmp_path))
    process, theirs = another_owner(tmp_path)
    assert owner_is_alive(mine.path) and owner_is_alive(theirs)
    assert sweep(str(tmp_path)) == []
    assert os.path.isdir(mine.path) and os.path.isdir(theirs)
    process.kill()
    process.communicate()
    assert not owner_is_alive(theirs)
    assert owner_is_alive(mine.path)
    assert sweep(str(tmp_path)) == [theirs]
    assert not os.path.exists(theirs) and os.path.isdir(mine.path)
    mine.close()


def another_owner(root: Path) -> tuple[subprocess.Popen, str]:
    """A process that owns a session folder with a ring in it, and that folder's path."""
    command = [sys.executable, __file__, str(root)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def test_a_child_of_the_owner_does_not_keep_it_alive(tmp_path: Path) -> None:
    """The worker is such a child: it must not count as the owner once OBS is dead."""
    program = (
        "import subprocess, sys\n"
        "from mirage_lsd.shared.channel.session_folder import SessionFolder\n"
        f"folder = SessionFolder.create({str(tmp_path)!r})\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(folder.path, child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    path, child = owner.stdout.readline().split()
    assert owner_is_alive(path)
    owner.kill()
    owner.wait()
    try:
        assert not owner_is_alive(path)
        assert sweep(str(tmp_path)) == [path]
    finally:
        os.kill(int(child), 9)
        owner.communicate()


def test_folders_appear_whole_however_many_sweep(tmp_path: Path) -> None:
    """A sweep that runs while folders are made must never take one of them."""
    ending = threading.Event()
    swept: list[str] = []

    def sweep_on() -> None:
        while not ending.is_set():
            swept.extend(sweep(str(tmp_path)))

    thread = threading.Thread(target=sweep_on)
    thread.start()
    folders = [SessionFolder.create(str(tmp_path)) for _ in range(200)]
    ending.set()
    thread.join()
    assert swept == []
    for folder in folders:
        assert os.path.isdir(folder.path)
        folder.close()


def test_a_sweep_touches_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "note").write_text("x")
    (tmp_path / "root" / ".new-0").mkdir()
    assert sweep(str(tmp_path / "root")) == []
    assert (tmp_path / "elsewhere").is_dir() and (tmp_path / "root" / ".new-0").is_dir()
    os.utime(tmp_path / "root" / ".new-0", (1, 1))
    assert sweep(str(tmp_path / "root")) == [str(tmp_path / "root" / ".new-0")]


def test_the_root_is_private_and_in_shared_memory() -> None:
    root = private_root()
    assert os.path.basename(root) == f"mirage-lsd-{os.getuid()}"
    assert os.path.dirname(root) == "/dev/shm" or not os.access("/dev/shm", os.W_OK)
    assert mode(root) == 0o700


def test_a_root_that_others_can_enter_is_not_used(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(session_folder.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(session_folder.sys, "platform", "darwin")
    root = tmp_path / f"mirage-lsd-{os.getuid()}"
    assert private_root() == str(root)
    root.chmod(0o755)
    with pytest.raises(EndpointError) as caught:
        private_root()
    assert caught.value.code == "not_private"
    root.rmdir()
    (tmp_path / "trap").mkdir(mode=0o700)
    root.symlink_to(tmp_path / "trap")
    with pytest.raises(EndpointError):
        private_root()


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EndpointError) as caught:
        SessionFolder.create(str(tmp_path / "none"))
    assert caught.value.code == "cannot_create"


if __name__ == "__main__":
    owned = SessionFolder.create(sys.argv[1])
    Path(owned.path_of("ring")).write_bytes(bytes(4096))
    print(owned.path, flush=True)
    sys.stdin.read()

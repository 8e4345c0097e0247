# SPDX-License-Identifier: Apache-2.0
"""Another user of this machine: a real account, and the program that tries, as that user, all it can at an OBS of ours.

`account()` makes the account (root can) and takes it away again; `attempts()` runs this file as it and returns what
succeeded. The program itself knows more than a stranger would: exact paths, process ids, ports, and the server's public
key; it imports nothing of ours. Invariant: an attempt that the system or the other side refuses is not in the answer.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SYSTEM_PYTHON = "/usr/bin/python3"
WAIT_MS = 1500


@contextmanager
def account() -> Iterator[str]:
    """A user with a name of its own, without a home or a password."""
    name = f"mirage-test-{secrets.token_hex(4)}"
    subprocess.run(["useradd", "--no-create-home", "--shell", "/bin/sh", name], check=True, capture_output=True)
    try:
        yield name
    finally:
        subprocess.run(["userdel", name], check=True, capture_output=True)


def run_as(user: str, *arguments: str, text: str = "") -> subprocess.CompletedProcess:
    """The system's Python as another user; it reads its program from `text`."""
    become = ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "--reset-env"]
    command = [*become, SYSTEM_PYTHON, *arguments]
    return subprocess.run(command, input=text, cwd="/", capture_output=True, text=True, timeout=120, check=True)


def attempts(user: str, zmq_folder: str, target: Mapping[str, object]) -> list[str]:
    """What `user` managed to do. target: folders, files, pids, doors ([port, kind, server's public key])."""
    with tempfile.TemporaryDirectory() as readable:
        shutil.copytree(zmq_folder, readable, dirs_exist_ok=True)  # the stranger's own pyzmq
        os.chmod(readable, 0o755)
        program = Path(__file__).read_text(encoding="utf-8")
        done = run_as(user, "-", json.dumps({**target, "zmq": readable}), text=program)
    return json.loads(done.stdout)


def _try_all(target: Mapping[str, list]) -> Iterator[str]:
    for folder in target["folders"]:
        yield from _succeeded(f"list {folder}", lambda folder=folder: os.listdir(folder))
        yield from _succeeded(f"plant a file in {folder}", lambda folder=folder: _plant(folder))
    for path in target["files"]:
        for what, attempt in {
            "read": lambda path=path: os.close(os.open(path, os.O_RDONLY)),
            "write": lambda path=path: os.close(os.open(path, os.O_RDWR)),
            "rename": lambda path=path: os.rename(path, path + "-taken"),
            "link": lambda path=path: os.link(path, "/dev/shm/mirage-stolen"),
            "open to": lambda path=path: os.chmod(path, 0o666),
            "look at": lambda path=path: os.stat(path),
            "remove": lambda path=path: os.unlink(path),
        }.items():
            yield from _succeeded(f"{what} {path}", attempt)
    for pid in target["pids"]:
        for name in ("environ", "maps", "mem", "fd", "map_files"):
            path = f"/proc/{pid}/{name}"
            read = os.listdir if name in ("fd", "map_files") else _first_byte
            yield from _succeeded(f"look into {path}", lambda path=path, read=read: read(path))
        yield from _succeeded(f"stop process {pid}", lambda pid=pid: os.kill(pid, 19))


def _plant(folder: str) -> None:
    os.close(os.open(os.path.join(folder, "planted"), os.O_CREAT | os.O_EXCL))


def _first_byte(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(1)


def _succeeded(what: str, attempt) -> Iterator[str]:
    try:
        attempt()
    except OSError:
        return
    yield what


def _knock(doors: list) -> Iterator[str]:
    """At each door with no keys, keys of one's own, the server's public key as one's own, and a wrong server key."""
    import zmq

    context = zmq.Context()
    own, other = zmq.curve_keypair(), zmq.curve_keypair()
    for port, kind, server_key in doors:
        server = server_key.encode()
        for what, keys, expected in (
            ("no keys", None, server),
            ("keys of its own", own, server),
            ("the server's key for its own", (server, own[1]), server),
            ("a wrong server key", own, other[0]),
        ):
            made = context.socket(getattr(zmq, kind))
            made.linger = 0
            if keys is not None:
                made.curve_publickey, made.curve_secretkey, made.curve_serverkey = *keys, expected
            made.connect(f"tcp://127.0.0.1:{port}")
            if kind == "SUB":
                made.subscribe(b"")
            else:
                made.send(b'{"v":1,"type":"turn_off","id":1,"body":{}}')
            if made.poll(WAIT_MS):
                yield f"an answer at {port} with {what}: {made.recv()[:80]!r}"
            made.close()
    context.destroy(linger=0)


def _main() -> None:
    target = json.loads(sys.argv[1])
    sys.path.insert(0, target["zmq"])
    print(json.dumps([*_try_all(target), *_knock(target["doors"])]))


if __name__ == "__main__":
    _main()

# SPDX-License-Identifier: Apache-2.0
"""Another user of the machine against a real OBS with everything on: nothing is read, nothing rung, nothing answered.

What this does not prove, because no program can: a process of the *same* user without the keys is not kept out. It may
read looks.json (0600) as `ctl` does, open the rings and doorbells of its own user's session, stop the worker or trace
OBS; systems give a user's processes to that user. What such a process cannot do without first reading those files or
another process's memory is talk to either door: the worker's keys are in no file, no argument and no environment.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from look_studio import LookStudio, look_source
from obs_scene import Script
from stranger import account, attempts
from studio import MIRAGE_SCRIPT, ROOT, largest_difference

from mirage_lsd.obs_script.host.install_record import InstallRecord

pytestmark = [
    pytest.mark.obs,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make the account of another user"),
]
EVERYTHING = {"gestures_on": True, "voice_on": True, "voice_source": "First", "voice_engine": "pocketsphinx"}
FILES = {"looks.json", "control.bin", "worker.bell", "plugin.bell", "owner.lock", "in-1-1", "out-1-1", "voice.audio"}


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strangers")
    scripts = [Script(MIRAGE_SCRIPT, EVERYTHING)]
    with LookStudio(folder / "obs", [look_source(folder, "First")], scripts=scripts) as studio:
        os.chmod(studio.session_root, 0o755)  # so that the session's own folder has to keep strangers out
        studio.start()
        studio.wait_styled("First")
        studio.address()
        for process in ("voice", "gestures"):
            studio.wait_log(f"{process} 1 started")
        yield studio


def listening(pids: list[int]) -> list[tuple[str, int]]:
    """(address in hexadecimal, port) of every TCP socket on which these processes listen."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            name = os.readlink(descriptor)
            if name.startswith("socket:["):
                inodes.add(name[8:-1])
    found = []
    for table in ("tcp", "tcp6"):
        rows = [line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
        found += [tuple(row[1].split(":")) for row in rows if row[3] == "0A" and row[9] in inodes]
    return [(address, int(port, 16)) for address, port in found]


def test_whoever_is_not_this_user_gets_nothing(studio):
    (session,) = studio.sessions()
    files = sorted(str(path) for path in session.iterdir())
    assert {Path(path).name for path in files} >= FILES
    address, pids = studio.address(), [studio.pid, *studio.worker_pids()]
    key = address.server_public_key
    doors = [[address.control_port, "DEALER", key], [address.events_port, "SUB", key]]
    doors += [[port, "DEALER", key] for _, port in listening(studio.worker_pids())]
    assert len(doors) == 4, "the worker's two doors as well"
    before, shown = Path(files[0]).parent.stat(), studio.grab("First")
    (zmq_folder, *_) = InstallRecord.find(str(ROOT / "obs_script")).zmq_paths.values()
    target = {"folders": [str(session)], "files": files, "pids": pids, "doors": doors}
    with account() as user:
        assert attempts(user, zmq_folder, target) == []
        control = attempts(user, zmq_folder, {**target, "folders": ["/dev/shm"], "files": [], "pids": [], "doors": []})
    assert "list /dev/shm" in control, "the attempts themselves work"
    Path("/dev/shm/planted").unlink(missing_ok=True)
    assert sorted(str(path) for path in session.iterdir()) == files
    assert (before.st_mode, before.st_ino) == (session.stat().st_mode, session.stat().st_ino)
    assert largest_difference(studio.grab("First"), shown) == 0
    with studio.controller() as client:
        assert not client.ask().filters[0].look.off
    studio.wait_styled("First")


def test_files_and_ports_are_this_users_own(studio):
    (session,) = studio.sessions()
    assert stat.S_IMODE(session.stat().st_mode) == 0o700
    open_to_others = [path.name for path in session.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert open_to_others == []
    ours = listening(studio.worker_pids())
    address = studio.address()
    ours += [one for one in listening([studio.pid]) if one[1] in (address.control_port, address.events_port)]
    assert len(ours) == 4
    assert {address for address, _ in ours} == {"0100007F"}, "127.0.0.1 and nothing else"


def test_no_key_is_where_all_can_see_it(studio):
    """Arguments are readable by every user, the environment by every process of this one."""
    address = studio.address()
    secret = [address.client_secret_key, address.client_public_key, address.server_public_key]
    for pid in (studio.pid, *studio.worker_pids()):
        seen = b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
        assert not any(key.encode() in seen for key in secret)
    logs = [path.read_text(errors="replace") for path in studio.sessions()[0].glob("*.log")] + [studio.log()]
    assert not any(key in log for key in secret for log in logs)

# SPDX-License-Identifier: Apache-2.0
"""What is made for one user stays that user's: whatever the umask, and whoever was at the place first."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from stranger import account, run_as

from mirage_lsd.obs_script.host.control_block import ControlBlock
from mirage_lsd.obs_script.processes.child_process import spawn
from mirage_lsd.shared.channel.curve import KEY_CHARS
from mirage_lsd.shared.channel.look_address import LookAddress
from mirage_lsd.shared.channel.session_folder import SessionFolder
from mirage_lsd.shared.doorbell.doorbell_fifo import FifoDoorbell
from mirage_lsd.shared.doorbell.doorbell_semaphore import SemaphoreDoorbell
from mirage_lsd.shared.ring.audio_ring import AudioRing
from mirage_lsd.shared.ring.ring import Ring

KEY = "0" * KEY_CHARS
ROOT_OF = """
import os, sys, types
package = types.ModuleType("mirage_lsd")
package.__path__ = [sys.argv[1]]
sys.modules["mirage_lsd"] = package
sys.dont_write_bytecode = True
from mirage_lsd.shared.channel.session_folder import SessionFolder, private_root
from mirage_lsd.shared.errors import MirageError
try:
    root = private_root()
    SessionFolder.create().close()
    print(root)
except MirageError as error:
    print(error.code)
"""


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_every_file_of_a_session_is_made_for_its_user_alone(tmp_path: Path, no_umask: None) -> None:
    session = SessionFolder.create(str(tmp_path))
    ring = Ring.create(session.path_of("ring"), 8, 8)
    block, sound = ControlBlock.create(session.path_of("block")), AudioRing.create(session.path_of("sound"))
    bells = [kind.create(session.path_of(kind.__name__)) for kind in (SemaphoreDoorbell, FifoDoorbell)]
    LookAddress(1, 2, KEY, KEY, KEY, 3).write(session.path_of("looks.json"))
    child = spawn("/bin/true", str(tmp_path), session.path_of("log"))
    child.communicate()
    made = {path.name: stat.S_IMODE(path.stat().st_mode) for path in Path(session.path).iterdir()}
    assert len(made) == 8
    assert {name: mode for name, mode in made.items() if mode & 0o077} == {}
    assert stat.S_IMODE(os.stat(session.path).st_mode) == 0o700
    for one in (ring, block, sound, *bells):
        one.close()
    session.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make the accounts of other users")
def test_a_place_that_another_user_took_first_is_not_used(checkout: Path) -> None:
    """In both places where a session may be, as a folder and as a link."""
    with account() as victim, account() as squatter:
        uid = run_as(victim, "-c", "import os; print(os.getuid())").stdout.strip()
        places = [f"{base}/mirage-lsd-{uid}" for base in ("/dev/shm", "/tmp")]

        def squat(how: str, place: str) -> None:
            run_as(squatter, "-c", f"import os; {how}", place)

        def root() -> str:
            return run_as(victim, "-", str(checkout), text=ROOT_OF).stdout.strip()

        try:
            squat(f"os.mkdir({places[0]!r}); os.chmod({places[0]!r}, 0o777)", places[0])
            assert root() == places[1]
            assert os.stat(places[1]).st_uid == int(uid)
            os.rmdir(places[1])
            squat(f"os.symlink('/', {places[1]!r})", places[1])
            assert root() == "not_private"
            assert os.listdir(places[0]) == []
        finally:
            for place in places:
                if os.path.islink(place):
                    os.unlink(place)
                elif os.path.isdir(place):
                    os.rmdir(place)

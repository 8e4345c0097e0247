# SPDX-License-Identifier: Apache-2.0
"""What is Windows' own in the OBS half, with a Windows Python: run by run.sh, under Wine.

OBS itself is not here: stand_ins.py makes libraries with its names and functions, which do nothing.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

if sys.platform != "win32":
    pytest.skip("for Windows: tests/wine/run.sh runs it under Wine", allow_module_level=True)

import desktop_obs
import install_places
import obs_installations
from lupa.luajit21 import LuaRuntime

from mirage_lsd.obs_script.host import install_record
from mirage_lsd.obs_script.host.install_record import InstallRecord
from mirage_lsd.obs_script.host.libobs import LibObs
from mirage_lsd.obs_script.host.loaded_libraries import STEMS, find_loaded, loaded_files, open_library
from mirage_lsd.obs_script.processes.child_process import ending, read_first_line, spawn
from mirage_lsd.obs_script.processes.worker_process import RUNNING, STOPPED, WorkerProcess
from mirage_lsd.shared.channel.session_folder import SessionFolder, owner_is_alive, sweep
from mirage_lsd.shared.clock import now_ns
from mirage_lsd.shared.doorbell.doorbell import Doorbell
from mirage_lsd.shared.doorbell.doorbell_event import EventDoorbell
from mirage_lsd.shared.errors import MirageError
from mirage_lsd.shared.messages.worker_commands import Ping

STAND_INS = os.environ.get("MIRAGE_LSD_STAND_INS", "")
OBS_SCRIPT = Path(__file__).resolve().parents[2] / "obs_script"


@pytest.fixture(scope="module")
def libraries(tmp_path_factory) -> dict[str, ctypes.CDLL]:
    """OBS's libraries, loaded from a folder whose name is in no code page."""
    with pytest.raises(MirageError, match=r"obs-scripting.*looked for obs-scripting\.dll|obs-scripting\.dll") as caught:
        open_library("scripting")
    assert caught.value.code == "not_in_obs"
    folder = shutil.copytree(STAND_INS, tmp_path_factory.mktemp("obs") / "Ā 漢 obs-studio")
    return {kind: ctypes.CDLL(str(folder / f"{stem}.dll")) for kind, stem in STEMS.items()}


def test_libobs_is_found_among_the_modules_of_the_process(libraries):
    for kind, library in libraries.items():
        assert open_library(kind)._handle == library._handle
        assert len(find_loaded(kind, loaded_files())) == 1
    assert LibObs().obs_get_signal_handler() is None


@pytest.fixture(scope="module")
def native(libraries):
    """ffi.lua in LuaJIT."""
    return LuaRuntime().globals().dofile(str(OBS_SCRIPT / "render/memory/ffi.lua"))


def test_the_lua_half_reads_the_clock_of_the_python_half(native):
    before_ns = now_ns()
    lua_ns = native.now_ns()
    after_ns = now_ns()
    assert before_ns - 1000 <= lua_ns <= after_ns + 1000, "a double has some 200 ns of rounding here"


def test_the_lua_half_rings_the_python_half(native, tmp_path):
    bell = Doorbell.create(str(tmp_path / "bell"))
    assert isinstance(bell, EventDoorbell)
    other = Doorbell.open(bell.path)
    ring = native.doorbell(float(bell._handle))  # as text in the script's settings: tonumber() in filter.lua
    native.fence()
    assert not other.wait(0)
    ring()
    ring()
    assert other.wait(0) and not other.wait(0)
    other.close()
    bell.close()


def test_a_folder_is_never_renamed_while_its_lock_is_open(tmp_path, monkeypatch):
    """Windows refuses that (Wine does not)."""
    monkeypatch.delattr(os, "rename")
    folder = SessionFolder.create(str(tmp_path))
    assert owner_is_alive(folder.path) and sweep(str(tmp_path)) == []
    (tmp_path / "being made").mkdir()
    assert sweep(str(tmp_path)) == [] and (tmp_path / "being made").is_dir()
    os.utime(tmp_path / "being made", (1, 1))
    assert sweep(str(tmp_path)) == [str(tmp_path / "being made")]
    folder.close()
    assert list(tmp_path.iterdir()) == []


def test_the_worker_s_process_starts_answers_and_ends(tmp_path):
    folder = SessionFolder.create(str(tmp_path))
    bell = Doorbell.create(folder.path_of("bell"))
    worker = WorkerProcess(InstallRecord(sys.executable), folder.path, "bell", print, lambda: None)
    while worker.state != RUNNING:
        worker.step(True)
        assert not worker.problem
        time.sleep(0.02)
    assert worker.request(Ping(now_ns()), 10).sent_ns > 0
    assert not worker.lost
    worker.stop()
    assert (worker.state, worker.pid) == (STOPPED, 0)
    bell.close()
    folder.close()
    assert not os.path.exists(folder.path), "no file of it is held open any more"


def test_a_killed_child_is_reaped_and_its_words_are_kept(tmp_path):
    log = tmp_path / "worker.log"
    child = spawn(sys.executable, str(tmp_path), str(log), "this")
    assert read_first_line(child.stdout) == [] or child.wait(60)
    child.stdin.close()
    child.wait(60)
    sleeping = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    sleeping.kill()
    assert ending(sleeping.wait(60)) == "status 1"


def test_the_script_looks_where_the_installer_writes():
    assert str(install_places.user_places().record) in install_record.candidates(str(OBS_SCRIPT))
    assert str(install_places.checkout_places().record) in install_record.candidates(str(OBS_SCRIPT))
    assert install_places.user_places().python.name == "python.exe"


def test_the_installer_finds_a_python_that_obs_can_load(monkeypatch, tmp_path):
    monkeypatch.setenv("APPDATA", str(tmp_path))  # OBS was never set to one; and there is no py launcher here
    found = Path(sys.base_prefix)
    assert desktop_obs.obs_python() == (f"3.{sys.version_info[1]}", found)
    assert obs_installations.python_versions() == [f"3.{sys.version_info[1]}"]
    assert str(found) in desktop_obs.notes()[0]

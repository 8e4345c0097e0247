# SPDX-License-Identifier: Apache-2.0
"""Finding the installation from inside OBS: where it is looked for, and what is said when it is not usable."""

from __future__ import annotations

import json
import sys

import pytest

from mirage_lsd.obs_script.host.install_record import InstallError, InstallRecord, candidates
from mirage_lsd.shared.release import VERSION


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("MIRAGE_LSD_INSTALL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def write(path, **changed):
    record = {"layout": 1, "worker_python": sys.executable, "zmq_paths": {}, "version": VERSION} | changed
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))
    return path


def test_the_named_file_comes_before_the_checkouts_and_the_users(home, monkeypatch):
    script_folder = str(home / "checkout" / "obs_script")
    for place, name in zip(candidates(script_folder), ("checkout", "user"), strict=True):
        write(home / place, zmq_paths={"of": name})
    assert InstallRecord.find(script_folder).zmq_paths["of"] == "checkout"
    monkeypatch.setenv("MIRAGE_LSD_INSTALL", str(write(home / "named.json", zmq_paths={"of": "named"})))
    assert InstallRecord.find(script_folder).zmq_paths["of"] == "named"
    assert InstallRecord.find(str(home / "elsewhere" / "obs_script")).zmq_paths["of"] == "named"


def test_a_record_of_another_release_is_passed_over_for_one_of_this(home, monkeypatch):
    script_folder = str(home / "checkout" / "obs_script")
    checkout, user = candidates(script_folder)
    write(home / checkout, version="0.0.1")
    with pytest.raises(InstallError, match=f"is of Mirage LSD 0.0.1, this script of {VERSION}") as error:
        InstallRecord.find(script_folder)
    assert error.value.code == "other_release"
    write(home / user, zmq_paths={"of": "user"})
    assert InstallRecord.find(script_folder).zmq_paths["of"] == "user"
    monkeypatch.setenv("MIRAGE_LSD_INSTALL", str(write(home / "named.json", version="0.0.2")))
    with pytest.raises(InstallError, match="is of Mirage LSD 0.0.2"):
        InstallRecord.find(script_folder)


def test_nothing_installed_says_what_to_run(home):
    with pytest.raises(InstallError, match="run installers/install") as error:
        InstallRecord.find(str(home / "obs_script"))
    assert error.value.code == "not_installed"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("{", "bad_record"),
        ("[]", "bad_record"),
        ('{"layout": 2, "worker_python": "/bin/sh"}', "bad_record"),
        ('{"layout": 1}', "bad_record"),
        ('{"layout": 1, "worker_python": "/bin/sh"}', "other_release"),
        (f'{{"layout": 1, "worker_python": "/nonexistent/python", "version": "{VERSION}"}}', "no_python"),
    ],
)
def test_an_unusable_record_is_refused(home, content, code):
    path = home / "install.json"
    path.write_text(content)
    with pytest.raises(InstallError, match="run (./)?installers/install") as error:
        InstallRecord.read(str(path))
    assert error.value.code == code


def test_importing_zmq_leaves_the_search_path_alone(home, tmp_path, monkeypatch):
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "zmq.py").write_text("HERE = True")
    monkeypatch.delitem(sys.modules, "zmq", raising=False)
    before = list(sys.path)
    InstallRecord(sys.executable, {version: str(folder)}).import_zmq()
    assert sys.modules["zmq"].HERE
    assert sys.path == before
    monkeypatch.delitem(sys.modules, "zmq")
    (folder / "zmq.py").write_text("raise ImportError('broken')")
    with pytest.raises(InstallError, match="broken") as error:
        InstallRecord(sys.executable, {version: str(folder)}).import_zmq()
    assert error.value.code == "no_zmq"
    assert sys.path == before

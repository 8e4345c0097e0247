# SPDX-License-Identifier: Apache-2.0
"""Which OBS there are, and the trial of each: what `install.sh verify` says must be what happens in OBS."""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import shutil
import sys
from pathlib import Path

import install
import obs_installations
import pytest
from install_places import Places
from install_system import InstallError
from obs_installations import NO_SCRIPTING, SNAP_PROBLEM, Obs, look_for, try_out

from mirage_lsd.shared.release import VERSION

PYTHON = Path(sys.executable)


@pytest.fixture(scope="module")
def debians() -> Obs:
    """Debian's own OBS, which every machine that runs the tests has."""
    return next(obs for obs in look_for() if obs.binary == os.path.realpath("/usr/bin/obs"))


@pytest.fixture
def script(checkout: Path) -> Path:
    return checkout / "obs_script/mirage_lsd_obs.py"


def test_obs_on_this_machine_is_found_with_its_libraries_and_python(debians: Obs) -> None:
    assert sorted(debians.libraries) == ["frontend", "obs", "scripting"]
    assert all(Path(path).is_file() for path in [*debians.libraries.values(), debians.libpython])
    assert debians.python.startswith("3.") and debians.python in Path(debians.libpython).name
    assert debians.python in obs_installations.python_versions()
    assert debians.problem == ""


def test_the_script_is_tried_with_what_it_will_load(debians: Obs, script: Path) -> None:
    trial = try_out(debians, script, PYTHON)
    assert trial.problems == []
    modules = sum(len(list(script.parent.parent.glob(f"{name}/**/[!_]*.py"))) for name in ("shared", "obs_script")) - 2
    assert f"Python {debians.python}" in trial.told
    assert f"{modules} modules" in trial.told, "all but the entry and what needs pyzmq, which is tried by itself"
    assert trial.lines == [f"{debians.name} works: {trial.told}"]


def test_without_a_program_of_that_python_its_library_is_used(debians: Obs, script: Path, monkeypatch) -> None:
    monkeypatch.setattr(obs_installations, "SYSTEM_FOLDERS", ("/nowhere",))
    trial = try_out(debians, script, PYTHON)
    assert trial.problems == []
    assert f"Python {debians.python}" in trial.told


@pytest.mark.parametrize(
    ("kind", "path", "words"),
    [
        ("scripting", None, "this OBS has no libobs-scripting.so"),
        ("scripting", "libc.so.6", "lacks obs_script_create, obs_script_destroy, obs_script_loaded"),
        ("frontend", "libc.so.6", "lacks obs_frontend_get_current_scene"),
        ("obs", "/nowhere/libobs.so.0", "cannot open shared object file"),
    ],
)
def test_an_obs_that_lacks_something_does_not_work(debians: Obs, script: Path, kind: str, path, words: str) -> None:
    libraries = {name: found for name, found in {**debians.libraries, kind: path}.items() if found}
    trial = try_out(dataclasses.replace(debians, libraries=libraries), script, PYTHON)
    assert any(words in problem for problem in trial.problems), trial
    assert all("DOES NOT WORK" in line for line in trial.lines)


def test_a_module_that_this_python_cannot_import_is_told(debians: Obs, script: Path, tmp_path: Path) -> None:
    """As when a new release uses what only a newer Python has."""
    for name in ("obs_script", "shared"):
        shutil.copytree(script.parent.parent / name, tmp_path / name)
    (tmp_path / "obs_script/young.py").write_text("match = 1\nfrom math import no_such_thing\n")
    trial = try_out(debians, tmp_path / "obs_script" / script.name, PYTHON)
    assert any("no_such_thing" in problem for problem in trial.problems), trial


def test_pyzmq_that_does_not_load_is_told(debians: Obs, script: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "zmq").mkdir()
    (tmp_path / "zmq/__init__.py").write_text("import no_such_wheel\n")
    record = tmp_path / "install.json"
    paths = {debians.python: str(tmp_path)}
    content = {"layout": 1, "worker_python": "/bin/sh", "zmq_paths": paths, "version": VERSION}
    record.write_text(json.dumps(content))
    monkeypatch.setenv("MIRAGE_LSD_INSTALL", str(record))
    (problem,) = try_out(debians, script, PYTHON).problems
    assert "no_such_wheel" in problem and "install.sh repair" in problem


def test_the_probe_is_python_3_9(checkout: Path) -> None:
    """It runs on OBS's own Python."""
    ast.parse((checkout / "installers/obs_probe.py").read_text(encoding="utf-8"), feature_version=(3, 9))


def test_an_obs_built_without_scripts_is_told(debians: Obs, script: Path, tmp_path: Path, monkeypatch) -> None:
    """libobs in a folder with nothing beside it, as an OBS built by hand without Python leaves it."""
    monkeypatch.setattr(obs_installations, "SYSTEM_FOLDERS", (str(tmp_path / "bin"),))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path / "lib"))
    for folder, path in (("bin", debians.binary), ("lib", debians.libraries["obs"])):
        (tmp_path / folder).mkdir()
        shutil.copy(path, tmp_path / folder)
    found = look_for()[0]
    assert (found.binary, found.problem) == (str(tmp_path / "bin/obs"), NO_SCRIPTING)
    assert try_out(found, script, PYTHON).problems == [NO_SCRIPTING]


def test_a_program_of_that_name_that_is_not_obs_is_no_obs(tmp_path: Path, monkeypatch) -> None:
    shutil.copy("/bin/true", tmp_path / "obs")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert str(tmp_path / "obs") not in [obs.binary for obs in look_for()]


def test_the_snap_is_told_apart(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "obs").touch()
    monkeypatch.setattr(obs_installations, "SNAP", tmp_path / "obs")
    assert look_for()[-1].problem == SNAP_PROBLEM


@pytest.mark.slow
def test_pyzmq_comes_for_every_python_and_one_without_it_stops_nobody(tmp_path: Path, monkeypatch, capsys) -> None:
    """3.5 stands for a Python for which pyzmq has no wheel."""
    places = Places(Path(install.CHECKOUT / ".venv"), tmp_path, tmp_path / "install.json", editable=True)
    found = [Obs(f"/{version}/obs", libraries={"obs": "x"}, python=version) for version in ("3.5", "3.12", "3.13")]
    monkeypatch.setattr(obs_installations, "find", lambda: tuple(found))
    assert install.install_every_zmq(places) == ["3.12", "3.13"]
    assert "no pyzmq for OBS's Python 3.5" in capsys.readouterr().out
    assert all((places.zmq_folder(version) / "zmq").is_dir() for version in ("3.12", "3.13"))
    assert obs_installations.problems({"3.12": str(tmp_path / "3.12")})[0].startswith("pyzmq for OBS's Python 3.5:")
    monkeypatch.setattr(obs_installations, "find", lambda: tuple(found[:1]))
    with pytest.raises(InstallError, match=r"no pyzmq for OBS's Python 3\.5"):
        install.install_every_zmq(places)


def test_where_no_obs_can_run_scripts_the_installer_says_why(monkeypatch) -> None:
    monkeypatch.setattr(obs_installations, "find", lambda: ())
    with pytest.raises(InstallError, match="apt-get install obs-studio"):
        obs_installations.python_versions()
    monkeypatch.setattr(obs_installations, "find", lambda: (Obs("/x/obs", problem=NO_SCRIPTING),))
    with pytest.raises(InstallError, match="built without Python scripts"):
        obs_installations.python_versions()

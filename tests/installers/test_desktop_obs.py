# SPDX-License-Identifier: Apache-2.0
"""The installers' decisions for Windows and macOS, and their scripts: parsed, and run as far as Linux can.

MIRAGE_LSD_BASH32: a bash 3.2, as macOS has (build it from Apple's published source), to run the shell scripts with too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import desktop_obs
import install_system
import obs_installations
import pytest

LISTING = r"""
 -V:3.14          C:\Users\Ann\AppData\Local\Programs\Python\Python314\python.exe
 -V:3.13 *        C:\Program Files\Python313\python.exe
 -V:3.12-arm64    C:\Python312-arm64\python.exe
 -V:3.11          C:\Users\Ann B\AppData\Local\Microsoft\WindowsApps\Python311\python3.11.exe
 -3.10-64         C:\Python310\python.exe
 -V:3.9-32        C:\Python39-32\python.exe
 -V:Astral/CPython3.12.1 C:\uv\python.exe
"""
BASHES = [path for path in ("/bin/bash", os.environ.get("MIRAGE_LSD_BASH32", "")) if path]
NEWER_THAN_BASH_3_2 = (
    r"\bdeclare -[A-Za-z]*[Agl]|\blocal -[A-Za-z]*[Agn]|\b(mapfile|readarray|coproc)\b|&>>|\|&|;;?&"
    r"|\$\{[^}]*(\^|,,|,\}|@[A-Za-z]\})|\bwait -n|\bprintf -v \w+\[|\[\[ -v |\$\{\w+: -|EPOCH|globstar|BASHPID"
)
PYTHONS = {"win32": "python312.dll", "darwin": "Python.framework/Versions/3.12/lib/libpython3.12.dylib"}


def test_the_launcher_s_list_gives_what_obs_could_load_newest_first() -> None:
    folders = [str(folder) for folder in desktop_obs.folders_listed(LISTING)]
    assert [re.findall(r"Python(3\d+)", folder)[0] for folder in folders] == ["314", "313", "310"]
    assert folders[1].endswith("Python313") or folders[1].endswith("Python313\\")


@pytest.fixture(params=PYTHONS)
def system(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A home without OBS's settings and without any Python."""
    monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MIRAGE_LSD_OBS_PYTHON", raising=False)
    monkeypatch.setattr(desktop_obs, "installed_folders", lambda _system: [tmp_path / "newer", tmp_path / "installed"])
    return request.param


def make_python(folder: Path, system: str, version: str) -> Path:
    name = PYTHONS[system].replace("3.12", version).replace("312", version.replace(".", ""))
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()
    return folder


@pytest.mark.parametrize("installed", [["3.13"], ["3.14", "3.5"], []])
def test_without_a_python_that_obs_can_load_the_user_is_told_what_it_must_be(
    system: str, installed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in installed:
        make_python(tmp_path / "newer", system, version)
    monkeypatch.setattr(sys, "platform", system)
    with pytest.raises(install_system.InstallError, match=r"3\.6 to 3\.12.*install Python 3\.12.*Python Settings"):
        obs_installations.python_versions()


def test_obs_s_own_setting_counts_then_the_newest_that_it_can_load(system: str, tmp_path: Path) -> None:
    make_python(tmp_path / "newer", system, "3.13")
    installed = make_python(make_python(tmp_path / "installed", system, "3.10"), system, "3.11")
    assert desktop_obs.obs_python(system) == ("3.11", installed)
    settings = desktop_obs.settings_folder(system)
    chosen = make_python(tmp_path / "my python", system, "3.9")
    settings.mkdir(parents=True)
    (settings / "global.ini").write_text(f"[General]\nPath64bit=/no\n[Python]\nPath64bit={chosen}\n\n[X]\nY=1\n")
    assert desktop_obs.obs_python(system) == ("3.9", chosen)
    (settings / "user.ini").write_text(f"\ufeff[Python]\nPath64bit={installed}\n[Basic]\nProfile=A\n")
    assert desktop_obs.obs_python(system) == ("3.11", installed), "OBS 31 and later read user.ini"
    (settings / "user.ini").write_text("[Python]\nPath64bit=/gone\n")
    assert desktop_obs.obs_python(system) == ("3.11", installed)
    assert f"{installed} (Python 3.11)" in desktop_obs.notes(system)[0]


def test_a_windows_path_is_written_with_doubled_backslashes(tmp_path: Path) -> None:
    (tmp_path / "user.ini").write_text("[Python]\nPath64bit=C:\\\\Program Files\\\\Python312\n")
    assert str(desktop_obs.chosen_folder(tmp_path)) == r"C:\Program Files\Python312"
    (tmp_path / "user.ini").write_text("[Python]\nPath64bit=\n")
    assert desktop_obs.chosen_folder(tmp_path) is None


def test_a_version_named_by_the_user_must_be_one_that_obs_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    for system in PYTHONS:
        assert desktop_obs.unknown_to_obs(["3.12", "3.13", "3.6", "4.0"], system) == ["3.13", "4.0"]
    assert desktop_obs.unknown_to_obs(["3.14"], "linux") == []
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("MIRAGE_LSD_OBS_PYTHON", "3.11,3.13")
    with pytest.raises(install_system.InstallError, match=r"OBS cannot load Python 3\.13\. "):
        obs_installations.python_versions()


def test_a_library_that_windows_lacks_is_explained() -> None:
    assert "Visual C++ Redistributable" in desktop_obs.hint("ImportError: DLL load failed while importing _pywrap")
    assert desktop_obs.hint("ModuleNotFoundError: no numpy") == ""
    assert desktop_obs.notes("linux") == []


def test_the_windows_script_parses_and_takes_a_python_that_obs_can_load_first(checkout: Path) -> None:
    import tree_sitter
    import tree_sitter_powershell

    source = (checkout / "installers/windows/install.ps1").read_bytes().replace(b"\r\n", b"\n")
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    tree = parser.parse(source)
    assert not tree.root_node.has_error
    assert parser.parse(source.replace(b"exit 1\n}", b"exit 1\n", 1)).root_node.has_error, "the parser sees errors"
    versions = re.findall(rb'"(3\.\d+)"', source)
    assert versions[0].decode() == desktop_obs.KNOWN_TO_OBS[0]
    assert all(int(version.split(b".")[1]) >= install_system.OLDEST_PYTHON[1] for version in versions)
    assert source.isascii(), "Windows PowerShell reads a file without a mark in the system's code page"


@pytest.mark.parametrize("name", ["install.sh", "demo.sh", "macos/install.sh"])
def test_the_shell_scripts_use_nothing_that_bash_3_2_lacks(checkout: Path, name: str) -> None:
    script = checkout / "installers" / name
    assert re.search(NEWER_THAN_BASH_3_2, script.read_text(encoding="utf-8")) is None
    for bash in BASHES:
        assert subprocess.run([bash, "-n", str(script)]).returncode == 0


@pytest.fixture
def mac(checkout: Path, tmp_path: Path) -> Path:
    """A copy of the scripts; uname says Darwin, python3 is too old, and python3.12 records its calls."""
    shutil.copytree(checkout / "installers", tmp_path / "a b" / "installers")
    programs = tmp_path / "bin"
    programs.mkdir()
    old = 'case "$2" in *version_info*) exit 1 ;; esac'
    recorder = f'[ "$1" = -c ] || echo "$(basename "$1") $2 ${{MIRAGE_LSD_OBS_PYTHON-none}}" >> "{tmp_path}/calls"'
    for program, body in {"uname": "echo Darwin", "python3": old, "python3.12": recorder}.items():
        (programs / program).write_text(f"#!/bin/sh\n{body}\n")
        (programs / program).chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("bash", BASHES)
@pytest.mark.parametrize("words", [[], ["3.11"]])
def test_the_mac_script_installs_and_verifies_with_a_python_that_is_new_enough(
    mac: Path, bash: str, words: list[str]
) -> None:
    (mac / "bin" / "bash").symlink_to(bash)
    environment = {"PATH": f"{mac / 'bin'}:/usr/bin:/bin", "HOME": str(mac)}
    script = mac / "a b" / "installers" / "macos" / "install.sh"
    subprocess.run([bash, str(script), *words], env=environment, check=True)
    named = words[0] if words else "none"
    assert (mac / "calls").read_text().splitlines() == [f"install.py {word} {named}" for word in ("install", "verify")]

# SPDX-License-Identifier: Apache-2.0
"""The wheel holds what the tree holds, under the single name mirage_lsd, and installs that way."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path, PurePosixPath

import pytest
from source_imports import imports_of

SOURCE_OF = {
    "obs_script": "mirage_lsd/obs_script",
    "shared": "mirage_lsd/shared",
    "worker": "mirage_lsd/worker",
}
SDK = "worker/sdk/"


def tracked_files(checkout: Path) -> list[str]:
    """Files of the three source folders that git knows or would add; an installed copy must have each."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *SOURCE_OF],
        cwd=checkout, check=True, capture_output=True, text=True,
    ).stdout
    return sorted(name for name in listing.split("\0") if name and (checkout / name).exists())


def place_in_wheel(name: str) -> str:
    if name.startswith(SDK):
        return "mirage_lsd/" + name.removeprefix(SDK)
    top, rest = name.split("/", 1)
    return f"{SOURCE_OF[top]}/{rest}"


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the tree, so that nothing is left behind in the checkout."""
    copy, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in [*tracked_files(checkout), "pyproject.toml", "README.md", "LICENSE", "NOTICE"]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((checkout / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    built = subprocess.run([*pip, "-w", str(out), str(copy)], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (path,) = out.glob("*.whl")
    return path


def test_wheel_holds_exactly_what_the_tree_holds(checkout: Path, wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {place_in_wheel(name) for name in tracked_files(checkout)}
    assert expected - packed == set(), "in the tree, not in the wheel: name the package or data in pyproject.toml"
    assert packed - expected == set(), "in the wheel, not in the tree"


def test_wheel_has_one_top_level_name_and_its_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {PurePosixPath(name).parts[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mirage_lsd"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_every_folder_of_python_files_is_a_listed_package(checkout: Path) -> None:
    listed = tomllib.loads((checkout / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {str(PurePosixPath(name).parent) for name in tracked_files(checkout) if name.endswith(".py")}
    expected = {"mirage_lsd" if f == "worker/sdk" else "mirage_lsd." + f.replace("/", ".") for f in folders}
    assert set(listed) == expected


def test_wheel_installs_and_imports_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """Unpacked elsewhere, with the checkout's editable install switched off, the packages still import."""
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path)
    program = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); sys.meta_path[:] = [f for f in sys.meta_path"
        " if 'editable' not in str(getattr(f, '__module__', f)).lower()]\n"
        "import mirage_lsd, mirage_lsd.shared, mirage_lsd.worker, mirage_lsd.obs_script\n"
        "print(json.dumps([m.__file__ for m in (mirage_lsd, mirage_lsd.shared, mirage_lsd.worker)]))"
    )
    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert all(Path(file).is_relative_to(tmp_path) for file in json.loads(ran.stdout))


def test_installed_package_leaks_no_other_top_level_name(tmp_path: Path) -> None:
    """As a user has it: no 'shared', 'worker' or 'obs_script' can be imported from an unrelated folder."""
    program = (
        "import importlib.util as u, mirage_lsd.worker\n"
        "print([n for n in ('shared', 'worker', 'obs_script', 'sdk') if u.find_spec(n)])"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.strip()) == (0, "[]"), ran.stderr


def test_every_imported_package_is_a_named_dependency(checkout: Path) -> None:
    """Whatever the worker imports, at any depth, is in dependencies or an extra, not there by luck."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    named = {re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for lines in lists for line in lines}
    bringing = packages_distributions()
    unnamed = {}
    for file in (checkout / "worker").rglob("*.py"):
        for line, name in imports_of(file):
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names | {"mirage_lsd"} and not named & {
                d.lower() for d in bringing.get(top, [])
            }:
                unnamed[f"{file.relative_to(checkout)}:{line}"] = top
    assert unnamed == {}


def test_entry_point_runs(tmp_path: Path) -> None:
    """The mirage-lsd command is installed beside the interpreter and explains itself."""
    command = Path(sys.executable).with_name("mirage-lsd")
    ran = subprocess.run([str(command), "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "usage" in ran.stdout.lower()

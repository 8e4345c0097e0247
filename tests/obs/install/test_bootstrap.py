# SPDX-License-Identifier: Apache-2.0
"""The script's own start in a bare interpreter: packages from the folders beside it, no zmq, no sys.path changes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

OBS_SCRIPT = Path(__file__).resolve().parents[3] / "obs_script"
OTHER_PYTHONS = ("python3.9", "python3.10", "python3.12", "python3.13", "/usr/bin/python3")


def interpreters() -> list[str]:
    """This Python, and every other one here that OBS may have been built with."""
    found = [path for name in OTHER_PYTHONS if (path := shutil.which(name))]
    empty = [subprocess.run([path, "-c", ""], capture_output=True, check=False) for path in found]
    return sorted({sys.executable, *(ran.args[0] for ran in empty if ran.returncode == 0)})


FILES = [path.relative_to(OBS_SCRIPT) for path in OBS_SCRIPT.rglob("[!_]*.py") if path.stem != "mirage_lsd_obs"]
MODULES = sorted(".".join(path.with_suffix("").parts) for path in FILES)
PROGRAM = f"""
import importlib, sys, types
sys.dont_write_bytecode = True
sys.modules["obspython"] = types.ModuleType("obspython")
sys.path.append({str(OBS_SCRIPT)!r})
import mirage_lsd_obs
before = list(sys.path)
mirage_lsd_obs._make_packages()
mirage_lsd_obs._make_packages()
for name in {MODULES!r}:
    importlib.import_module("mirage_lsd.obs_script." + name)
assert sys.path == before
assert "zmq" not in sys.modules and "numpy" not in sys.modules
print(sys.modules["mirage_lsd.shared"].__file__)
"""


@pytest.mark.parametrize("interpreter", interpreters())
def test_everything_obs_needs_comes_from_the_scripts_own_folders(interpreter):
    command = [interpreter, "-I", "-S", "-c", PROGRAM]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert Path(ran.stdout.strip()) == OBS_SCRIPT.parent / "shared" / "__init__.py"

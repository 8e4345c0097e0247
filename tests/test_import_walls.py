# SPDX-License-Identifier: Apache-2.0
"""Who may import what: the walls that keep OBS's interpreter light and the worker free of OBS.

Read from the source (every import, also those inside functions) and then proven by importing for real.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from source_imports import imports_of

HEAVY = {"torch", "numpy", "cv2", "onnxruntime", "openvino", "safetensors", "ai_edge_litert", "PIL", "scipy"}
STANDARD = set(sys.stdlib_module_names)
OBS_ONLY = {"obspython", "_obspython"}


def breaches(checkout: Path, folder: str, allowed) -> list[str]:
    """Imports in a folder that `allowed(file, dotted_name)` refuses, as 'file:line name'."""
    found = []
    for file in sorted((checkout / folder).rglob("*.py")):
        for line, name in imports_of(file):
            if not allowed(file, name):
                found.append(f"{file.relative_to(checkout)}:{line} {name}")
    return found


def under(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def test_shared_needs_only_the_standard_library_and_zmq_in_one_file(checkout: Path) -> None:
    def allowed(file: Path, name: str) -> bool:
        top = name.split(".")[0]
        return top in STANDARD or under(name, "mirage_lsd.shared") or (top == "zmq" and file.name == "channel.py")

    assert breaches(checkout, "shared", allowed) == []


@pytest.mark.parametrize("folder", ["shared", "obs_script"])
def test_what_runs_inside_obs_is_python_3_9(checkout: Path, folder: str) -> None:
    """OBS brings its own Python, on Windows and macOS one as old as 3.9: no match statements and the like."""
    for file in sorted((checkout / folder).rglob("*.py")):
        ast.parse(file.read_text(encoding="utf-8"), str(file), feature_version=(3, 9))


def test_obs_script_needs_only_the_standard_library_shared_and_obs(checkout: Path) -> None:
    def allowed(file: Path, name: str) -> bool:
        ours = under(name, "mirage_lsd.shared", "mirage_lsd.obs_script")
        return name.split(".")[0] in STANDARD | OBS_ONLY or ours

    assert breaches(checkout, "obs_script", allowed) == []


def test_worker_never_touches_obs(checkout: Path) -> None:
    def allowed(file: Path, name: str) -> bool:
        return name.split(".")[0] not in OBS_ONLY and not under(name, "mirage_lsd.obs_script")

    assert breaches(checkout, "worker", allowed) == []


def test_only_the_channel_imports_zmq(checkout: Path) -> None:
    def allowed(file: Path, name: str) -> bool:
        return name.split(".")[0] != "zmq" or file == checkout / "shared" / "channel" / "channel.py"

    # The transport benchmark compares the ring with ZeroMQ itself.
    found = [b for folder in ("shared", "obs_script", "worker") for b in breaches(checkout, folder, allowed)]
    assert [b for b in found if not b.startswith("worker/bench/")] == []


def loaded_by(statement: str) -> set[str]:
    """Top-level modules loaded by a statement in a fresh interpreter."""
    program = f"import sys\n{statement}\nprint(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.split())


def modules_of(checkout: Path, folder: str) -> list[str]:
    files = [file.relative_to(checkout).with_suffix("") for file in (checkout / folder).rglob("[!_]*.py")]
    return sorted(".".join(["mirage_lsd", *file.parts]) for file in files)


def test_importing_shared_loads_nothing_heavy(checkout: Path) -> None:
    statement = "import " + ", ".join(modules_of(checkout, "shared"))
    assert loaded_by(statement) & (HEAVY | OBS_ONLY) == set()


def test_importing_the_sdk_is_light() -> None:
    assert loaded_by("import mirage_lsd") & (HEAVY | {"zmq"}) == set()


@pytest.mark.parametrize("module", ["mirage_lsd.worker.programs.cli", "mirage_lsd.worker.loop"])
def test_the_worker_starts_without_torch(module: str) -> None:
    """The CPU engine never needs PyTorch: a restart after a crash would take seconds longer with it."""
    assert loaded_by(f"import {module}") & {"torch", "anny", "moderngl"} == set()


def test_loading_the_engine_sends_no_usage_report(tmp_path: Path) -> None:
    """OpenVINO reports its import to its makers, and leaves ~/intel behind, unless its telemetry is kept out."""
    program = "import sys, mirage_lsd.worker.engines.openvino; print(sys.modules.get('openvino_telemetry'))"
    environment = {**os.environ, "HOME": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.strip()) == (0, "None"), ran.stderr
    assert list(tmp_path.iterdir()) == []

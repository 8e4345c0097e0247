# SPDX-License-Identifier: Apache-2.0
"""Every OBS Studio on this Linux machine, what each is linked to, and whether the script works in it.

Used by install.py. Invariants: nothing is installed or changed, no OBS is started; what is asked of an OBS is asked of
the files it would load, inside its own sandbox where it has one (obs_probe.py).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import desktop_obs
from install_system import InstallError

PROBE = Path(__file__).with_name("obs_probe.py")
TRIED_WITHIN_S = 120.0
FLATPAK_ID = "com.obsproject.Studio"
SNAP = Path("/snap/obs-studio/current/usr/bin/obs")
SYSTEM_FOLDERS = ("/usr/bin", "/usr/local/bin")
SPAWN_PROBLEM = f"run `flatpak override --user --talk-name=org.freedesktop.Flatpak {FLATPAK_ID}`, then restart OBS"
SNAP_PROBLEM = "the snap keeps the worker's files from OBS: install Debian's or Ubuntu's obs-studio, or Flatpak's"
NO_SCRIPTING = "it was built without Python scripts: install Debian's or Ubuntu's own obs-studio package, or Flatpak's"
INITIALIZE = (
    "my $library = DynaLoader::dl_load_file($ARGV[0], 1) or die DynaLoader::dl_error();"
    'DynaLoader::dl_install_xsub("main::run", DynaLoader::dl_find_symbol($library, "Py_Initialize")); run();'
)
"""For perl, which every Debian has: Py_Initialize of a libpython, which imports our sitecustomize. Another Python
cannot do that: two of them in one process crash."""


@dataclass(frozen=True)
class Obs:
    """One OBS. `binary`: as it sees itself; `flatpak`: its id there, or "". `problem`: why no script can ever work."""

    binary: str
    flatpak: str = ""
    problem: str = ""
    libraries: dict[str, str] = field(default_factory=dict)
    python: str = ""
    libpython: str = ""

    @property
    def name(self) -> str:
        return f"Flatpak's OBS ({self.flatpak})" if self.flatpak else f"OBS ({self.binary})"

    def command(self, *words: str) -> list[str]:
        """The command line that runs a program where this OBS would run."""
        if self.flatpak:
            return ["flatpak", "run", f"--command={words[0]}", self.flatpak, *words[1:]]
        return list(words)


@dataclass(frozen=True)
class Trial:
    """What trying out one OBS gave: nothing in `problems` when the script works in it; `told`: what was found."""

    obs: Obs
    problems: list[str]
    told: str = ""

    @property
    def lines(self) -> list[str]:
        """For the user, one line each."""
        if not self.problems:
            return [f"{self.obs.name} works: {self.told}"]
        return [f"{self.obs.name} DOES NOT WORK: {problem}" for problem in self.problems]


@cache
def find() -> tuple[Obs, ...]:
    """All there are, the one that `obs` starts first; looked for once."""
    return look_for()


def look_for() -> tuple[Obs, ...]:
    """The same, looked for anew."""
    if sys.platform != "linux":
        return ()
    found = [_looked_at(Obs(binary)) for binary in _binaries()]
    if _flatpak_folder() is not None:
        found.append(_looked_at(Obs("/app/bin/obs", FLATPAK_ID)))
    if SNAP.exists():
        found.append(Obs(str(SNAP), problem=SNAP_PROBLEM))
    return tuple(obs for obs in found if obs.libraries or obs.problem)


def python_versions() -> list[str]:
    """The Python versions ("3.11") that the OBS on this machine are linked to. Raises InstallError where there is none.

    On Windows and macOS the user chooses it in OBS (desktop_obs.py). MIRAGE_LSD_OBS_PYTHON says which one anywhere.
    """
    if named := os.environ.get("MIRAGE_LSD_OBS_PYTHON"):
        if wrong := desktop_obs.unknown_to_obs(named.split(","), sys.platform):
            raise InstallError(f"OBS cannot load Python {' and '.join(wrong)}. {desktop_obs.explain(sys.platform)}")
        return named.split(",")
    if sys.platform != "linux":
        version, _ = desktop_obs.obs_python(sys.platform)
        if not version:
            raise InstallError(desktop_obs.explain(sys.platform))
        return [version]
    if not find():
        raise InstallError("OBS Studio is not installed: apt-get install obs-studio")
    versions = {obs.python for obs in find() if obs.python and not obs.problem}
    if not versions:
        raise InstallError("; ".join(f"{obs.name}: {obs.problem}" for obs in find()))
    return sorted(versions, key=lambda version: [int(part) for part in version.split(".")])


def problems(zmq_paths: dict[str, str]) -> list[str]:
    """What can be seen without trying: scripts that cannot work, pyzmq that is missing since OBS was upgraded."""
    found = [f"{obs.name}: {obs.problem}" for obs in find() if obs.problem]
    for version in python_versions():
        if not Path(zmq_paths.get(version, "/nowhere"), "zmq").is_dir():
            found.append(f"pyzmq for OBS's Python {version}: run `./installers/install.sh repair`")
    return found


def try_all(script: Path, worker_python: Path) -> list[Trial]:
    """Of every OBS; where the user named OBS's Python, of those with that one."""
    named = os.environ.get("MIRAGE_LSD_OBS_PYTHON", "").split(",")
    return [try_out(obs, script, worker_python) for obs in find() if named == [""] or obs.python in named]


def try_out(obs: Obs, script: Path, worker_python: Path) -> Trial:
    """Load with this OBS's Python what the script will load in it; from inside a sandbox also start a process outside,
    as the script will."""
    if obs.problem:
        return Trial(obs, [obs.problem])
    try:
        result = _asked(_in_its_python(obs), "try", str(script), json.dumps(obs.libraries))
    except InstallError as error:
        return Trial(obs, [str(error)])
    told = (
        f"OBS {result['version']}, Python {result['python']}, pyzmq {result['zmq']}: {result['modules']} modules and"
        f" {result['symbols']} functions of OBS found"
    )
    return Trial(obs, result["problems"] + _start_problems(obs, worker_python), told)


def _start_problems(obs: Obs, worker_python: Path) -> list[str]:
    if not obs.flatpak:
        return []
    command = obs.command("flatpak-spawn", "--host", "--directory=/", str(worker_python), "-c", "import mirage_lsd")
    try:
        ran = _run(command, dict(os.environ))
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"OBS cannot start the worker ({error}): {SPAWN_PROBLEM}"]
    if ran.returncode == 0:
        return []
    why = (ran.stderr.strip() or f"status {ran.returncode}").splitlines()[-1]
    return [f"OBS cannot start the worker ({why}): {SPAWN_PROBLEM}"]


def _binaries() -> list[str]:
    """Programs called obs, each once; not Flatpak's and snap's, which are entered by other names."""
    folders = [*os.environ.get("PATH", "").split(os.pathsep), *SYSTEM_FOLDERS]
    found = [shutil.which("obs", path=folder) for folder in folders if folder]
    return list(dict.fromkeys(os.path.realpath(path) for path in found if path))


def _flatpak_folder() -> Path | None:
    """Where Flatpak keeps OBS, for all users or for this one."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    bases = [
        os.environ.get("FLATPAK_SYSTEM_DIR") or "/var/lib/flatpak",
        os.environ.get("FLATPAK_USER_DIR") or data / "flatpak",
    ]
    folders = [Path(base, "app", FLATPAK_ID, "current", "active") for base in bases]
    return next((folder for folder in folders if (folder / "metadata").exists()), None)


def _looked_at(obs: Obs) -> Obs:
    """The same, with what it is linked to."""
    python = ["python3"] if obs.flatpak else [sys.executable]
    try:
        seen = _asked(_Runner(obs, python), "look", obs.binary)
    except InstallError as error:
        return Obs(obs.binary, obs.flatpak, str(error))
    problem = NO_SCRIPTING if seen["libraries"] and not seen["python"] else ""
    return Obs(obs.binary, obs.flatpak, problem, seen["libraries"], seen["python"], seen["libpython"])


@dataclass(frozen=True)
class _Runner:
    """How to run obs_probe.py: a Python's command line where `obs` runs, or its libpython through perl."""

    obs: Obs
    python: Sequence[str] = ()

    def run(self, words: Sequence[str], folder: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        if self.python:
            # As text, not as a file: the checkout may lie where a sandbox sees nothing.
            command = self.obs.command(*self.python, "-I", "-B", "-c", PROBE.read_text(encoding="utf-8"), *words)
        else:
            start = f"import sys; sys.argv = {['', *words]!r}; sys.path.insert(0, {str(PROBE.parent)!r})"
            program = f"{start}\nimport obs_probe\nobs_probe.main(sys.argv[1:])\n"
            Path(folder, "sitecustomize.py").write_text(program, encoding="utf-8")
            environment |= {"PYTHONPATH": folder, "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
            command = self.obs.command("perl", "-MDynaLoader", "-e", INITIALIZE, self.obs.libpython)
        return _run(command, environment)


def _in_its_python(obs: Obs) -> _Runner:
    """The Python that the OBS is linked to: its own program where it is installed, else its library alone."""
    if obs.flatpak:
        return _Runner(obs, ["python3"])
    program = shutil.which(f"python{obs.python}", path=os.pathsep.join(SYSTEM_FOLDERS))
    return _Runner(obs, [program] if program else [])


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    streams = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    return subprocess.run(command, env=environment, timeout=TRIED_WITHIN_S, **streams)


def _asked(runner: _Runner, *words: str) -> Any:
    """What obs_probe.py answers. Raises InstallError."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            ran = runner.run(words, folder)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InstallError(f"it cannot be tried: {error}") from error
    lines = ran.stdout.strip().splitlines()
    try:
        return json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        words_of_it = (ran.stderr.strip() or "it said nothing").splitlines()[-1]
        raise InstallError(f"what it loads cannot be loaded (status {ran.returncode}): {words_of_it}") from error

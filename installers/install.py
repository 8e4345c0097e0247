# SPDX-License-Identifier: Apache-2.0
"""Install, check, verify, repair and remove Mirage LSD: `./installers/install.sh COMMAND`.

Run by hand or by demo.sh and tests/run.sh, with the system's Python and the standard library alone. Steps are
safe to repeat: what is already right is left alone. Nothing outside the installation's own folder is changed,
but for Debian packages that are missing.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import desktop_obs
import install_system as system
import obs_installations
from install_places import (
    CHECKOUT,
    Places,
    checkout_places,
    engine_cache,
    installed_extras,
    read_record,
    stamp_is_current,
    user_places,
    write_record,
    write_stamp,
)
from install_system import InstallError

OURS = "mirage_lsd.worker, mirage_lsd.shared.channel.channel"
MODULES = f"{OURS}, numpy, cv2, ncnn, onnxruntime, openvino, ai_edge_litert"
FILM = "film"  # for everybody: 36 MB beside some 200
FIND_TORCH = "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is None)"


@dataclass(frozen=True)
class Wish:
    """What the command line asked for: where, with which extras of pyproject.toml, with test tools or not."""

    places: Places
    extras: frozenset[str]
    for_tests: bool

    def missing(self) -> list[system.Need]:
        """Demo and tests, which use a checkout's installation, start Debian's own OBS; a user may have another."""
        wants_obs = self.places.editable or not obs_installations.find()
        return system.missing(system.is_headless(), self.for_tests, wants_obs)


def say(text: str) -> None:
    print(f"[mirage-lsd] {text}", flush=True)


def run(command: list[str | Path], what: str) -> None:
    """Run a step, its output shown only when it fails."""
    ran = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if ran.returncode != 0:
        output = f"{ran.stdout[-2000:]}{ran.stderr[-4000:]}"
        hints = system.compiler_hint(ran.stdout + ran.stderr) + desktop_obs.hint(output)
        raise InstallError(f"{what} failed:\n{output}{hints}")


def check(wish: Wish) -> bool:
    """Say what is missing, and change nothing."""
    problems = missing_parts(wish) or obs_installations.problems((read_record(wish.places) or {}).get("zmq_paths", {}))
    for problem in problems:
        say(f"missing: {problem}")
    return not problems


def missing_parts(wish: Wish) -> list[str]:
    """What is missing of the installation itself."""
    places = wish.places
    problems = [f"{need.package}: {need.reason}" for need in wish.missing()]
    if read_record(places) is None:
        problems.append(f"Mirage LSD is not installed in {places.venv}")
    elif not works(places.python, "import mirage_lsd"):
        problems.append(f"{places.venv} does not work: run `./installers/install.sh repair`")
    return problems


def install(wish: Wish) -> bool:
    """Install what is missing; a second run changes nothing."""
    places = wish.places
    system.check_python()
    for _ in range(2):  # some needs are OBS's own and known only once it is there
        if packages := [need.package for need in wish.missing()]:
            say(f"installing Debian packages: {' '.join(packages)}")
            system.install_debian_packages(packages)
            obs_installations.find.cache_clear()
    if not works(places.python, "import pip"):
        say(f"making a virtual environment in {places.venv}")
        run([sys.executable, "-m", "venv", "--clear", places.venv], "making the virtual environment")
    if not is_current(wish):
        install_project(wish)
    versions = install_every_zmq(places)
    write_record(places, versions, project_version())
    say("preparing the model")
    run([places.command, "warm"], "starting the model")
    say("installed")
    return True


def install_project(wish: Wish) -> None:
    places, extras = wish.places, sorted(wish.extras | installed_extras(wish.places))
    if "train" in extras and not shutil.which("nvidia-smi") and not works(places.python, FIND_TORCH):
        say("installing PyTorch")
        run([places.python, "-m", "pip", "install", "torch==2.13.0"], "installing PyTorch")
    say("installing Mirage LSD and what it needs (some 230 MB the first time)")
    target = f"{CHECKOUT}[{','.join(extras)}]" if extras else str(CHECKOUT)
    how = ["-e", target] if places.editable else [target]
    shutil.rmtree(CHECKOUT / "build" / "lib", ignore_errors=True)  # setuptools would pack what lies there
    run([places.python, "-m", "pip", "install", "--upgrade", *how], "installing Mirage LSD")
    write_stamp(places, extras)


def install_every_zmq(places: Places) -> list[str]:
    """For the Python of every OBS here; returns those that have it. Raises InstallError where that is none."""
    done, problems = [], []
    for version in obs_installations.python_versions():
        try:
            install_zmq(places, version)
            done.append(version)
        except InstallError as error:
            why = str(error).splitlines()[-1]
            problems.append(f"no pyzmq for OBS's Python {version} ({why}): use another OBS, or try again later")
    if not done:
        raise InstallError("; ".join(problems))
    for problem in problems:
        say(problem)
    return done


def install_zmq(places: Places, version: str) -> None:
    """pyzmq for OBS's own Python, in a folder that only our script adds to its path."""
    folder = places.zmq_folder(version)
    if (folder / "zmq").is_dir():
        return
    say(f"installing pyzmq for OBS's Python {version}")
    shutil.rmtree(folder, ignore_errors=True)
    pip = [places.python, "-m", "pip", "install", "--only-binary=:all:", "--implementation", "cp"]
    run([*pip, "--python-version", version, "--target", folder, "pyzmq>=26"], "installing pyzmq")


def verify(wish: Wish) -> bool:
    """Prove that the installation works, by running it."""
    places = wish.places
    if missing_parts(wish):
        return check(wish)
    run([places.python, "-c", f"import {MODULES}"], "importing the worker")
    say(f"the worker's Python: {places.python}")
    for version, folder in (read_record(places) or {})["zmq_paths"].items():
        say(f"pyzmq for OBS's Python {version}: {folder}")
    trials = obs_installations.try_all(script_path(places), places.python)
    for line in [line for trial in trials for line in trial.lines] + desktop_obs.notes():
        say(line)
    say(f"add this file in OBS (Tools, Scripts): {script_path(places)}")
    return not any(trial.problems for trial in trials)


def repair(wish: Wish) -> bool:
    """Install again from nothing, keeping Debian's packages."""
    remove(wish)
    return install(wish) and verify(wish)


def remove(wish: Wish) -> bool:
    """Take away what install made, and nothing else."""
    places = wish.places
    if places.stamp.exists() or places.record.exists():
        shutil.rmtree(places.venv, ignore_errors=True)
        shutil.rmtree(places.obs_packages, ignore_errors=True)
        places.record.unlink(missing_ok=True)
        for graphs in engine_cache().glob("graphs-*"):
            shutil.rmtree(graphs, ignore_errors=True)
        say("removed")
    else:
        say("nothing of ours to remove")
    return True


def script_path(places: Places) -> Path:
    """The file to add in OBS."""
    program = "import mirage_lsd.obs_script as o; print(o.__path__[0])"
    found = subprocess.run([places.python, "-c", program], capture_output=True, text=True, check=True)
    return Path(found.stdout.strip()) / "mirage_lsd_obs.py"


def works(python: Path, statement: str) -> bool:
    return python.exists() and subprocess.run([python, "-c", statement], capture_output=True).returncode == 0


def is_current(wish: Wish) -> bool:
    """A copy may be older than the checkout it was made from: only an editable installation is current."""
    return (
        wish.places.editable
        and stamp_is_current(wish.places)
        and wish.extras <= installed_extras(wish.places)
        and works(wish.places.python, "import mirage_lsd")
    )


def project_version() -> str:
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8-sig"))["project"]["version"]


COMMANDS: dict[str, Callable[[Wish], bool]] = {
    "check": check,
    "install": install,
    "verify": verify,
    "repair": repair,
    "remove": remove,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="install.sh", description="Install Mirage LSD for OBS Studio.")
    commands = "\n".join(f"{name}: {(act.__doc__ or '').splitlines()[0]}" for name, act in COMMANDS.items())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = commands
    parser.add_argument("command", choices=COMMANDS, nargs="?", default="install")
    parser.add_argument(
        "--checkout",
        action="store_true",
        help="install into ./.venv of this checkout instead of your own folder",
    )
    parser.add_argument("--extras", default="", help="extras of pyproject.toml, for example voice,gpu")
    parser.add_argument("--without-film", action="store_true", help="without ffmpeg's libraries, for mirage-lsd run")
    parser.add_argument("--with-test-tools", action="store_true", help="and the programs that the tests use")
    options = parser.parse_args()
    places = checkout_places() if options.checkout else user_places()
    extras = frozenset(filter(None, options.extras.split(","))) | (set() if options.without_film else {FILM})
    wish = Wish(places, extras, options.with_test_tools)
    try:
        return 0 if COMMANDS[options.command](wish) else 1
    except InstallError as error:
        print(f"[mirage-lsd] {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

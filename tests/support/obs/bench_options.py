# SPDX-License-Identifier: Apache-2.0
"""Options that the benchmarks in real OBS share."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path


def add_obs_options(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """--size, --fps and --json."""
    parser.add_argument("--size", default="640x360", help="of the source and of OBS's canvas")
    parser.add_argument("--fps", type=int, default=30, help="OBS's frames a second")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    return parser


def add_load_option(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """--load."""
    parser.add_argument("--load", type=int, default=0, metavar="N", help="keep N processors busy with stress-ng")
    return parser


def load_beside_obs(folder: Path, processors: int, while_there: Path | None = None) -> dict[str, str]:
    """What an OBS needs in its environment to have so many busy loops of the program stress-ng beside it.

    They begin and end with OBS and are of its session, where they compete with it: between sessions Linux divides the
    processors evenly, so that a load of another one weighs less. while_there: they run while this file exists, instead
    of from OBS's start on.
    """
    if not processors:
        return {}
    wrapper = folder / "beside" / "obs"
    wrapper.parent.mkdir(exist_ok=True)
    loops = f"setpriv --pdeathsig TERM stress-ng --quiet --cpu {processors}"
    if while_there:
        wait = "while [ -d /proc/$$ ] && [ {} -e '{}' ]; do sleep .1; done"
        until = f"{wait.format('!', while_there)}; {loops} & {wait.format('', while_there)}; kill $!"
        loops = f"({until})"
    wrapper.write_text(f'#!/bin/sh\n{loops} &\nexec {shutil.which("obs")} "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    return {"PATH": f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}"}

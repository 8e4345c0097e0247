# SPDX-License-Identifier: Apache-2.0
"""The demo's command line, in the standard library alone: demo.sh shows it before anything is installed."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

SHORTEST_S = 8


@dataclass(frozen=True)
class Options:
    """What the command line asked for; paths are absolute."""

    file: Path | None
    camera: str | None
    seconds: float
    json_file: Path | None
    out: Path


def parse_options(arguments: list[str] | None = None) -> Options:
    """Read the command line (default: sys.argv); ends the program with a message when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="demo.sh",
        description="Show Mirage LSD in a real OBS Studio: the video on the left, restyled on the right.",
        epilog="It needs no key press, records what OBS shows, and ends everything that it started.",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("file", nargs="?", type=Path, help="a video of a person (default: a clip it fetches)")
    which.add_argument("--camera", nargs="?", const="/dev/video0", metavar="DEVICE", help="use a webcam")
    parser.add_argument("--seconds", type=float, default=40, help="how long to record (40)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for the recording and the contact sheet")
    given = parser.parse_args(arguments)
    if given.seconds < SHORTEST_S:
        parser.error(f"--seconds must be {SHORTEST_S} or more")
    if given.file and not given.file.is_file():
        parser.error(f"there is no file {given.file}")
    if given.camera and not os.path.exists(given.camera):
        parser.error(f"there is no camera {given.camera}")
    if given.json and not given.json.resolve().parent.is_dir():
        parser.error(f"there is no folder for {given.json}")
    out = given.out or CHECKOUT / "out" / time.strftime("demo-%Y%m%d-%H%M%S")
    file, json_file = (path and path.resolve() for path in (given.file, given.json))
    return Options(file, given.camera, given.seconds, json_file, out.resolve())


if __name__ == "__main__":
    parse_options()

# SPDX-License-Identifier: Apache-2.0
"""Options that the benchmarks in real OBS share."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_obs_options(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """--size, --fps and --json."""
    parser.add_argument("--size", default="640x360", help="of the source and of OBS's canvas")
    parser.add_argument("--fps", type=int, default=30, help="OBS's frames a second")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    return parser

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The transport benchmark as a script: `python tests/bench/transport.py [--json FILE]`. Exits 1 if a gate is missed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mirage_lsd.worker.bench.transport import run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    return 0 if all(run(parser.parse_args().json)["gates"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""What a measurement was made on: commit, processor, cores, memory, system. Called by the benchmarks."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import psutil

_CHECKOUT = Path(__file__).resolve().parents[2]


def describe() -> dict[str, str]:
    """commit (or the release where there is no checkout), hardware, system, load (of the last minute)."""
    memory_gib = psutil.virtual_memory().total / 2**30
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "commit": commit(),
        "hardware": f"{processor()}, {os.cpu_count()} cores, {memory_gib:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "load": load,
    }


def commit() -> str:
    """Short commit of the checkout this runs from, "+" if files differ from it; else the release."""
    if not (_CHECKOUT / ".git").exists():
        return metadata.version("mirage-lsd")
    head = _git("rev-parse", "--short", "HEAD")
    return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


def processor() -> str:
    """The processor's name."""
    if sys.platform.startswith("linux"):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str:
    ran = subprocess.run(["git", "-C", str(_CHECKOUT), *arguments], capture_output=True, text=True, check=False)
    return ran.stdout.strip()

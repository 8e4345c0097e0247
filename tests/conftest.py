# SPDX-License-Identifier: Apache-2.0
"""What every test may use: the checkout's root, and a folder for the files of one real OBS."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job, whose children inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the checkout that the tests run from."""
    return ROOT


@pytest.fixture
def obs_folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder for an ObsSession; fails, never skips, where OBS Studio is missing."""
    if shutil.which("obs") is None:
        pytest.fail("OBS Studio is not installed: run the tests with ./tests/run.sh, which installs it")
    yield tmp_path / "obs"

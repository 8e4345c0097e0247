# SPDX-License-Identifier: Apache-2.0
"""The Windows parts under Wine, on a machine that tests/wine/run.sh has prepared once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

PREPARED = Path.home() / ".cache" / "mirage-lsd-wine" / "ready"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_windows_parts_run_under_wine(checkout: Path) -> None:
    if not PREPARED.exists():
        pytest.skip("Wine and a Windows Python are not here: run tests/wine/run.sh once, which installs both")
    ran = subprocess.run([checkout / "tests/wine/run.sh"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert " passed" in ran.stdout

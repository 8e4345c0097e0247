# SPDX-License-Identifier: Apache-2.0
"""Another Debian's OBS in a chroot: one start, picture, hotkey and exit, and what the report makes of a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPORT = Path(__file__).parent / "matrix" / "report.py"
JUNIT = """<testsuites><testsuite>
<testcase classname="tests.a" name="fine"/>
<testcase classname="tests.a" name="wrong"><failure message="x"/></testcase>
<testcase classname="tests.a" name="broken"><error message="x"/></testcase>
<testcase classname="tests.a" name="left"><skipped message="x"/></testcase>
</testsuite></testsuites>"""


@pytest.mark.obs
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(
    not os.environ.get("CI") or os.geteuid() != 0,
    reason="makes a Debian of 3 GB as root: CI does, and ./tests/obs_matrix.sh trixie by hand",
)
def test_the_filter_works_in_debian_13_s_obs(checkout: Path, tmp_path: Path) -> None:
    command = [str(checkout / "tests/obs_matrix.sh"), "trixie", "--only", "smoke", "--json", str(tmp_path / "found")]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-4000:]
    found = json.loads((tmp_path / "found").read_text())
    assert found["obs_version"].startswith("30.2.")
    assert found["python"].startswith("3.13.")
    assert found["tests"] == {"passed": 1, "failed": 0, "skipped": 0, "failures": []}


def test_a_failure_and_a_broken_fixture_count_and_end_with_status_1(tmp_path: Path) -> None:
    (tmp_path / "tests.xml").write_text(JUNIT)
    (tmp_path / "obs_version").write_text("OBS Studio - 30.2.3.1-3\n")
    ran = subprocess.run([sys.executable, REPORT, tmp_path, tmp_path / "found"], capture_output=True, text=True)
    found = json.loads((tmp_path / "found").read_text())
    assert ran.returncode == 1
    assert found["obs_version"] == "30.2.3"
    assert found["tests"] == {
        "passed": 1, "failed": 2, "skipped": 1, "failures": ["tests.a::wrong", "tests.a::broken"]
    }  # fmt: skip


def test_no_obs_at_all_is_no_success(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, REPORT, tmp_path], capture_output=True, text=True)
    assert ran.returncode == 1
    assert json.loads(ran.stdout)["obs_version"] is None

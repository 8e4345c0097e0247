# SPDX-License-Identifier: Apache-2.0
"""Two OBS at once with one installation: each its own session, worker and looks; `ctl` says which one it means."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from look_studio import LookStudio, look_source
from studio import FILTER_NAME, largest_difference

from mirage_lsd.shared.channel.look_address import FILE_NAME
from mirage_lsd.shared.release import RELEASE

pytestmark = [pytest.mark.obs, pytest.mark.slow]


def ctl(studio, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "MIRAGE_LSD_SESSION_ROOT": str(studio.session_root)}
    command = [sys.executable, "-c", "from mirage_lsd.worker.programs.cli import main; raise SystemExit(main())", "ctl"]
    return subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, timeout=60)


def test_two_obs_do_not_meet_and_a_controller_says_which_it_means(tmp_path):
    first = LookStudio(tmp_path / "first", [look_source(tmp_path, "First")])
    shared = {"MIRAGE_LSD_SESSION_ROOT": str(first.session_root)}  # as two of one user have it
    second = LookStudio(tmp_path / "second", [look_source(tmp_path, "Second")], environment=shared)
    with first, second:
        first.start()
        first.wait_styled("First")
        first.wait_presets("Night rider")
        assert ctl(first, "apply", "forest").stderr == ""
        first.wait_look("First", "forest")
        forest = first.grab("First")
        second.start()
        second.wait_until(lambda: len(first.sessions()) == 2, "a session of its own")
        second.wait_until(lambda: f"Second/{FILTER_NAME}" in ctl(first, "status").stdout, "the newest to be meant")
        done = ctl(first, "wear", "red leather jacket")
        assert done.returncode == 0 and done.stdout.startswith("Second/")
        assert f"process {second.pid}, started last: --obs" in done.stderr
        done = ctl(first, "--obs", str(first.pid), "status")
        assert "First/Mirage LSD: [forest] scene = forest" in done.stdout and done.stderr == ""
        refused = ctl(first, "--obs", "1", "status")
        assert refused.returncode == 2 and str(first.pid) in refused.stderr and str(second.pid) in refused.stderr
        assert largest_difference(first.grab("First"), forest) == 0
        for studio in (first, second):
            studio.wait_until(lambda studio=studio: len(studio.worker_pids()) == 1, "a worker of its own")
        assert second.quit() == 0
        first.wait_until(lambda: len(first.sessions()) == 1, "the second session to be gone")
        assert f"First/{FILTER_NAME}" in ctl(first, "status").stdout
        (path,) = first.session_root.glob(f"*/{FILE_NAME}")
        path.write_text(path.read_text().replace(RELEASE, "0.0.1+0123abcd"))
        done = ctl(first, "status")
        assert f"upgraded to {RELEASE} while OBS runs 0.0.1+0123abcd: restart OBS" in done.stderr
        assert done.returncode == 0 and f"First/{FILTER_NAME}" in done.stdout, "and lets it in"
        first.wait_styled("First")
        assert first.quit() == 0
        assert first.sessions() == []

# SPDX-License-Identifier: Apache-2.0
"""The proof at launch that both processes share memory and the doorbell."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from worker_owner import WorkerOwner

from mirage_lsd.shared.channel.endpoints import LaunchConfig
from mirage_lsd.shared.doorbell.doorbell import Doorbell
from mirage_lsd.shared.errors import EndpointError
from mirage_lsd.shared.ring.memory_probe import ANSWER_AT, EXIT_NOT_SHARED, MemoryProbe, answer

KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
WORKER = [sys.executable, "-m", "mirage_lsd.worker"]


@pytest.fixture
def bell(tmp_path):
    bell = Doorbell.create(str(tmp_path / "bell"))
    yield bell
    bell.close()


def test_the_probe_is_answered_by_whom_the_memory_reaches(tmp_path, bell) -> None:
    probe = MemoryProbe(str(tmp_path), "probe", "bell")
    assert not probe.answered
    answer(str(tmp_path / "probe"), bell)
    assert probe.answered
    probe.close()
    assert not (tmp_path / "probe").exists()


def test_another_file_or_a_silent_doorbell_is_no_proof(tmp_path, bell) -> None:
    with pytest.raises(EndpointError, match="doorbell") as silent:
        answer(str(tmp_path / "probe"), bell)
    assert silent.value.code == "not_shared"
    bell.ring()
    with pytest.raises(EndpointError, match="does not exist"):
        answer(str(tmp_path / "probe"), bell)
    probe = MemoryProbe(str(tmp_path), "probe", "bell")
    os.unlink(tmp_path / "probe")
    other = MemoryProbe(str(tmp_path), "probe", "bell")  # the same name, other memory
    answer(str(tmp_path / "probe"), bell)
    assert other.answered and not probe.answered
    other._mapping.memory[ANSWER_AT] ^= 1
    assert not other.answered
    other.close()


def test_a_worker_without_the_owner_s_memory_says_so(tmp_path, bell) -> None:
    for doorbell, probe in (("none", ""), ("bell", "probe")):
        launch = LaunchConfig(str(tmp_path), doorbell, KEY, KEY, KEY, probe=probe).to_line()
        bell.ring()
        says = f"print({launch!r}, end='', flush=True); import time; time.sleep(60)"
        with subprocess.Popen([sys.executable, "-c", says], stdout=subprocess.PIPE) as owner:
            ran = subprocess.run(WORKER, stdin=owner.stdout, capture_output=True)
            owner.kill()
        assert ran.returncode == EXIT_NOT_SHARED
        assert b"OBS and the worker do not share memory" in ran.stderr


def test_a_worker_let_go_by_a_living_owner_leaves_the_session_folder() -> None:
    with WorkerOwner() as owner:
        owner.process.stdin.close()
        assert owner.process.wait(60) == 3
        assert os.path.isdir(owner.folder.path)

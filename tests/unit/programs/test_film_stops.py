# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd run` that is stopped, on a terminal of its own: the film is closed with what was made, and it says so.
And its progress bar, which is shown there and nowhere else."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

av = pytest.importorskip("av")
fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))

from marked_films import SIZE_PX, beeps_s, frames_of, write_film

COMMAND = str(Path(sys.executable).with_name("mirage-lsd"))
LONG = tuple(n / 30 for n in range(600))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "source.mp4", LONG)


class Terminal:
    """A run of `mirage-lsd run` on a terminal; text: what it has shown."""

    def __init__(self, *arguments: str) -> None:
        self.pid, self._end = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
            os.execv(COMMAND, [COMMAND, "run", *arguments])
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.text = ""

    def read_until(self, pattern: str) -> None:
        """Reads on until it has shown this; "" for all there is."""
        while not (pattern and re.search(pattern, self.text)):
            try:
                more = os.read(self._end, 4096)
            except OSError:  # Linux's end of file
                return
            if not more:
                return
            self.text += more.decode(errors="replace")

    def hang_up(self) -> None:
        """As closing the terminal's window does: SIGHUP, and nowhere to write any more."""
        os.close(self._end)

    def status(self) -> int:
        """Its exit status."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_stopped_film_is_closed_with_what_was_made(name: str, status: int, source: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    terminal = Terminal(str(source), str(made))
    terminal.read_until(r" [1-9]\d* of 600 frames, +[\d.]+ frames/s, \d\d:\d\d left")
    os.kill(terminal.pid, getattr(signal, name))
    terminal.read_until("")
    assert terminal.status() == status, terminal.text
    frames = int(re.search(r"stopped after (\d+) frames", terminal.text)[1])
    assert "Traceback" not in terminal.text
    assert_plays(made, frames)


def test_a_terminal_that_is_closed_stops_the_film_too(source: Path, tmp_path: Path) -> None:
    terminal = Terminal(str(source), str(tmp_path / "made.mkv"))
    terminal.read_until(r" [1-9]\d* of 600 frames")
    terminal.hang_up()
    assert terminal.status() == 129
    assert_plays(tmp_path / "made.mkv", None)


def assert_plays(made: Path, frames: int | None) -> None:
    """All its frames and as much sound; and nothing else lies beside it."""
    shown = frames_of(made)
    assert shown.shape[1:3] == SIZE_PX[::-1] and len(shown) == (frames or len(shown)) and 0 < len(shown) < 600
    with av.open(str(made)) as film:
        sound_s = sum(frame.samples / frame.sample_rate for frame in film.decode(audio=0))
    assert sound_s == pytest.approx(len(shown) / 30, abs=0.06)  # a packet more at most
    assert beeps_s(made)[0] == pytest.approx(0, abs=1 / 30)
    assert list(made.parent.iterdir()) == [made]


def test_stopped_before_the_first_frame_nothing_is_left(source: Path, tmp_path: Path) -> None:
    ready = "import signal, os; from mirage_lsd.worker.programs.films import make_film\n"
    ready += "make_film.make_film = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
    program = f"{ready}import sys; from mirage_lsd.worker.programs.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "run", str(source), str(tmp_path / "made.mp4")]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 143 and "stopped, nothing was written" in ran.stdout and "Traceback" not in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_a_terminal_there_is_no_bar(source: Path, tmp_path: Path) -> None:
    command = [COMMAND, "run", str(source), str(tmp_path / "made.mp4"), "--frames", "2"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0 and "frames/s" not in ran.stdout + ran.stderr and "%" not in ran.stderr

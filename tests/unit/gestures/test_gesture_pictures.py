# SPDX-License-Identifier: Apache-2.0
"""The shipped hand models on drawn hands, and the real process: pictures in a ring become lines about gestures."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Queue

import cv2
import numpy as np
import pytest
from hand_pictures import hand_picture

from mirage_lsd.shared.clock import now_ns
from mirage_lsd.shared.messages.gesture_lines import LINES, GestureLaunch, Ready, Seen, Watch
from mirage_lsd.shared.messages.process_lines import Failed
from mirage_lsd.shared.ring.frame_header import FrameHeader
from mirage_lsd.shared.ring.ring import Ring
from mirage_lsd.worker.senses.gestures.signs import sign_of
from mirage_lsd.worker.tracking.eyes.hands import Hands

LONG_S = 120
LOOKS = 3  # the hand is found in the first, and followed in the others


@pytest.mark.parametrize(
    ("name", "size_px", "skin", "sign"),
    [
        ("open_palm", 200, 1, "open_palm"),
        ("open_palm", 280, 4, "open_palm"),
        ("raised_hand", 200, 2, "open_palm"),
        ("thumbs_up", 180, 1, "thumbs_up"),
        ("victory", 180, 1, "victory"),
        ("fist", 180, 1, "fist"),
        ("pointing", 200, 1, ""),
        ("horns", 200, 1, ""),
    ],
)
def test_a_drawn_hand_is_found_and_its_sign_read(name: str, size_px: int, skin: int, sign: str) -> None:
    find, picture = Hands(most=1), hand_picture(name, size_px, skin)[..., ::-1].copy()
    looks = [find(picture, search=not find.following) for _ in range(LOOKS)]
    (hand,) = looks[-1]
    assert sign_of(hand.solid_px) == sign
    inside = np.abs(hand.points_px - [320, 180]).max(axis=0)
    assert (inside < size_px * 0.6).all()


def test_a_picture_without_a_hand_has_none() -> None:
    find = Hands()
    assert not find(hand_picture("no_hand"), search=True)
    assert not find(np.full((360, 640, 3), 128, np.uint8), search=True)
    assert not find.following


class Process:
    """The real gestures' process on a ring, with its lines as they come."""

    def __init__(self, folder: Path) -> None:
        self.ring = Ring.create(str(folder / "pictures"), 640, 360)
        self.process = subprocess.Popen([sys.executable, "-m", "mirage_lsd.worker.senses.gestures"], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines: Queue = Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.send(GestureLaunch().to_line())

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(LINES.read(line))

    def send(self, line: str) -> None:
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def show(self, picture: np.ndarray, until_line: bool) -> object:
        """Write the picture again and again until a line comes (or for two seconds, and then None)."""
        pixels = cv2.cvtColor(picture, cv2.COLOR_RGB2BGRA)
        deadline = time.monotonic() + (LONG_S if until_line else 2)
        while time.monotonic() < deadline:
            self.ring.write(FrameHeader(self.ring.head + 1, now_ns(), 640, 360, 640 * 4), pixels)
            time.sleep(0.03)
            if not self.lines.empty():
                return self.lines.get()
        return None


def test_the_process_tells_of_a_held_sign_once_and_ends_with_its_owner(tmp_path: Path) -> None:
    gestures = Process(tmp_path)
    try:
        assert gestures.lines.get(timeout=LONG_S) == Ready()
        gestures.send(LINES.write(Watch(str(tmp_path / "nothing"))))
        assert isinstance(gestures.lines.get(timeout=LONG_S), Failed)
        gestures.send(LINES.write(Watch(gestures.ring.path)))
        assert gestures.show(hand_picture("open_palm"), until_line=True) == Seen("open_palm")
        assert gestures.show(hand_picture("open_palm"), until_line=False) is None
        gestures.process.stdin.close()
        assert gestures.process.wait(timeout=LONG_S) == 0
    finally:
        gestures.process.kill()
        gestures.process.wait()
        gestures.process.stdout.close()
        gestures.ring.close()

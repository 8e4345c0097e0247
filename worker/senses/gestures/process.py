# SPDX-License-Identifier: Apache-2.0
"""The gestures' process from its launch line to its end: looks at a ring's newest picture a few times a second.

Called by __main__.py on the main thread. The owner, the OBS half, writes one launch line (GestureLaunch) and then
Watch lines to standard input and reads events from standard output. Invariants: it only reads the ring, so it can
never hold up the picture; it uses at most MAX_SHARE of one core, however slow the machine is; when standard input
ends, the owner is gone, and so is this process.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from queue import SimpleQueue

import cv2
import numpy as np

from mirage_lsd.shared.errors import MirageError, TornFrame
from mirage_lsd.shared.messages.gesture_lines import LINES, GestureLaunch, Ready, Seen, Watch
from mirage_lsd.shared.messages.process_lines import Failed, LineMessage
from mirage_lsd.shared.ring.frame_header import BYTES_PER_PIXEL
from mirage_lsd.shared.ring.ring import Ring
from mirage_lsd.worker.processes.line_process import run
from mirage_lsd.worker.senses.gestures.watcher import Watcher
from mirage_lsd.worker.tracking.eyes.hands import Hands

log = logging.getLogger("mirage_lsd.worker.senses.gestures")
SEARCH_EVERY_S, FOLLOW_EVERY_S = 0.3, 0.11
MAX_SHARE = 0.2
LONG_SIDE_PX = 640
NS_PER_MS = 1e6


class RingPictures:
    """The newest picture of one ring, small."""

    def __init__(self, path: str) -> None:
        self._ring = Ring.open(path, writable=False)
        self._buffer = np.empty(self._ring.geometry.payload_bytes, np.uint8)
        self._seen = 0

    def newest(self) -> tuple[float, np.ndarray] | None:
        """(time in ms, uint8 [H, W, 4] BGRA of at most LONG_SIDE_PX), None if there is no new one."""
        try:
            got = self._ring.read_into(self._buffer, self._seen)
        except TornFrame:
            return None
        if got is None:
            return None
        self._seen, header = got
        rows = self._buffer[: header.stride_bytes * header.height_px].reshape(header.height_px, header.stride_bytes)
        picture = rows[:, : header.width_px * BYTES_PER_PIXEL].reshape(header.height_px, header.width_px, -1)
        scale = min(LONG_SIDE_PX / max(picture.shape[:2]), 1.0)
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return header.timestamp_ns / NS_PER_MS, small

    def close(self) -> None:
        """Unmap."""
        self._ring.close()


class GestureService:
    """Made from the launch line and a function that sends events."""

    def __init__(self, launch: GestureLaunch, tell: Callable[[LineMessage], None]) -> None:
        self._tell = tell
        self._hands, self._watcher = Hands(most=1), Watcher(launch.mirrored)
        self._pictures: RingPictures | None = None

    def run(self, lines: SimpleQueue) -> None:
        """Until the process ends."""
        self._tell(Ready())
        while True:
            began_s, used_s = time.perf_counter(), time.thread_time()
            while not lines.empty():
                self._obey(lines.get())
            found = self._pictures.newest() if self._pictures else None
            if found is not None:
                self.look(*found)
            took_s, used_s = time.perf_counter() - began_s, time.thread_time() - used_s
            every_s = FOLLOW_EVERY_S if self._hands.following else SEARCH_EVERY_S
            time.sleep(max(every_s - took_s, used_s / MAX_SHARE - took_s, 0.0))

    def look(self, at_ms: float, picture: np.ndarray) -> None:
        """One picture; tells of a gesture if it completes one."""
        hands = self._hands(picture, search=not self._hands.following)
        gesture = self._watcher(at_ms, hands[0].solid_px if hands else None)
        if gesture:
            log.info("seen: %s", gesture)
            self._tell(Seen(gesture))

    def _obey(self, line: str) -> None:
        try:
            message = LINES.read(line)
            if isinstance(message, Watch):
                self._watch(message.ring)
        except MirageError as error:
            self._tell(Failed(error.code, str(error)))

    def _watch(self, path: str) -> None:
        if self._pictures is not None:
            self._pictures.close()
        self._hands.reset()
        self._pictures = None
        self._pictures = RingPictures(path) if path else None


def main() -> int:
    """Runs the process; returns its exit status."""
    return run(LINES, lambda line, tell: GestureService(GestureLaunch.from_line(line), tell), picture_first=True)

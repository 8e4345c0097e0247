# SPDX-License-Identifier: Apache-2.0
"""The OBS half's part of the launch, for tests without OBS: starts a real worker process and talks to it."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mirage_lsd.shared.channel.channel import ControlClient, new_key_pair
from mirage_lsd.shared.channel.endpoints import LaunchConfig, LaunchReport
from mirage_lsd.shared.channel.session_folder import SessionFolder
from mirage_lsd.shared.doorbell.doorbell import Doorbell
from mirage_lsd.shared.messages import worker_commands
from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.shared.ring.frame_header import FrameHeader
from mirage_lsd.shared.ring.ring import Ring

START_WITHIN_S = 20.0
MODEL_WITHIN_S = 120.0
MARKING = (str(Path(__file__).with_name("marking_worker.py")),)


@dataclass
class Shown:
    """A frame out of the output ring: its header and a copy of its pixels, uint8 [h, w, 4] BGRA."""

    header: FrameHeader
    picture: np.ndarray


class WorkerOwner:
    """Owns a session folder, a doorbell, a worker process and any number of streams. A context manager."""

    def __init__(self, worker: tuple[str, ...] = ("-m", "mirage_lsd.worker")) -> None:
        """worker: what Python runs, MARKING for marking_worker.py."""
        self.folder = SessionFolder.create()
        self.doorbell = Doorbell.create(self.folder.path_of("doorbell"))
        server, self.keys = new_key_pair(), new_key_pair()
        self.server_public_key = server.public
        launch = LaunchConfig(self.folder.path, "doorbell", server.public, server.secret, self.keys.public)
        self.process = subprocess.Popen(
            [sys.executable, *worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.process.stdin.write(launch.to_line().encode())
        self.process.stdin.flush()
        self.report = LaunchReport.from_line(self.process.stdout.readline())
        self.client = self.connect()
        self.rings: dict[int, tuple[Ring, Ring]] = {}
        self._frame_ids: dict[int, int] = {}

    def __enter__(self) -> WorkerOwner:
        return self

    def __exit__(self, *_error) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(START_WITHIN_S)
        self.process.stdout.close()
        for ends in self.rings.values():
            for ring in ends:
                ring.close()
        self.doorbell.close()
        self.folder.close()

    def connect(self) -> ControlClient:
        """One more client of the same worker."""
        return ControlClient(self.report, self.server_public_key, self.keys)

    def open_stream(self, stream_id: int, width_px: int, height_px: int, epoch: int = 1) -> None:
        """Makes a pair of rings for frames of this size and has the worker serve them."""
        names = [f"{end}-{stream_id}-{epoch}" for end in ("in", "out")]
        self.rings[stream_id] = tuple(Ring.create(self.folder.path_of(name), width_px, height_px) for name in names)
        self.client.request(worker_commands.OpenStream(stream_id, epoch, *names))

    def apply(self, stream_id: int, generation: int, **settings) -> None:
        """Applies settings and waits until the worker has."""
        self.client.request(worker_commands.ApplySettings(stream_id, generation, StreamSettings(**settings)))

    def send(self, stream_id: int, picture: np.ndarray) -> int:
        """Writes one picture as the next frame and rings; returns its frame_id."""
        frame_id = self._frame_ids.get(stream_id, 0) + 1
        self._frame_ids[stream_id] = frame_id
        height_px, width_px = picture.shape[:2]
        now_ns = time.monotonic_ns()
        header = FrameHeader(frame_id, now_ns, width_px, height_px, width_px * 4, mapped_ns=now_ns)
        self.rings[stream_id][0].write(header, np.ascontiguousarray(picture))
        self.doorbell.ring()
        return frame_id

    def shown(self, stream_id: int, frame_id: int, within_s: float = 10.0) -> Shown:
        """The result for this frame or a newer one; fails when none comes in time."""
        ring, deadline_s = self.rings[stream_id][1], time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            view = ring.newest()
            if view is not None and view.header.frame_id >= frame_id:
                shape = (view.header.height_px, view.header.width_px, 4)
                picture = np.frombuffer(view.pixels, np.uint8).reshape(shape).copy()
                if ring.still_valid(view):
                    return Shown(view.header, picture)
            time.sleep(0.002)
        raise AssertionError(f"no result for frame {frame_id} within {within_s} s")

    def wait_ready(self) -> None:
        """Waits until the model is loaded; fails with the worker's own words when it cannot be."""
        deadline_s = time.monotonic() + MODEL_WITHIN_S
        while time.monotonic() < deadline_s:
            if self.client.request(worker_commands.GetStatus()).ready:
                return
            time.sleep(0.1)
        raise AssertionError("the model was not ready in time; see the worker's log above")

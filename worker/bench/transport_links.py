# SPDX-License-Identifier: Apache-2.0
"""Ways for a frame to get from one process to another, all with the same two ends, for the transport benchmark.

`Sender.send` is called in the benchmark's process, a `receive_*` function runs in the receiving one. Each
receiver holds the complete frame at the moment it reads the clock, and touches it only afterwards: its first
and last bytes must be the frame's. Invariant: whoever sends makes one copy out of the source picture, into
the slot or into the message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import zmq

from mirage_lsd.shared.clock import now_ns
from mirage_lsd.shared.doorbell.doorbell import Doorbell
from mirage_lsd.shared.ring.frame_header import FrameHeader
from mirage_lsd.shared.ring.ring import Ring

WAIT_S = 30.0


class RingSender:
    """Our ring and doorbell."""

    def __init__(self, folder: str, width_px: int, height_px: int) -> None:
        self.width_px, self.height_px = width_px, height_px
        self.address = folder
        self._ring = Ring.create(f"{folder}/frames", width_px, height_px)
        self._bell = Doorbell.create(f"{folder}/bell")

    def send(self, frame_id: int, picture: memoryview) -> None:
        """Copy one frame into the ring and ring the bell."""
        started_ns = now_ns()
        self._ring.write(FrameHeader(frame_id, started_ns, self.width_px, self.height_px, self.width_px * 4), picture)
        self._bell.ring()

    def close(self) -> None:
        """Remove ring and bell."""
        for part in (self._ring, self._bell):
            part.close()
            part.unlink()


class QueueSender:
    """multiprocessing.Queue: the frame as bytes, pickled, through a pipe."""

    def __init__(self, context: Any) -> None:
        self.address = context.Queue()

    def send(self, frame_id: int, picture: memoryview) -> None:
        """Put one frame."""
        started_ns = now_ns()
        self.address.put((frame_id, started_ns, bytes(picture)))

    def close(self) -> None:
        """Stop its feeder thread."""
        self.address.close()
        self.address.join_thread()


class ZmqSender:
    """A ZeroMQ PUSH socket: stamp (number, time its sending began) and frame as one message of two parts, the frame
    copied into it once."""

    def __init__(self, bind_to: str) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUSH)
        self._socket.bind(bind_to)
        self.address = self._socket.last_endpoint.decode()

    def send(self, frame_id: int, picture: memoryview) -> None:
        """Send one frame."""
        started_ns = now_ns()
        stamp = frame_id.to_bytes(8, "little") + started_ns.to_bytes(8, "little")
        self._socket.send(stamp, zmq.SNDMORE)
        self._socket.send(picture, copy=True)

    def close(self) -> None:
        """Close socket and context."""
        self._context.destroy(linger=0)


def receive_ring(folder: str, report: Callable[[int, int, bytes], None]) -> None:
    """Holds a validated view of each new frame where it lies."""
    ring, bell = Ring.open(f"{folder}/frames", writable=False, prefault=True), Doorbell.open(f"{folder}/bell")
    last = 0
    while bell.wait(WAIT_S):
        view = ring.newest(last)
        if view is None:
            continue
        if not ring.still_valid(view):
            raise RuntimeError("a frame was overwritten although the next is sent only after this one's receipt")
        arrived_ns = now_ns()
        last = view.n
        report(view.header.frame_id, arrived_ns - view.header.timestamp_ns, ends(view.pixels))
    ring.close()
    bell.close()


def receive_ring_copied(folder: str, report: Callable[[int, int, bytes], None]) -> None:
    """Holds a private copy of each new frame."""
    ring, bell = Ring.open(f"{folder}/frames", writable=False, prefault=True), Doorbell.open(f"{folder}/bell")
    copy, last = bytearray(ring.geometry.payload_bytes), 0
    while bell.wait(WAIT_S):
        found = ring.read_into(copy, last)
        if found is None:
            continue
        arrived_ns = now_ns()
        last, header = found
        report(header.frame_id, arrived_ns - header.timestamp_ns, ends(copy))


def receive_queue(queue: Any, report: Callable[[int, int, bytes], None]) -> None:
    """Holds the unpickled bytes of each frame."""
    while True:
        frame_id, started_ns, picture = queue.get(timeout=WAIT_S)
        report(frame_id, now_ns() - started_ns, ends(picture))


def receive_zmq(address: str, report: Callable[[int, int, bytes], None]) -> None:
    """Holds ZeroMQ's own buffer of each frame, not copied again."""
    context = zmq.Context()
    socket = context.socket(zmq.PULL)
    socket.connect(address)
    while socket.poll(WAIT_S * 1000):
        stamp = socket.recv()
        picture = socket.recv(copy=False)
        arrived_ns = now_ns()
        frame_id, started_ns = (int.from_bytes(stamp[i : i + 8], "little") for i in (0, 8))
        report(frame_id, arrived_ns - started_ns, ends(picture.buffer))
    context.destroy(linger=0)


def ends(picture: Any) -> bytes:
    """First and last four bytes of a frame: proof that it is all there."""
    view = memoryview(picture)
    return bytes(view[:4]) + bytes(view[-4:])


RECEIVERS = {
    "ring": receive_ring,
    "ring, copied out": receive_ring_copied,
    "queue": receive_queue,
    "zmq ipc": receive_zmq,
    "zmq tcp": receive_zmq,
}

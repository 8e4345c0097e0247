# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd bench transport`: how long a frame takes from one process to another, by several ways.

The hop is the time from the sender starting its copy to the receiver holding the complete frame (for the
ring: a validated view of it where it lies). Measured for BGRA frames of three sizes: our ring with its
doorbell, a multiprocessing.Queue, ZeroMQ over ipc and over tcp, and, as the floor, a bare memcpy of the same
bytes into six rotating buffers. One frame at a time is on its way; the ways take turns in short rounds, so
that a busy moment of the machine falls on all of them. Runs in the calling process plus one for each way.
"""

from __future__ import annotations

import json
import mmap
import multiprocessing
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mirage_lsd.shared.channel.session_folder import SessionFolder
from mirage_lsd.shared.clock import now_ns
from mirage_lsd.worker.bench.machine import describe
from mirage_lsd.worker.bench.transport_links import RECEIVERS, WAIT_S, QueueSender, RingSender, ZmqSender, ends
from mirage_lsd.worker.timing import NS_PER_MS, percentiles_ms

SIZES_PX = ((640, 360), (1280, 720), (1920, 1080))
ROUNDS = 6
FRAMES_A_ROUND = 50
WARM_UP_FRAMES = 20
PAUSE_S = 0.002
COPIES = {"ring": 1, "ring, copied out": 2}
ALLOWED_OVERHEAD_MS = 0.3
WANTED_ADVANTAGE = 4.0
OTHERS = ("queue", "zmq ipc", "zmq tcp")


class Way:
    """A sender here, its receiver in another process, and the pipe on which that one reports arrivals."""

    def __init__(self, name: str, sender: Any, context: Any) -> None:
        self.sender = sender
        self._reports, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_receive, args=(name, sender.address, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def hop_ns(self, frame_id: int, picture: memoryview) -> int:
        """Send one frame and wait for its receipt. Raises RuntimeError if it does not arrive whole."""
        self.sender.send(frame_id, picture)
        if not self._reports.poll(WAIT_S):
            raise RuntimeError(f"frame {frame_id} did not arrive within {WAIT_S:g} s")
        arrived_id, hop_ns, proof = self._reports.recv()
        if arrived_id != frame_id or proof != ends(picture):
            raise RuntimeError(f"frame {frame_id} did not arrive as it was sent")
        return hop_ns

    def close(self) -> None:
        """End the receiver and close the sender."""
        self._process.terminate()
        self._process.join()
        self._reports.close()
        self.sender.close()


class Memcpy:
    """The floor: the same copy within this process, into as many buffers in turn as the ring has slots."""

    def __init__(self, frame_bytes: int) -> None:
        self._memory = mmap.mmap(-1, frame_bytes * 6)
        self._memory[:] = bytes(frame_bytes * 6)
        self._slots = [memoryview(self._memory)[i * frame_bytes : (i + 1) * frame_bytes] for i in range(6)]

    def hop_ns(self, frame_id: int, picture: memoryview) -> int:
        """Copy one frame."""
        slot = self._slots[frame_id % 6]
        started_ns = now_ns()
        slot[:] = picture
        return now_ns() - started_ns

    def close(self) -> None:
        """Free the buffers."""
        for slot in self._slots:
            slot.release()
        self._memory.close()


def run(json_path: Path | None = None) -> dict[str, Any]:
    """Measure, print a table, write it as JSON if a path is given; returns the same.

    Keys: commit, hardware, system, load, frames, sizes (each: p50_ms, p95_ms, p99_ms for each way, and
    `times_the_ring`, each way's p50 by the ring's), gates (name: passed).
    """
    sizes = {f"{width_px}x{height_px}": measure(width_px, height_px) for width_px, height_px in SIZES_PX}
    report = {**describe(), "frames": ROUNDS * FRAMES_A_ROUND, "sizes": sizes, "gates": gates(sizes["1920x1080"])}
    _print(report)
    if json_path is not None:
        Path(json_path).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report


def measure(width_px: int, height_px: int) -> dict[str, dict[str, float]]:
    """Percentiles of the hop in milliseconds by way, for frames of one size."""
    with ExitStack() as stack:
        ways = _open(width_px, height_px, stack)
        hops_ns: dict[str, list[int]] = {name: [] for name in ways}
        for way in ways.values():
            _round(way, WARM_UP_FRAMES, width_px, height_px)
        for _ in range(ROUNDS):
            for name, way in ways.items():
                hops_ns[name] += _round(way, FRAMES_A_ROUND, width_px, height_px)
    rows = {name: percentiles_ms([hop / NS_PER_MS for hop in hops]) for name, hops in hops_ns.items()}
    for row in rows.values():
        row["times_the_ring"] = round(row["p50_ms"] / max(rows["ring"]["p50_ms"], 1e-6), 2)
    return rows


def gates(rows: dict[str, dict[str, float]]) -> dict[str, bool]:
    """What is promised of the hop's p50 at 1920x1080."""
    passed = {}
    for name, copies in COPIES.items():
        limit_ms = 2 * copies * rows["memcpy"]["p50_ms"] + ALLOWED_OVERHEAD_MS
        passed[f"{name}: at most 2x its {copies} memcpy + 0.3 ms"] = rows[name]["p50_ms"] <= limit_ms
    for name in OTHERS:
        passed[f"ring: at least 4x less than {name}"] = rows[name]["times_the_ring"] >= WANTED_ADVANTAGE
    return passed


def _open(width_px: int, height_px: int, stack: ExitStack) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")

    def opened(name: str, sender: Any) -> Way:
        way = Way(name, sender, context)
        stack.callback(way.close)
        return way

    def folder() -> str:
        made = SessionFolder.create()
        stack.callback(made.close)
        return made.path

    memcpy = Memcpy(width_px * height_px * 4)
    stack.callback(memcpy.close)
    return {
        "memcpy": memcpy,
        **{name: opened(name, RingSender(folder(), width_px, height_px)) for name in COPIES},
        "queue": opened("queue", QueueSender(context)),
        "zmq ipc": opened("zmq ipc", ZmqSender(f"ipc://{folder()}/socket")),
        "zmq tcp": opened("zmq tcp", ZmqSender("tcp://127.0.0.1:*")),
    }


def _round(way: Any, frames: int, width_px: int, height_px: int) -> list[int]:
    """Hops of some frames in turn, each from one of two pictures, so that a stale frame would be noticed."""
    pictures = [memoryview(bytearray([value]) * (width_px * height_px * 4)) for value in (90, 165)]
    hops_ns = []
    for frame_id in range(1, frames + 1):
        hops_ns.append(way.hop_ns(frame_id, pictures[frame_id % 2]))
        time.sleep(PAUSE_S)
    return hops_ns


def _receive(name: str, address: Any, reports: Any) -> None:
    receive: Callable[..., None] = RECEIVERS[name]
    receive(address, lambda frame_id, hop_ns, proof: reports.send((frame_id, hop_ns, proof)))


def _print(report: dict[str, Any]) -> None:
    print(f"{report['hardware']}, {report['system']}, load {report['load']}, commit {report['commit']}")
    print(f"hop of one BGRA frame between two processes, {report['frames']} frames each, milliseconds")
    for size, rows in report["sizes"].items():
        print(f"{size:20}{'p50':>9}{'p95':>9}{'p99':>9}{'x ring':>9}")
        for name, row in rows.items():
            figures = "".join(f"{row[key]:9.3f}" for key in ("p50_ms", "p95_ms", "p99_ms"))
            print(f"  {name:18}{figures}{row['times_the_ring']:9.2f}")
    for name, passed in report["gates"].items():
        print(f"{'ok  ' if passed else 'MISS'} {name}")

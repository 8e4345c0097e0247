# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd bench pipeline`: ring in → ring out of one stream, stage by stage, as fast as it goes.

Runs the worker's own Stream on real rings in this process; the next frame is written when the last one is out, so
latency holds no queueing. Warm-up is excluded. Prints a table and writes JSON.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import psutil

from mirage_lsd.shared.frame import FrameHeader
from mirage_lsd.shared.ring import Ring
from mirage_lsd.shared.settings import StreamSettings
from mirage_lsd.worker.engine_host import EngineHost
from mirage_lsd.worker.stages.download import put
from mirage_lsd.worker.state import StreamState
from mirage_lsd.worker.stream import Stream
from mirage_lsd.worker.timing import NS_PER_MS, percentiles_ms

WARM_UP_FRAMES = 30
PICTURES = 24
BYTES_PER_MB = 1_000_000


def run(options) -> dict:
    """Measures with the given command-line options; returns what it also prints and writes."""
    host = EngineHost()
    host.load()
    settings = StreamSettings(
        prompt="red leather jacket, city night",
        steps=options.steps,
        working_size=options.working_size,
        target_fps=60,
    )
    with tempfile.TemporaryDirectory() as folder:
        result = measure(host, settings, options.size, options.frames, Path(folder))
    report = {
        "model": host.model,
        "engine": host.engine,
        "device": host.device,
        "hardware": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "size": f"{options.size[0]}x{options.size[1]}",
        "steps": options.steps,
        **result,
    }
    _print(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report


def measure(host: EngineHost, settings: StreamSettings, size_px: tuple[int, int], frames: int, folder: Path) -> dict:
    """fps, p50/p95/p99 ms ring in → ring out, the same per stage, and resident memory before and after."""
    with_rings = [Ring.create(str(folder / name), *size_px) for name in ("in", "out")]
    stream = Stream(StreamState(1, 0, "in", "out", settings, 1), host, lambda name: str(folder / name))
    pictures = moving_pictures(size_px)
    latency_ms: list[float] = []
    stages: dict[str, list[float]] = {}
    process = psutil.Process()
    rss_start, started_s = 0, 0.0
    for index in range(WARM_UP_FRAMES + frames):
        if index == WARM_UP_FRAMES:
            rss_start, started_s = process.memory_info().rss, time.perf_counter()
        stage_ms, whole_ms = _one_frame(stream, with_rings[0], pictures[index % PICTURES], index + 1)
        if index >= WARM_UP_FRAMES:
            latency_ms.append(whole_ms)
            for name, value in stage_ms.items():
                stages.setdefault(name, []).append(value)
    elapsed_s = time.perf_counter() - started_s
    rss_end = process.memory_info().rss
    stream.close()
    for ring in with_rings:
        ring.close()
    return {
        "frames": frames,
        "fps": round(frames / elapsed_s, 2),
        **percentiles_ms(latency_ms),
        "stages": {name: percentiles_ms(values) for name, values in stages.items()},
        "rss_mb_start": round(rss_start / BYTES_PER_MB, 1),
        "rss_mb_end": round(rss_end / BYTES_PER_MB, 1),
    }


def moving_pictures(size_px: tuple[int, int]) -> list[np.ndarray]:
    """A short loop of uint8 [h, w, 4] BGRA pictures: a soft background and a figure that sways."""
    width_px, height_px = size_px
    noise = np.random.default_rng(0).integers(0, 255, (9, 16, 3), np.uint8)
    room = cv2.resize(noise, size_px, interpolation=cv2.INTER_CUBIC)
    pictures = []
    for index in range(PICTURES):
        x = int(width_px * (0.5 + 0.05 * np.sin(2 * np.pi * index / PICTURES)))
        picture = room.copy()
        cv2.ellipse(picture, (x, height_px), (width_px // 4, height_px // 2), 0, 0, 360, (90, 60, 40), -1)
        cv2.ellipse(picture, (x, height_px // 3), (width_px // 12, height_px // 6), 0, 0, 360, (140, 170, 220), -1)
        pictures.append(cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA))
    return pictures


def _one_frame(stream: Stream, ring: Ring, picture: np.ndarray, frame_id: int) -> tuple[dict[str, float], float]:
    height_px, width_px = picture.shape[:2]
    now_ns = time.monotonic_ns()
    header = FrameHeader(frame_id, now_ns, width_px, height_px, width_px * 4, mapped_ns=now_ns)
    ring.write(header, picture)
    started_ns = time.perf_counter_ns()
    job = stream.take_newest()
    job.stage_ms["upload"] = (time.perf_counter_ns() - started_ns) / NS_PER_MS
    for stage in stream.stages:
        started_ns = time.perf_counter_ns()
        job = stage(job)
        job.stage_ms[stage.name] = (time.perf_counter_ns() - started_ns) / NS_PER_MS
    started_ns = time.perf_counter_ns()
    put(stream.output_ring, job)
    job.stage_ms["download"] = (time.perf_counter_ns() - started_ns) / NS_PER_MS
    return job.stage_ms, (time.monotonic_ns() - now_ns) / NS_PER_MS


def _print(report: dict) -> None:
    print(f"{report['model']} {report['engine']} on {report['device']} ({report['hardware']}), {report['size']}, "
          f"{report['steps']} steps: {report['fps']} fps")
    print(f"{'':12}{'p50 ms':>10}{'p95 ms':>10}{'p99 ms':>10}")
    rows = {**report["stages"], "in → out": report}
    for name, row in rows.items():
        print(f"{name:12}{row['p50_ms']:10.2f}{row['p95_ms']:10.2f}{row['p99_ms']:10.2f}")
    print(f"resident memory {report['rss_mb_start']} → {report['rss_mb_end']} MB")

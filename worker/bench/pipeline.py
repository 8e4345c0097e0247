# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd bench pipeline`: ring in → ring out of one stream, stage by stage, as fast as it goes.

Runs the worker's own Stream on real rings in this process, and plays a person who moves (footage.py). Latency: the next
frame is written when the last one is out, so it holds no queueing; the stages' times are CUDA events on a graphics
card. fps: for mirage-lsd-v1 with the next frame written as soon as it is taken, as in the worker. Warm-up is excluded.
Prints a table and writes JSON. """

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from mirage_lsd.shared.messages.settings import V1, StreamSettings
from mirage_lsd.shared.ring.frame_header import FrameHeader
from mirage_lsd.shared.ring.ring import Ring
from mirage_lsd.worker.bench import machine
from mirage_lsd.worker.bench.footage import footage
from mirage_lsd.worker.hosts.engine_host import EngineHost
from mirage_lsd.worker.state import StreamState
from mirage_lsd.worker.stream import Stream
from mirage_lsd.worker.timing import NS_PER_MS, percentiles_ms

WARM_UP_FRAMES = 30
BYTES_PER_MB = 1_000_000


def run(options) -> dict:
    """Measures with the given command-line options; returns what it also prints and writes."""
    settings = StreamSettings(
        prompt="red leather jacket, city night", steps=options.steps, working_size=options.working_size,
        target_fps=60, model=options.model, checkpoint=options.checkpoint, device=options.device,
    )  # fmt: skip
    pictures, models = footage(options.clip, options.size), _models(options)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(models, settings, pictures, options.frames, Path(folder))
    report = {
        "size": f"{options.size[0]}x{options.size[1]}",
        "clip": options.clip.name if options.clip else "carphone",
        "steps": options.steps,
        **machine.describe(),
        **models.facts(),
        **result,
    }
    report["floor"] = models.floor(settings)
    models.close()
    _print(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report


def measure(models, settings: StreamSettings, pictures: list[np.ndarray], frames: int, folder: Path) -> dict:
    """pictures: uint8 [h, w, 4] BGRA, played in a loop → fps, p50/p95/p99 ms ring in → ring out, the same per stage,
    and resident memory before and after."""
    rings = [Ring.create(str(folder / name), *pictures[0].shape[1::-1]) for name in ("in", "out")]
    stream = Stream(StreamState(1, 0, "in", "out", settings, 1), models, lambda name: str(folder / name))
    feed = Feed(stream, rings[0], pictures)
    for _ in range(models.warm_up_frames):
        feed.one_by_one()
    process = psutil.Process()
    rss_start, started_s, latency_ms = process.memory_info().rss, time.perf_counter(), []
    stages: dict[str, list[float]] = {}
    for _ in range(frames):
        stage_ms, whole_ms = feed.one_by_one()
        latency_ms.append(whole_ms)
        for name, value in stage_ms.items():
            stages.setdefault(name, []).append(value)
    alone_fps = frames / (time.perf_counter() - started_s)
    overlapped_fps = feed.overlapped(frames) if models.overlaps else alone_fps
    rss_end, vram = process.memory_info().rss, models.vram_bytes()
    stream.close()
    for ring in rings:
        ring.close()
    return {
        "frames": frames,
        "fps": round(overlapped_fps, 2),
        "fps_one_at_a_time": round(alone_fps, 2),
        **percentiles_ms(latency_ms),
        "stages": {name: percentiles_ms(values) for name, values in stages.items()},
        "vram_peak_mb": None if vram is None else round(vram / BYTES_PER_MB, 1),
        "rss_mb_start": round(rss_start / BYTES_PER_MB, 1),
        "rss_mb_end": round(rss_end / BYTES_PER_MB, 1),
    }


class Feed:
    """Writes pictures into a stream's input ring and takes them through."""

    def __init__(self, stream: Stream, ring: Ring, pictures: list[np.ndarray]) -> None:
        self._stream, self._ring, self._pictures = stream, ring, pictures
        self._frame_id = 0

    def one_by_one(self) -> tuple[dict[str, float], float]:
        """One frame, in to out: (each stage's milliseconds, all of it)."""
        now_ns = self._write()
        job, processed = self._stream.take_newest(), self._stream.timings.processed
        self._stream.run(job)
        while self._stream.timings.processed == processed:
            self._stream.collect()
        return job.stage_ms, (time.monotonic_ns() - now_ns) / NS_PER_MS

    def overlapped(self, frames: int) -> float:
        """Frames a second when the next one is taken as soon as the stream lets it."""
        before, started_s = self._stream.timings.processed, time.perf_counter()
        self._write()
        while self._stream.timings.processed - before < frames:
            self._stream.collect()
            job = self._stream.take_newest()
            if job is not None:
                self._write()
                self._stream.run(job)
        return frames / (time.perf_counter() - started_s)

    def _write(self) -> int:
        picture = self._pictures[self._frame_id % len(self._pictures)]
        self._frame_id += 1
        height_px, width_px = picture.shape[:2]
        now_ns = time.monotonic_ns()
        header = FrameHeader(self._frame_id, now_ns, width_px, height_px, width_px * 4, mapped_ns=now_ns)
        self._ring.write(header, picture)
        return now_ns


def _models(options):
    """What the stream runs: mirage-lsd-tiny, or mirage-lsd-v1 with its engine built."""
    if options.model == V1:
        from mirage_lsd.worker.bench.v1_models import BenchV1

        return BenchV1(options)
    from mirage_lsd.worker.bench.tiny_models import BenchTiny

    return BenchTiny(EngineHost(), options.size, options.working_size)


def _print(report: dict) -> None:
    print(f"{report['model']} {report['engine']} on {report['device']} ({report['hardware']}), {report['size']}, "
          f"working size {report.get('working_size', '-')} ({report.get('working_px', '-')}), "
          f"{report['steps']} steps: {report['fps']} fps")
    print(f"{'':12}{'p50 ms':>10}{'p95 ms':>10}{'p99 ms':>10}")
    rows = {**report["stages"], "in → out": report}
    for name, row in rows.items():
        print(f"{name:12}{row['p50_ms']:10.2f}{row['p95_ms']:10.2f}{row['p99_ms']:10.2f}")
    floor = report["floor"]
    if floor:
        print(f"arithmetic floor {floor['floor_ms']:.2f} ms: {floor['gflop_per_frame']:.1f} GFLOP a frame at the "
              f"{floor['measured_tflops']:.2f} TFLOP/s that a plain matrix product reaches here")
    if report["vram_peak_mb"] is not None:
        print(f"graphics memory at most {report['vram_peak_mb']} MB")
    print(f"resident memory {report['rss_mb_start']} → {report['rss_mb_end']} MB")

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the filter costs in a real OBS, and how old a picture is when it is shown.

    python tests/bench/obs/obs_latency.py [--seconds 20] [--size 640x360] [--pipelines passthrough,lsd] [--json FILE]

Starts an OBS of its own on a virtual screen for each case: the same scene without the filter, then with it,
for every pipeline with next-frame and with same-frame map. Figures are taken after a warm-up, and the first
case is run again at the end, so a machine that got busier shows. Exits 1 if a wanted figure is missed:
passthrough at most 2 OBS frames from capture to screen at p95 with next-frame map, 1 with same-frame map, and
no more lagged frames than without the filter.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[3]
FOLDERS = ("installers", "installers/obs", "tests/support", "tests/support/obs")
sys.path[:0] = [str(CHECKOUT / folder) for folder in FOLDERS]

from bench_options import add_obs_options
from obs_config import Video
from obs_scene import media_source, mirage_filter
from obs_session import ObsSessionError
from studio import Studio, clip_file

from mirage_lsd.obs_script.host.control_block import Area, Latency
from mirage_lsd.worker.bench.machine import describe
from mirage_lsd.worker.timing import NS_PER_MS, percentiles_ms

WARM_UP_S = 4.0
WANTED_FRAMES = {"passthrough, next-frame map": 2, "passthrough, same-frame map": 1}
LAGGED_TOLERANCE = 2
"""Lagged frames a whole run may have more than the worse of the two runs without the filter."""


@dataclass(frozen=True)
class Case:
    """One OBS run; pipeline "" is the scene without the filter."""

    name: str
    pipeline: str = ""
    capture_mode: str = ""


def main() -> int:
    options = _options()
    width_px, height_px = map(int, options.size.split("x"))
    cases = [Case("without the filter")]
    for pipeline in options.pipelines.split(","):
        cases.append(Case(f"{pipeline}, next-frame map", pipeline, "next_frame"))
        cases.append(Case(f"{pipeline}, same-frame map", pipeline, "same_frame"))
    cases.append(Case("without the filter, again"))
    report: dict[str, Any] = {"machine": describe(), "size": options.size, "fps": options.fps, "cases": {}}
    _print_head(report)
    with tempfile.TemporaryDirectory() as folder:
        clip = clip_file(Path(folder) / "clip.mkv", size=options.size, seconds=10)
        for case in cases:
            video = Video(width_px, height_px, options.fps)
            report["cases"][case.name] = figures = _run(case, Path(folder) / "obs", clip, video, options.seconds)
            _print_case(case.name, figures)
    report["gates"] = _gates(report["cases"])
    for gate, passed in report["gates"].items():
        print(f"{'ok    ' if passed else 'MISSED'}  {gate}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0 if all(report["gates"].values()) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="measured time of each case")
    parser.add_argument("--pipelines", default="passthrough,lsd")
    return add_obs_options(parser).parse_args()


def _run(case: Case, folder: Path, clip: Path, video: Video, seconds: float) -> dict[str, Any]:
    settings = {"pipeline": case.pipeline, "capture_mode": case.capture_mode, "target_fps": video.fps}
    filters = [mirage_filter(**settings)] if case.pipeline else []
    with Studio(folder, [media_source("Clip", clip, filters=filters)], worker="real", video=video) as studio:
        studio.start()
        slot = studio.slot("Clip") if case.pipeline else None
        if slot:
            _wait_styled(studio, slot)
        time.sleep(WARM_UP_S)
        return _measure(studio, slot, seconds)


def _wait_styled(studio: Studio, slot: Area) -> None:
    try:
        studio.wait_styled("Clip")
    except ObsSessionError:
        print(f"   measured although nothing was shown for a while: {slot.text('status')}")


def _measure(studio: Studio, slot: Area | None, seconds: float) -> dict[str, Any]:
    names = ("frames_captured", "frames_shown", "results_torn", "results_skipped", "fallbacks", "render_count",
             "render_total_ns", "latency_head")
    before, words = studio.request("GetStats"), {name: slot.get(name) for name in names} if slot else {}
    rows: list[Latency] = []
    read, deadline = words.get("latency_head", 0), time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(min(1.0, seconds))
        if slot:
            read, more = slot.latencies(after=read)
            rows += more
    after = studio.request("GetStats")
    figures: dict[str, Any] = {
        "obs_fps": round(after["activeFps"], 2),
        "obs_frame_ms": round(after["averageFrameRenderTime"], 2),
        "obs_frames": after["renderTotalFrames"] - before["renderTotalFrames"],
        "obs_lagged_frames": after["renderSkippedFrames"] - before["renderSkippedFrames"],
    }
    return figures if slot is None else figures | _journey(rows, {n: slot.get(n) - words[n] for n in names}, seconds)


def _journey(rows: list[Latency], counted: dict[str, int], seconds: float) -> dict[str, Any]:
    def split(start: str, end: str) -> dict[str, float]:
        return percentiles_ms([(getattr(row, end) - getattr(row, start)) / NS_PER_MS for row in rows])

    frames = sorted(row.shown_tick - row.captured_tick for row in rows)
    return {
        "shown_fps": round(counted["frames_shown"] / seconds, 2),
        "shown": counted["frames_shown"],
        "captured": counted["frames_captured"],
        "overtaken": counted["results_skipped"],
        "torn": counted["results_torn"],
        "fallbacks": counted["fallbacks"],
        "render_callback_ms": round(counted["render_total_ns"] / max(1, counted["render_count"]) / NS_PER_MS, 3),
        "captured_to_shown_obs_frames_p95": frames[int(len(frames) * 0.95)] if frames else -1,
        "captured_to_shown": split("captured_ns", "shown_ns"),
        "capture_to_map": split("captured_ns", "mapped_ns"),
        "queue": split("mapped_ns", "received_ns"),
        "worker": split("received_ns", "finished_ns"),
        "wait_for_tick": split("finished_ns", "shown_ns"),
    }


def _gates(cases: dict[str, dict[str, Any]]) -> dict[str, bool]:
    gates = {}
    bare = max(cases[name]["obs_lagged_frames"] for name in ("without the filter", "without the filter, again"))
    for name, wanted in WANTED_FRAMES.items():
        if name in cases:
            frames, lagged = cases[name]["captured_to_shown_obs_frames_p95"], cases[name]["obs_lagged_frames"]
            gates[f"{name}: captured to shown p95 {frames} of at most {wanted} OBS frames"] = 0 <= frames <= wanted
            limit = bare + LAGGED_TOLERANCE
            gates[f"{name}: {lagged} lagged frames, at most {limit} ({bare} without the filter)"] = lagged <= limit
    return gates


def _print_head(report: dict[str, Any]) -> None:
    machine = report["machine"]
    print(f"{machine['hardware']}; {machine['system']}; commit {machine['commit']}; load {machine['load']}")
    print(f"OBS at {report['size']}, {report['fps']} frames a second, software-rendered where there is no display\n")


def _print_case(name: str, figures: dict[str, Any]) -> None:
    print(f"{name}: OBS {figures['obs_fps']} fps, {figures['obs_frame_ms']} ms a frame, "
          f"{figures['obs_lagged_frames']} of {figures['obs_frames']} frames lagged")
    if "shown" in figures:
        print(f"   shown {figures['shown_fps']} fps, overtaken {figures['overtaken']}, torn {figures['torn']}, "
              f"fallbacks {figures['fallbacks']}, render callback {figures['render_callback_ms']} ms mean, "
              f"captured to shown p95 {figures['captured_to_shown_obs_frames_p95']} OBS frames")
        for part in ("captured_to_shown", "capture_to_map", "queue", "worker", "wait_for_tick"):
            p50, p95, p99 = (figures[part][key] for key in ("p50_ms", "p95_ms", "p99_ms"))
            print(f"   {part.replace('_', ' '):18} p50 {p50:7.2f}  p95 {p95:7.2f}  p99 {p99:7.2f} ms")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The picture while something else takes the processor: lagged frames beside the same scene without the filter.

    python tests/bench/obs/obs_busy.py [--turns without,with] [--load 4] [--busy-s 60] [--after-s 60] [--clip FILE]
    [--json FILE]

An OBS for each turn, with the shipped model on a playing clip: some quiet seconds,
then busy loops of stress-ng in OBS's own session, then quiet again. Told for each part: lagged frames, frames shown,
how often the source took the styled picture's place, and each status line as it changes. Exits 1 if the filter lags
more frames than the scene without it (beyond LAGGED_TOLERANCE a turn), or the picture alternated more than once.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[3]
FOLDERS = ("installers", "installers/obs", "tests/support", "tests/support/obs")
sys.path[:0] = [str(CHECKOUT / folder) for folder in FOLDERS]

from bench_options import add_obs_options, load_beside_obs
from obs_config import Video
from obs_scene import media_source, mirage_filter
from studio import Studio, clip_file

from mirage_lsd.worker.bench.machine import describe

WARM_UP_S, QUIET_S = 4.0, 10.0
LAGGED_TOLERANCE = 2
COUNTED = ("frames_captured", "frames_shown", "fallbacks")


def main() -> int:
    options = _options()
    width_px, height_px = map(int, options.size.split("x"))
    print("machine:", describe(), flush=True)
    turns: dict[str, list[dict[str, Any]]] = {"without": [], "with": []}
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip or clip_file(Path(folder) / "clip.mkv", size=options.size, seconds=10)
        for turn in options.turns.split(","):
            turns[turn].append(_turn(Path(folder) / "obs", clip, Video(width_px, height_px, options.fps),
                                     turn == "with", options))
            print(turn, json.dumps(turns[turn][-1], indent=1), flush=True)
    if options.json:
        options.json.write_text(json.dumps(turns, indent=1) + "\n", encoding="utf-8")
    return _verdict(turns)


def _verdict(turns: dict[str, list[dict[str, Any]]]) -> int:
    lagged = {turn: [figures["busy"]["lagged"] for figures in rows] for turn, rows in turns.items()}
    alternated = [figures["busy"]["fallbacks"] for figures in turns["with"]]
    print(f"lagged while busy: {lagged['without']} without the filter, {lagged['with']} with it; the source took the "
          f"picture's place {alternated} times")
    limit = sum(lagged["without"]) + LAGGED_TOLERANCE * len(lagged["with"])
    return 0 if sum(lagged["with"]) <= limit and max(alternated, default=0) <= 1 else 1


def _turn(folder: Path, clip: Path, video: Video, filtered: bool, options: argparse.Namespace) -> dict[str, Any]:
    filters = [mirage_filter(target_fps=video.fps)] if filtered else []
    busy = folder.parent / "busy"
    beside = load_beside_obs(folder.parent, options.load, while_there=busy)
    sources = [media_source("Clip", clip, filters=filters)]
    with Studio(folder, sources, worker="real", video=video, environment=beside) as studio:
        studio.start()
        if filtered:
            studio.wait_styled("Clip")
        time.sleep(WARM_UP_S)
        figures = {"quiet": _watch(studio, filtered, QUIET_S)}
        busy.touch()
        figures["busy"] = _watch(studio, filtered, options.busy_s)
        busy.unlink()
        return figures | {"after": _watch(studio, filtered, options.after_s)}


def _watch(studio: Studio, filtered: bool, seconds: float) -> dict[str, Any]:
    slot = studio.slot("Clip") if filtered else None
    before = studio.request("GetStats")
    counts = {name: slot.get(name) for name in COUNTED} if slot else {}
    told: list[str] = []
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        time.sleep(0.5)
        status = slot.text("status") if slot else ""
        if status and (not told or not told[-1].endswith(status)):
            told.append(f"{time.monotonic() - began:.0f} s: {status}")
    after = studio.request("GetStats")
    took_s = time.monotonic() - began
    figures: dict[str, Any] = {"frames": after["renderTotalFrames"] - before["renderTotalFrames"],
                               "lagged": after["renderSkippedFrames"] - before["renderSkippedFrames"]}
    if slot:
        since = {name: slot.get(name) - counts[name] for name in COUNTED}
        figures |= {"shown_fps": round(since["frames_shown"] / took_s, 1), "fallbacks": since["fallbacks"],
                    "status": told}
    return figures


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", default="without,with,with,without,without,with")
    parser.add_argument("--load", type=int, default=4, help="busy loops")
    parser.add_argument("--busy-s", type=float, default=60.0)
    parser.add_argument("--after-s", type=float, default=60.0)
    parser.add_argument("--clip", type=Path)
    return add_obs_options(parser).parse_args()


if __name__ == "__main__":
    sys.exit(main())

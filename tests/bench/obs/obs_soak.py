#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Long runs of a real OBS with the filter: recovery, reloads, starts and exits, scene collections, memory.

    python tests/bench/obs/obs_soak.py [--parts recovery,reloads,starts,collections,memory] [--seconds 600] [--times 20]
                                   [--load 4] [--without-script] [--json FILE]

recovery: SIGKILL and SIGSTOP to the worker, how soon the source and then the styled picture is shown, and OBS's
longest gap between frames beside that of a control run without the filter. reloads, starts: how many of --times
ended without a crash, a hang, a process or a session folder left behind; control: the same starts without the script,
and how many of those ended with status 0. collections: a start, another scene collection, back, and an exit after up to
SETTLE_S, so often; a crash in obs-websocket's own end is counted by itself (OBS closes that server's socket while its
thread still listens; run with --without-script, the control, it ends so too). memory: resident memory of OBS and
worker over --seconds, first minute left out. Exits 1 if a wanted figure is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[3]
FOLDERS = ("installers", "installers/obs", "tests/support", "tests/support/obs")
sys.path[:0] = [str(CHECKOUT / folder) for folder in FOLDERS]

from bench_options import add_load_option, load_beside_obs
from obs_config import Video
from obs_scene import Script, media_source, mirage_filter
from studio import MIRAGE_SCRIPT, Studio, alive, clip_file, resident_mib, thread_count

from mirage_lsd.worker.bench.machine import describe

SCRIPTS = CHECKOUT / "tests" / "obs" / "scripts"
TICKER = Script(SCRIPTS / "ticker.lua")
SOURCE_WITHIN_MS, STYLED_WITHIN_MS, STALL_BEYOND_CONTROL_MS, FLAT_WITHIN = 250.0, 8000.0, 100.0, 0.02
BLOWS = {"SIGKILL": signal.SIGKILL, "SIGSTOP": signal.SIGSTOP}
SETTLE_S, WATCH_S, SAMPLE_S, CONTROL_S = 3.0, 12.0, 5.0, 1.5
EMPTY, CLEAN, IN_WEBSOCKET = "Empty", "clean", "crash in obs-websocket's end"


class Bench:
    """What all parts share: a folder, a clip, and how an OBS is made."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.options = folder, options
        self.environment = load_beside_obs(folder, options.load)
        self.clip = clip_file(folder / "clip.mkv", size="640x360", seconds=10)

    def studio(self, name: str, filtered: bool = True, environment: Mapping[str, str] | None = None, **more: Any):
        """An OBS at 640x360, 30 frames a second, with the clip."""
        filters = [mirage_filter(pipeline=self.options.pipeline)] if filtered else []
        sources = [media_source("Clip", self.clip, filters=filters)]
        variables = {**self.environment, **(environment or {})}
        video = Video(640, 360, 30)
        return Studio(self.folder / name, sources, worker="real", video=video, environment=variables, **more)


def recovery(bench: Bench) -> tuple[dict[str, Any], dict[str, bool]]:
    """SIGKILL and SIGSTOP, three times each."""
    scripts = [Script(MIRAGE_SCRIPT), TICKER]
    with bench.studio("control", filtered=False, scripts=scripts) as studio:
        studio.start()
        time.sleep(SETTLE_S)
        figures: dict[str, Any] = {"control_gap_ms": _longest_gap_ms(studio, lambda: time.sleep(3 * WATCH_S))}
    gates = {}
    with bench.studio("recovery", scripts=scripts) as studio:
        studio.start()
        for name, blow in BLOWS.items():
            figures[name] = times = _blows(studio, blow)
            stall_ms = times["gap_ms"] - figures["control_gap_ms"]
            for what, limit_ms in (("source", SOURCE_WITHIN_MS), ("styled", STYLED_WITHIN_MS)):
                took_ms = times[f"{what}_ms"]
                gates[f"{name}: {what} within {took_ms:.0f} of {limit_ms:.0f} ms"] = took_ms <= limit_ms
            gate = f"{name}: OBS's longest gap {stall_ms:+.0f} ms against the control run"
            gates[gate] = stall_ms <= STALL_BEYOND_CONTROL_MS
    return figures, gates


def _blows(studio: Studio, blow: signal.Signals) -> dict[str, float]:
    times: dict[str, list[float]] = {"source_ms": [], "styled_ms": [], "gap_ms": []}
    for _ in range(3):
        slot = studio.wait_styled("Clip")
        time.sleep(SETTLE_S)
        (worker,) = studio.worker_pids()

        def strike(worker: int = worker, slot: Any = slot) -> None:
            struck = time.monotonic()
            os.kill(worker, blow)
            for name, wanted in (("source_ms", 0), ("styled_ms", 1)):
                while slot.get("showing_styled") != wanted and time.monotonic() - struck < 30:
                    time.sleep(0.002)
                times[name].append((time.monotonic() - struck) * 1000)
            time.sleep(max(0.0, struck + WATCH_S - time.monotonic()))

        times["gap_ms"].append(_longest_gap_ms(studio, strike))
    return {name: round(max(values), 1) for name, values in times.items()}


def _longest_gap_ms(studio: Studio, during: Callable[[], None]) -> float:
    before = len(studio.log())
    during()
    gaps = re.findall(r"ticker: ([\d.]+) ms", studio.log()[before:])
    return max(map(float, gaps), default=0.0)


def reloads(bench: Bench) -> tuple[dict[str, Any], dict[str, bool]]:
    """The Scripts window's reload button, as often as asked."""
    folder = bench.folder / "reloader"
    folder.mkdir()
    environment = {"RELOADER_FOLDER": str(folder), "RELOADER_SCRIPT": str(MIRAGE_SCRIPT)}
    done, times = 0, bench.options.times
    with bench.studio("reloads", scripts=[Script(SCRIPTS / "reloader.py")], environment=environment) as studio:
        studio.start()
        studio.wait_styled("Clip")
        threads = thread_count(studio.pid)
        for number in range(1, times + 1):
            (folder / "wanted").write_text(str(number))
            studio.wait_until(lambda n=number: _read_number(folder / "done") == n, "the reload")
            studio.wait_until(lambda: len(studio.sessions()) == 1 == len(studio.worker_pids()), "one session")
            studio.wait_styled("Clip")
            done += 1
        figures = {"done": done, "threads_before": threads, "threads_after": thread_count(studio.pid)}
        clean = studio.quit() == 0 and studio.sessions() == []
    return figures, {f"{done} of {times} reloads, clean end": done == times and clean}


def starts(bench: Bench) -> tuple[dict[str, Any], dict[str, bool]]:
    """Start OBS, wait for the styled picture, close its window."""
    clean, times, statuses = 0, bench.options.times, Counter()
    with bench.studio("starts") as studio:
        for _ in range(times):
            studio.start()
            studio.wait_styled("Clip")
            workers = studio.worker_pids()
            status = studio.quit()
            statuses[status] += 1
            clean += status == 0 and studio.sessions() == [] and not any(map(alive, workers))
    return {"clean": clean, "statuses": statuses}, {f"{clean} of {times} starts and exits clean": clean == times}


def control(bench: Bench) -> tuple[dict[str, Any], dict[str, bool]]:
    """The same starts and exits without our script and filter: what ends badly here is OBS's own."""
    statuses: Counter[int] = Counter()
    with bench.studio("control-starts", filtered=False, scripts=[]) as studio:
        for _ in range(bench.options.times):
            studio.start()
            time.sleep(CONTROL_S)
            statuses[studio.quit()] += 1
    return {"clean": statuses[0], "statuses": statuses}, {}


def collections(bench: Bench) -> tuple[dict[str, Any], dict[str, bool]]:
    """Start OBS, go to an empty scene collection and back, close its window at any moment after that."""
    pause, without, endings = random.Random(1), bench.options.without_script, Counter()
    with bench.studio("collections", filtered=not without, scripts=[] if without else None) as studio:
        for number in range(bench.options.times):
            studio.start()
            first = studio.request("GetSceneCollectionList")["currentSceneCollectionName"]
            ask = "SetCurrentSceneCollection" if number else "CreateSceneCollection"
            for request, name in ((ask, EMPTY), ("SetCurrentSceneCollection", first)):
                studio.request(request, sceneCollectionName=name)
                time.sleep(pause.uniform(0.0, SETTLE_S))
            endings[_ending(studio)] += 1
            print(f"  {number + 1}: {dict(endings)}, load {os.getloadavg()[0]:.1f}", flush=True)
    bad = sum(endings.values()) - endings[CLEAN] - endings[IN_WEBSOCKET]
    ends = f"{endings[CLEAN]} of {bench.options.times} exits clean, {endings[IN_WEBSOCKET]} by obs-websocket's crash"
    return dict(endings), {ends: bad == 0}


def _ending(studio: Studio) -> str:
    """Closes OBS's window; how OBS ended, and what it left."""
    workers = [pid for pid in studio.worker_pids() if b"mirage" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    status = studio.quit(timeout_s=60.0)
    left = [str(path) for path in studio.sessions()] + [str(pid) for pid in workers if alive(pid)]
    last = studio.log().splitlines()[-1]
    if status == -signal.SIGSEGV and not left and "[obs-websocket] [obs_module_unload] Shutting down" in last:
        return IN_WEBSOCKET
    return CLEAN if status == 0 and not left else f"status {status}, left {left}, last words {last!r}"


def memory(bench: Bench) -> tuple[dict[str, Any], dict[str, bool]]:
    """Resident memory after the first minute (a tenth of the run, if that is less)."""
    seconds = bench.options.seconds
    samples: dict[str, list[float]] = {"obs_mib": [], "worker_mib": []}
    with bench.studio("memory") as studio:
        studio.start()
        slot = studio.wait_styled("Clip")
        (worker,) = studio.worker_pids()
        time.sleep(min(60.0, seconds / 10))
        before, deadline = slot.get("frames_shown"), time.monotonic() + seconds
        while time.monotonic() < deadline:
            samples["obs_mib"].append(resident_mib(studio.pid))
            samples["worker_mib"].append(resident_mib(worker))
            time.sleep(min(SAMPLE_S, seconds / 40))
        shown, same_worker = slot.get("frames_shown") - before, studio.worker_pids() == [worker]
    figures: dict[str, Any] = {"seconds": seconds, "frames_shown": shown, "same_worker": same_worker}
    gates = {f"{shown} frames shown by one worker": same_worker and shown > 0}
    for name, values in samples.items():
        fifth = max(1, len(values) // 5)  # OBS's media buffers come and go: what stays is the least of a while
        first, last = min(values[:fifth]), min(values[-fifth:])
        figures[name] = {"first": round(first, 1), "last": round(last, 1), "most": round(max(values), 1)}
        figures[name]["every_minute"] = [round(value) for value in values[:: max(1, len(values) // 10)]]
        gates[f"{name} {first:.1f} → {last:.1f} ({last / first - 1:+.2%})"] = last <= first * (1 + FLAT_WITHIN)
    return figures, gates


def _read_number(path: Path) -> int:
    return int(path.read_text() or 0) if path.exists() else 0


PARTS = {part.__name__: part for part in (recovery, reloads, starts, control, collections, memory)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parts", default=",".join(PARTS), help="which, separated by commas")
    parser.add_argument("--seconds", type=float, default=600.0, help="of the memory run")
    parser.add_argument("--times", type=int, default=20, help="reloads, and starts and exits")
    parser.add_argument("--pipeline", default="passthrough", choices=("passthrough", "lsd"))
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    parser.add_argument("--without-script", action="store_true", help="collections: the control run")
    options = add_load_option(parser).parse_args()
    report: dict[str, Any] = {"machine": describe(), "pipeline": options.pipeline, "gates": {}}
    print("; ".join(f"{key} {value}" for key, value in report["machine"].items()), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options)
        for name in options.parts.split(","):
            report[name], gates = PARTS[name](bench)
            print(f"{name}: {json.dumps(report[name])}")
            for gate, passed in gates.items():
                print(f"  {'ok    ' if passed else 'MISSED'}  {gate}", flush=True)
            report["gates"].update(gates)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0 if all(report["gates"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())

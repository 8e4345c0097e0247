#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From a command to the first frame on screen that wears it, in a real OBS, for every way a command can come.

    python tests/bench/obs/look_latency.py [--trials 60] [--pipeline lsd] [--size 640x360] [--json FILE]

Starts an OBS of its own on a virtual screen. Ways: a key event (XTEST), obs-websocket's hotkey trigger, one line to
`mirage-lsd ctl batch`, a command as the voice process sends it; and for information a whole `mirage-lsd ctl apply`
with the start of its process, and how long "off" takes. The pipeline's own latency, captured to shown, is of the same
run. Exits 1 if a way's p95 is above two OBS frames plus the p95 of that, or if the frame that wears it was captured
more than two OBS frames after the command (p95), which says the same frame by frame, also on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[3]
FOLDERS = ("installers", "installers/obs", "tests/support", "tests/support/obs")
sys.path[:0] = [str(CHECKOUT / folder) for folder in FOLDERS]

from bench_options import add_obs_options
from key_events import Keyboard
from look_studio import LookStudio
from obs_config import Video
from obs_scene import media_source, mirage_filter
from studio import clip_file

from mirage_lsd.obs_script.host.control_block import Area, Latency
from mirage_lsd.shared.clock import now_ns
from mirage_lsd.shared.messages.look_commands import ApplyPreset, TurnOff, TurnOn
from mirage_lsd.worker.bench.machine import describe
from mirage_lsd.worker.programs.look_client import LookClient
from mirage_lsd.worker.timing import NS_PER_MS, percentiles_ms

LOOKS = ("red-leather-jacket", "navy-suit")
KEYS = {f"mirage_lsd.preset.{preset}": key for preset, key in zip(LOOKS, ("F9", "F10"), strict=True)}
CTL = [sys.executable, "-c", "from mirage_lsd.worker.programs.cli import main; raise SystemExit(main())", "ctl"]
FRAMES_ALLOWED = 2
WARM_UP_S = 3.0
SEEN_WITHIN_S, STYLED_WITHIN_S = 10.0, 180.0
INFORMATION_ONLY = "one ctl process"
OFF = "off to source on screen"


def main() -> int:
    options = _options()
    width_px, height_px = map(int, options.size.split("x"))
    machine = describe()
    print(f"{machine['hardware']}; {machine['system']}; commit {machine['commit']}; load {machine['load']}")
    print(f"OBS at {options.size}, {options.fps} frames a second, pipeline {options.pipeline}, "
          f"{options.trials} commands a way")
    with tempfile.TemporaryDirectory() as folder:
        clip = clip_file(Path(folder) / "clip.mkv", size=options.size, seconds=10)
        filters = [mirage_filter(pipeline=options.pipeline, target_fps=options.fps)]
        sources = [media_source("Clip", clip, filters=filters)]
        video = Video(width_px, height_px, options.fps)
        with LookStudio(Path(folder) / "obs", sources, KEYS, worker="real", video=video) as studio:
            report = {"machine": machine, **_measure(studio, options.trials)}
    report["gates"] = _gates(report, 1000.0 / options.fps)
    for gate, passed in report["gates"].items():
        print(f"{'ok    ' if passed else 'MISSED'}  {gate}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0 if all(report["gates"].values()) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=60, help="commands a way")
    parser.add_argument("--pipeline", default="lsd", choices=["lsd", "passthrough"])
    return add_obs_options(parser).parse_args()


def _measure(studio: LookStudio, trials: int) -> dict[str, Any]:
    studio.start()
    slot = studio.slot("Clip")
    studio.wait_until(lambda: slot.get("showing_styled"), "a styled picture", STYLED_WITHIN_S)
    studio.wait_until(lambda: set(KEYS) <= set(studio.hotkeys()), "the hotkeys")
    time.sleep(WARM_UP_S)
    environment = {**os.environ, "MIRAGE_LSD_SESSION_ROOT": str(studio.session_root)}
    batch = subprocess.Popen([*CTL, "--as", "batch", "batch"], env=environment, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    print("status", file=batch.stdin, flush=True)
    batch.stdout.readline()  # it is up: its start is no part of the figures
    keyboard, voice = Keyboard(studio.display.name), studio.controller("voice")
    ways: dict[str, Callable[[str], object]] = {
        "key event": lambda preset: keyboard.press(KEYS[f"mirage_lsd.preset.{preset}"]),
        "obs-websocket hotkey": lambda preset: studio.trigger(f"mirage_lsd.preset.{preset}"),
        "ctl batch": lambda preset: print(f"apply {preset}", file=batch.stdin, flush=True),
        "voice command": lambda preset: voice.do(ApplyPreset(preset, origin="voice")),
        INFORMATION_ONLY: lambda preset: subprocess.run([*CTL, "apply", preset], env=environment,
                                                        stdout=subprocess.DEVNULL, check=True),
    }
    meter = Meter(slot)
    for number in range(trials):
        for name, fire in ways.items():  # in turns, so that each way meets the same machine
            if name != INFORMATION_ONLY or number < 10:
                meter.measure(name, fire)
    found = meter.figures()
    found[OFF] = percentiles_ms(_off_times(studio, voice, slot, max(5, trials // 4)))
    batch.stdin.close()
    batch.stdout.close()
    batch.wait()
    keyboard.close()
    voice.close()
    own = percentiles_ms([(row.shown_ns - row.captured_ns) / NS_PER_MS for row in meter.rows])
    for name, figures in {"captured to shown": own, **found}.items():
        shown = "  ".join(f"{key[:3]} {figures[key]:7.1f}" for key in ("p50_ms", "p95_ms", "p99_ms"))
        after = figures.get("captured_after_obs_frames_p95")
        frames = f"; captured {after} OBS frames after it (p95)" if after is not None else ""
        print(f"   {name:22} {shown} ms{frames}")
    return {"own": own, "ways": found, "frames": len(meter.rows)}


class Meter:
    """One command after the other, each another look than the last. rows: every frame shown meanwhile."""

    def __init__(self, slot: Area) -> None:
        self._slot, self._read, self._chance, self._number = slot, slot.get("latency_head"), random.Random(1), 0
        self.rows: list[Latency] = []
        self._delays_ms: dict[str, list[float]] = {}
        self._ticks: dict[str, list[int]] = {}

    def measure(self, way: str, fire: Callable[[str], object]) -> None:
        """Commands a look and waits for the first frame on screen that wears it."""
        time.sleep(self._chance.uniform(0.3, 0.5))
        self._number += 1
        generation, tick, started_ns = self._slot.get("generation"), self._slot.get("tick"), now_ns()
        fire(LOOKS[self._number % 2])
        first = self._first_after(generation, way)
        self._delays_ms.setdefault(way, []).append((first.shown_ns - started_ns) / NS_PER_MS)
        self._ticks.setdefault(way, []).append(first.captured_tick - tick)

    def figures(self) -> dict[str, dict[str, Any]]:
        """For each way: milliseconds from command to frame on screen, and OBS frames from the command to the capture
        of that frame: what is left is the pipeline's own latency."""
        after = {way: sorted(ticks)[int(len(ticks) * 0.95)] for way, ticks in self._ticks.items()}
        return {
            way: {**percentiles_ms(delays), "captured_after_obs_frames_p95": after[way]}
            for way, delays in self._delays_ms.items()
        }

    def _first_after(self, generation: int, way: str) -> Latency:
        until = time.monotonic() + SEEN_WITHIN_S
        while time.monotonic() < until:
            self._read, more = self._slot.latencies(self._read)
            self.rows += more
            for row in more:
                if row.generation > generation:
                    return row
            time.sleep(0.005)
        raise SystemExit(f"a command by {way} changed nothing on screen: {self._slot.text('status')}")


def _off_times(studio: LookStudio, client: LookClient, slot: Area, count: int) -> list[float]:
    """Milliseconds from "off" to the untouched source on screen."""
    delays = []
    for _ in range(count):
        studio.wait_styled("Clip")
        time.sleep(0.2)
        started_ns = now_ns()
        client.do(TurnOff(origin="voice"))
        while slot.get("showing_styled"):
            time.sleep(0.001)
        delays.append((now_ns() - started_ns) / NS_PER_MS)
        client.do(TurnOn(origin="voice"))
    return delays


def _gates(report: dict[str, Any], frame_ms: float) -> dict[str, bool]:
    limit = FRAMES_ALLOWED * frame_ms + report["own"]["p95_ms"]
    gates = {}
    for name, figures in report["ways"].items():
        if name not in (INFORMATION_ONLY, OFF):
            text = f"{name}: command to first frame p95 {figures['p95_ms']:.1f} of at most {limit:.1f} ms"
            gates[f"{text} ({FRAMES_ALLOWED} frames and {report['own']['p95_ms']:.1f})"] = figures["p95_ms"] <= limit
            after = figures["captured_after_obs_frames_p95"]
            gates[f"{name}: that frame was captured p95 {after} of at most {FRAMES_ALLOWED} OBS frames after"] = (
                after <= FRAMES_ALLOWED
            )
    return gates


if __name__ == "__main__":
    sys.exit(main())

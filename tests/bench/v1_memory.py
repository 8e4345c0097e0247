# SPDX-License-Identifier: Apache-2.0
"""Is mirage-lsd-v1's memory flat? Plays frames from ring to ring and prints resident memory as it goes.

    .venv/bin/python tests/bench/v1_memory.py --frames 2000               tiny random checkpoint, CPU
    .venv/bin/python tests/bench/v1_memory.py --device cuda:0 --checkpoint random:lcm-sd15 --diffusion-size 768x432

Looks change every 200 frames and a scene cut comes every 300, since that is where memory would leak.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "support/v1"))
from v1_streams import SETTINGS, OneModel, RingStream, new_host, pictures

from mirage_lsd.worker.bench import machine
from mirage_lsd.worker.programs.cli import size_px

LOOKS = ("a red coat", "a green hat", "a knight in armour", "snow")
MB = 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--checkpoint", default="random:tiny-random")
    parser.add_argument("--diffusion-size", type=size_px, default=(64, 64))
    options = parser.parse_args()
    host = new_host(checkpoint=options.checkpoint, device=options.device, working_px=options.diffusion_size)
    print(machine.describe(), host.text, sep="\n")
    frames, process, seen = pictures(24), psutil.Process(), []
    with tempfile.TemporaryDirectory() as folder, RingStream(OneModel(host), Path(folder), SETTINGS) as stream:
        stream.change(steps=1)
        for number in range(options.frames + 1):
            if number % 200 == 0:
                stream.change(prompt=LOOKS[number // 200 % len(LOOKS)])
            picture = frames[number % len(frames)]
            stream.send(255 - picture if number // 300 % 2 else picture)
            while stream.stream.pipeline.busy:
                stream.stream.collect()
            if number % 100 == 0:
                seen.append(process.memory_info().rss / MB)
                print(f"frame {number:6}: resident {seen[-1]:8.1f} MB", flush=True)
    after = seen[len(seen) // 10 + 1 :]  # the first tenth fills caches
    print(f"after the first tenth: {min(after):.1f} to {max(after):.1f} MB, {100 * (after[-1] / after[0] - 1):+.2f} %")


if __name__ == "__main__":
    main()

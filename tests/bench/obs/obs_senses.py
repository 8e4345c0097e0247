#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What listening and looking for hands cost the picture: frames a second with and without, in turns.

    python tests/bench/obs/obs_senses.py [--seconds 10] [--rounds 3] [--sense voice|gestures] [--clip FILE]

An OBS for each turn, with the shipped model on a playing clip. For voice a media source speaks all the time (a
command, other talk, a command), for gestures the clip is looked at. The turns go off, on, on, off, so that a machine
that gets busier weighs on both alike. Exits 1 if voice costs more than 5 % or gestures more than 10 %.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CHECKOUT = Path(__file__).resolve().parents[3]
FOLDERS = ("installers", "installers/obs", "tests/support", "tests/support/obs")
sys.path[:0] = [str(CHECKOUT / folder) for folder in FOLDERS]

from obs_config import Video
from obs_scene import Script, media_source, mirage_filter
from studio import MIRAGE_SCRIPT, Studio, clip_file

from mirage_lsd.worker.bench.machine import describe
from mirage_lsd.worker.train.voice.speech import TUNING_VOICES, speak, write_wav

MOST_COST = {"voice": 0.05, "gestures": 0.10}
WARM_UP_S, SETTLE_S = 4.0, 3.0
TALK = ("Mirage, red leather jacket", "I think the other side of the street is nicer", "Mirage, undo",
        "we went to the market and bought some apples")
SETTINGS = {"voice": {"voice_on": True, "voice_source": "Speaker"}, "gestures": {"gestures_on": True}}


def main() -> int:
    options = _options()
    print("machine:", describe())
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip or clip_file(Path(folder) / "clip.mkv", size="640x360", seconds=10)
        pause = np.zeros(8000, np.float32)
        said = [part for text in TALK for part in (speak(text, TUNING_VOICES[0]), pause)]
        write_wav(Path(folder) / "talk.wav", np.concatenate(said))
        off, on = _measure(Path(folder), clip, options)
    cost = 1 - np.sum(on) / np.sum(off)
    print(f"{options.sense}: off {np.round(off, 2)} fps, on {np.round(on, 2)} fps, cost {cost:.1%}, "
          f"at most {MOST_COST[options.sense]:.0%} wanted")
    return 0 if cost <= MOST_COST[options.sense] else 1


def _measure(folder: Path, clip: Path, options: argparse.Namespace) -> tuple[list[float], list[float]]:
    """Processed frames a second, without and with."""
    sources = [media_source("Clip", clip, filters=[mirage_filter(target_fps=60)]),
               media_source("Speaker", folder / "talk.wav")]
    found: dict[bool, list[float]] = {False: [], True: []}
    for turn in ([False, True, True, False] * options.rounds)[: 2 * options.rounds]:
        script = Script(MIRAGE_SCRIPT, SETTINGS[options.sense] if turn else {})
        with Studio(folder / "obs", sources, worker="real", video=Video(640, 360, 30), scripts=[script]) as studio:
            studio.start()
            slot = studio.slot("Clip")
            studio.wait_styled("Clip")
            if turn:
                word = "knows" if options.sense == "voice" else "looking for hands"
                studio.wait_until(lambda slot=slot, word=word: word in slot.text("status"), "the sense at work", 60)
            time.sleep(WARM_UP_S + SETTLE_S)
            before, began = slot.get("frames_shown"), time.monotonic()
            time.sleep(options.seconds)
            found[turn].append((slot.get("frames_shown") - before) / (time.monotonic() - began))
            print("on " if turn else "off", round(found[turn][-1], 2), slot.text("status"), flush=True)
    return found[False], found[True]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--sense", choices=tuple(MOST_COST), default="voice")
    parser.add_argument("--clip", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

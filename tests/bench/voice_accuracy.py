# SPDX-License-Identifier: Apache-2.0
"""How many spoken commands are understood, and how soon: clean, and with noises and music 10 dB below the voice.

    python tests/bench/voice_accuracy.py --voices acceptance --every 4

The acceptance voices are used here and for false triggers only: nothing is trained or chosen with them. Every phrase
goes through the real listener as a stream: floor, phrase finding, engine, grammar, commands, threshold. A command
counts when exactly one comes out and it means what was said. Latency is from the last sample of speech to the command.
`--every N` takes each N-th command of each voice. `--clock processor` counts the engine's processor time instead of
the time on the wall: what it would take if nothing else ran. flite's voice is another program's, for comparison.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from dataclasses import dataclass, field

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's share of the engine: as in the voice process

import numpy as np

from mirage_lsd.shared.messages.voice_lines import Rejected, Understood
from mirage_lsd.worker.presets.presets import load_library
from mirage_lsd.worker.senses.voice.endpointer import FRAME_SAMPLES
from mirage_lsd.worker.senses.voice.engines.engine import load
from mirage_lsd.worker.senses.voice.intents import Phrasebook, spoken_presets
from mirage_lsd.worker.senses.voice.listener import Listener, Manner
from mirage_lsd.worker.train.voice.noises import ALL_KINDS, noise
from mirage_lsd.worker.train.voice.speech import (
    ACCEPTANCE_VOICES,
    FLITE_VOICES,
    RATE_HZ,
    TALKERS,
    TUNING_VOICES,
    Voice,
    in_noise,
    pcm16,
    speak,
)

COMMANDS = tuple(
    """undo|redo|next|previous|random|off|on|stop|turn off|undo that|next look|surprise me|number one|number three
    |number five|number seven|number eight|number twelve|number fifteen|number nineteen|look two|look four|preset six
    |preset eleven|as i am|red leather jacket|black leather jacket|blue hoodie|green hoodie|white shirt
    |striped t-shirt|yellow t-shirt|navy suit|checked shirt|city at night|forest|beach|sci-fi|studio|space|night rider
    |beach day|starship crew|jacket in dark green|wear a purple dress|pink hoodie|grey suit|orange shorts|blue jeans
    |black trousers|a white dress|brown leather jacket|turquoise shirt|polka dot skirt|camouflage jacket|floral dress
    |dress in burgundy|hoodie in light blue|olive trousers|green top|red hoodie and black jeans
    |white blouse and navy skirt|put on a gold jacket|blonde hair|long hair|short hair|pink hair|a red hat|bald
    |scene forest|background beach|outer space|photo studio|spaceship|daylight|sunset light|neon light|night light"""
    .replace("\n", "").replace("    |", "|").split("|")
)  # fmt: skip
CONDITIONS = {"clean": ("white", 50.0), **{f"{kind} 10 dB": (kind, 10.0) for kind in ALL_KINDS}}
VOICES = {"acceptance": ACCEPTANCE_VOICES, "tuning": TUNING_VOICES, "flite": FLITE_VOICES}
LEAD_S, TAIL_S = 0.8, 1.2


@dataclass
class Tally:
    """One condition's counts."""

    right: int = 0
    said_before: int = 0
    wrong: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    latency_ms: list[float] = field(default_factory=list)
    end_ms: list[float] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)

    @property
    def said(self) -> int:
        return self.right + len(self.wrong) + len(self.missed)


def events_of(listener: Listener, samples: np.ndarray):
    """(event, ms of sound heard when it came) for a piece of sound."""
    pcm = pcm16(samples)
    for start in range(0, pcm.size, FRAME_SAMPLES):
        for event in listener.hear(pcm[start : start + FRAME_SAMPLES]):
            yield event, (start + FRAME_SAMPLES) * 1000 / RATE_HZ


def sound_of(command: str, voice: Voice, kind: str, snr_db: float, seed: int, talkers: tuple) -> tuple:
    """(samples, sample at which speech ends)."""
    speech = speak(f"Mirage, {command}", voice)
    around = noise(kind, speech.size + int((LEAD_S + TAIL_S) * RATE_HZ), seed, talkers)
    return in_noise(speech, around, snr_db, LEAD_S)


def say(listener: Listener, book: Phrasebook, tally: Tally, command: str, samples: np.ndarray, end: int) -> None:
    """One phrase into the listener and its outcome into the tally."""
    got = list(events_of(listener, samples))
    commands = [(event, at_ms) for event, at_ms in got if isinstance(event, Understood)]
    meant = book.read(command)
    tally.end_ms += [at_ms - end * 1000 / RATE_HZ for event, at_ms in got if isinstance(event, (Understood, Rejected))]
    if len(commands) == 1 and commands[0][0].look_command == meant:
        event, at_ms = commands[0]
        tally.right += 1
        tally.confidences.append(event.confidence)
        tally.latency_ms.append(at_ms - end * 1000 / RATE_HZ + max(event.latency_ms - listener.quiet_ms, 0))
    elif commands:
        tally.wrong.append(f"{command} -> {commands[0][0].text} ({commands[0][0].confidence:.2f})")
    else:
        why = [f"{event.reason} {event.text} {event.confidence:.2f}" for event, _ in got if isinstance(event, Rejected)]
        tally.missed.append(f"{command} ({'; '.join(why) or 'nothing'})")


def main() -> None:
    options = arguments()
    engine = load(options.engine, options.model)
    clock_s = {"wall": time.perf_counter, "processor": time.process_time}[options.clock]
    presets = spoken_presets(load_library())
    book = Phrasebook(presets)
    voices = VOICES[options.voices]
    print(f"{engine.name}, {len(COMMANDS)} commands, every {options.every}, {options.voices} voices, "
          f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    noisy = Tally()
    for name in options.conditions or CONDITIONS:
        kind, snr_db = CONDITIONS[name]
        tally, by_voice = Tally(), {}
        used_s, heard_s = time.process_time(), 0.0
        for number, voice in enumerate(voices):
            listener = Listener(engine, clock_s=clock_s)
            listener.use(presets, Manner("mirage", options.threshold or engine.threshold, 0))
            before = tally.right, tally.said
            for index in range(number % options.every, len(COMMANDS), options.every):
                samples, end = sound_of(COMMANDS[index], voice, kind, snr_db, index * 100 + number, TALKERS)
                say(listener, book, tally, COMMANDS[index], samples, end)
                heard_s += samples.size / RATE_HZ
            by_voice[voice.code] = f"{tally.right - before[0]}/{tally.said - before[1]}"
        report(name, tally, by_voice, (time.process_time() - used_s) / heard_s, options.verbose)
        if name != "clean":
            noisy.right, noisy.said_before = noisy.right + tally.right, noisy.said_before + tally.said
    if noisy.said_before:
        print(f"all noises and music together: {noisy.right}/{noisy.said_before} = "
              f"{noisy.right / noisy.said_before:.1%}")  # fmt: skip


def report(name: str, tally: Tally, by_voice: dict, load_of_core: float, verbose: bool) -> None:
    waits = np.percentile(tally.latency_ms or [0], (50, 95))
    ends = np.percentile(tally.end_ms or [0], (50, 95))
    print(f"{name:12s} {tally.right}/{tally.said} = {tally.right / max(tally.said, 1):.1%}  wrong {len(tally.wrong)}  "
          f"missed {len(tally.missed)}  end found after ms p50 {ends[0]:.0f} p95 {ends[1]:.0f}  "
          f"end of phrase -> command ms p50 {waits[0]:.0f} p95 {waits[1]:.0f}  "
          f"CPU {load_of_core:.1%} of a core  {by_voice}", flush=True)  # fmt: skip
    if verbose:
        print("   wrong:", *tally.wrong, sep="\n      ")
        print("   missed:", *tally.missed, sep="\n      ")
        print("   least confident right ones:", np.round(sorted(tally.confidences)[:12], 2), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--model", default="")
    parser.add_argument("--voices", choices=VOICES, default="acceptance")
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--threshold", type=float, default=0.0)
    parser.add_argument("--conditions", nargs="*", choices=CONDITIONS)
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()

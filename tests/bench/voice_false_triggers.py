# SPDX-License-Identifier: Apache-2.0
"""How often speech that is no command triggers one: real recordings, and hours of synthetic talk by unheard voices.

    python tests/bench/voice_false_triggers.py --hours 2 --real

Synthetic talk is prose from the docstrings of Python's standard library and a streamer's chatter full of garments,
colours and words that sound like the wake word, by the acceptance voices, some of it over music. Real speech is what
the packages moonshine-voice and (Debian) pocketsphinx-testdata carry; `--recordings FOLDER` adds any other. The same
seed gives the same talk.
"""

from __future__ import annotations

import argparse
import os
import random
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from mirage_lsd.shared.messages.voice_lines import Rejected, Understood
from mirage_lsd.worker.presets.presets import load_library
from mirage_lsd.worker.senses.voice.engines.engine import load
from mirage_lsd.worker.senses.voice.intents import spoken_presets
from mirage_lsd.worker.senses.voice.listener import Listener, Manner
from mirage_lsd.worker.train.voice.noises import noise
from mirage_lsd.worker.train.voice.speech import ACCEPTANCE_VOICES, RATE_HZ, in_noise, pcm16, read_wav, speak
from mirage_lsd.worker.train.voice.utterances import prose

PROSE_MODULES = ("argparse", "asyncio.tasks", "calendar", "csv", "datetime", "difflib", "doctest", "email.message",
                 "fractions", "functools", "heapq", "imaplib", "logging.__init__", "mailbox", "optparse", "pathlib",
                 "random", "smtplib", "statistics", "string", "tarfile", "textwrap", "threading", "turtle",
                 "unittest.case", "urllib.request", "webbrowser", "zipapp")  # fmt: skip
CHATTER = (
    "I bought a {color} {garment} at the market yesterday.", "Was that a garage or a mirror over there?",
    "Their marriage is a mirage, he said.", "The image of the {scene} is on the next page.",
    "Turn off the light and stop the music, please.", "Look number {number}, there is the {color} one!",
    "My {garment} is {color}, yours is better.", "Undo the last change, no wait, redo it.",
    "We go to the {scene} at night, in the {garment}.", "Let us barrage them from the left side.",
    "That was a random {color} drop, nice.", "Admire the {scene}, then the {garment}.",
    "Thanks for the follow, welcome to the stream.", "Can you hear the rain on the {scene}?",
)  # fmt: skip
WORDS = {"color": ("red", "dark green", "navy", "purple", "white"), "garment": ("jacket", "hoodie", "dress", "suit"),
         "scene": ("forest", "beach", "studio", "city", "space"), "number": ("two", "seven", "twelve")}  # fmt: skip
REAL = (
    "moonshine_voice/assets/two_cities.wav", "moonshine_voice/assets/beckett.wav",
    "moonshine_voice/assets/endgame_nagg_nell.wav",
)  # fmt: skip
TELL_EVERY_S = 360.0
DEBIAN_REAL = Path("/usr/share/pocketsphinx/test/data")


def sentences(seed: int) -> Iterator[str]:
    """Endless talk: four sentences of prose to one of chatter, shuffled."""
    rng = random.Random(seed)
    sayings = [text for module in PROSE_MODULES for text in prose(module)]
    while True:
        if rng.random() < 0.2:
            yield rng.choice(CHATTER).format(**{key: rng.choice(words) for key, words in WORDS.items()})
        else:
            yield rng.choice(sayings)


def talk(hours: float, seed: int) -> Iterator[np.ndarray]:
    """Pieces of synthetic talk, together that many hours."""
    rng, source, made_s, number = random.Random(seed), sentences(seed), 0.0, 0
    while made_s < hours * 3600:
        voice = ACCEPTANCE_VOICES[number % len(ACCEPTANCE_VOICES)]
        text = " ".join(next(source) for _ in range(rng.choice((1, 1, 2))))
        kind, snr_db = rng.choice((("pink", 40.0), ("pink", 25.0), ("music", 15.0)))
        lead_s, tail_s = rng.uniform(0.3, 0.9), rng.uniform(0.2, 0.9)
        speech = speak(text, voice)
        around = noise(kind, speech.size + int((lead_s + tail_s) * RATE_HZ), seed + number)
        piece, _ = in_noise(speech, around, snr_db, lead_s)
        number += 1
        made_s += piece.size / RATE_HZ
        yield piece


def real_recordings(folders: list[Path]) -> Iterator[tuple[str, np.ndarray]]:
    """(name, samples) of every real recording at hand."""
    site = Path(sysconfig.get_path("purelib"))
    files = [site / name for name in REAL]
    for folder in [DEBIAN_REAL, *folders]:
        files += sorted(folder.rglob("*.wav"))
    yield from ((file.name, read_wav(file)) for file in files if file.exists())


def triggers(listener: Listener, pieces: Iterator[np.ndarray]) -> tuple[float, list, list]:
    """(seconds heard, commands, rejected phrases)."""
    heard_s, commands, rejected = 0.0, [], []
    for piece in pieces:
        before_s, heard_s = heard_s, heard_s + piece.size / RATE_HZ
        if int(heard_s / TELL_EVERY_S) > int(before_s / TELL_EVERY_S):
            print(f"   {heard_s / 3600:.3f} h, {len(commands)} commands, {len(rejected)} rejected", flush=True)
        for event in listener.hear(pcm16(piece)):
            if isinstance(event, Understood):
                commands.append((event.text, round(event.confidence, 2), round(heard_s)))
            elif isinstance(event, Rejected):
                rejected.append((event.reason, event.text, round(event.confidence, 2)))
    return heard_s, commands, rejected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", action="store_true", help="the real recordings instead of synthetic talk")
    parser.add_argument("--recordings", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    engine = load(options.engine)
    listener = Listener(engine)
    listener.use(spoken_presets(load_library()), Manner("mirage", engine.threshold, 0))
    used_s = time.process_time()
    if options.real or options.recordings:
        named = list(real_recordings(options.recordings))
        print("real:", ", ".join(name for name, _ in named))
        pieces = iter([samples for _, samples in named])
    else:
        pieces = talk(options.hours, options.seed)
    heard_s, commands, rejected = triggers(listener, pieces)
    used_s = time.process_time() - used_s
    print(f"{engine.name}: {heard_s / 3600:.3f} h heard, {len(commands)} false triggers "
          f"({len(commands) / heard_s * 3600:.2f} an hour), {len(rejected)} rejected below the threshold, "
          f"engine {listener.engine_s / heard_s:.1%} and all {used_s / heard_s:.1%} of a core")  # fmt: skip
    for line in commands:
        print("   triggered:", *line)
    for line in rejected:
        print("   rejected: ", *line)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""The options of `mirage-lsd eval`. Light to import: the command line builds every parser at each start."""

from __future__ import annotations

import argparse
from pathlib import Path

QUICK_CLIPS, QUICK_FRAMES = 4, 16  # at most these: drift and ablation are cut short too
FULL_DRIFT, QUICK_DRIFT = 5000, 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options; the lead's command line sets `run` to mirage_lsd.worker.eval.run.run."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where eval.json and the sheets go")
    parser.add_argument("--clips", type=positive, default=24, help="24 is the whole test set; 2 is a smoke test")
    parser.add_argument("--frames", type=frame_count, default=48, help="frames a clip")
    parser.add_argument("--compare-frames", type=frame_count, default=16, metavar="N",
                        help="frames a clip that variants of the model and the cheats are played on")
    parser.add_argument("--drift-frames", type=int, default=None, metavar="N",
                        help="length of the drift run; 5000, or 60 for a quick run; 0 leaves it out")
    parser.add_argument("--ablation-clips", type=int, default=None, metavar="N",
                        help="how many clips the ablation table is made of; 6, or 1 for a quick run")
    parser.add_argument("--seed", type=int, default=1, help="of the test set")
    parser.add_argument("--weights", type=Path, default=None, help="another weights file than the shipped one")
    parser.add_argument("--engine", default="auto", choices=["auto", "ncnn", "openvino", "onnx", "eager"])
    parser.add_argument("--data", type=Path, default=None, help="where the rendered test set is kept")
    parser.add_argument("--photos", type=Path, default=None, help="photographs for half of the backgrounds")


def completed(options: argparse.Namespace) -> argparse.Namespace:
    """A copy with every default that depends on other options or on the machine filled in."""
    from mirage_lsd.worker.engines.cache import default_cache_dir
    from mirage_lsd.worker.models.weights import DEFAULT_WEIGHTS

    quick = options.clips <= QUICK_CLIPS and options.frames <= QUICK_FRAMES
    given = vars(options).copy()
    defaults = {"drift_frames": QUICK_DRIFT if quick else FULL_DRIFT, "ablation_clips": 1 if quick else 6,
                "weights": DEFAULT_WEIGHTS, "data": default_cache_dir() / "test-set"}  # fmt: skip
    given |= {name: value for name, value in defaults.items() if given.get(name) is None}
    return argparse.Namespace(**given)


def positive(text: str) -> int:
    """A whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def frame_count(text: str) -> int:
    """Frames a clip: at least 3, because motion is measured between neighbours."""
    value = int(text)
    if value < 3:
        raise argparse.ArgumentTypeError("a clip needs at least 3 frames")
    return value

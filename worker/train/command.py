# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd train`: the whole recipe from nothing. Renders the synthetic world, then trains and writes weights.

Called by the command line. Invariant: what is done is not done twice: a rendered folder with its DONE mark and a
finished stage's checkpoint are taken as they are, so the same command goes on after an interruption.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker.train.learning.replicas import Replicas
from mirage_lsd.worker.train.recipe import STAGES, TrainConfig, train
from mirage_lsd.worker.train.world.generate import World, generate

CLIPS_A_FOLDER = 200
BACKGROUNDS, SCENE_VARIANTS = 240, 24
SMOKE_CLIPS, SMOKE_STEPS, SMOKE_SIZE_PX = 2, 2, (128, 96)


class TrainError(MirageError):
    """The training command was asked for something it cannot do."""

    code = "train_error"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `mirage-lsd train`."""
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="checkpoints, curves, sheets, data")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the weights file (default: in the run folder)")
    parser.add_argument("--world", type=Path, action="append", metavar="DIR", help="rendered folders to use instead")
    parser.add_argument("--clips", type=int, default=1600, help="clips to render")
    parser.add_argument("--photos", type=Path, metavar="DIR", help="photographs for half of the backgrounds")
    parser.add_argument("--minutes", type=float, help="total training time, shared out over the stages")
    parser.add_argument("--start", type=Path, metavar="FILE", help="weights to start from instead of random ones")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replica", type=int, metavar="K", help="number K of --replicas processes that learn side by "
                        "side in one run folder (start them together; number 0 writes --out)")
    parser.add_argument("--replicas", type=int, default=2, metavar="N", help="how many (default: 2, if --replica)")
    parser.add_argument("--until", choices=STAGES, default=STAGES[-1], help="stop after this stage")
    parser.add_argument("--smoke", action="store_true", help="a few clips and steps, to see that everything runs")


def run(options: argparse.Namespace) -> int:
    """Renders what is missing, trains, and says where the weights are."""
    if options.clips < 1 or (options.minutes is not None and options.minutes <= 0):
        raise TrainError("--clips and --minutes must be above zero")
    if options.replica is not None and not (0 <= options.replica < options.replicas and options.world):
        raise TrainError(f"--replica must be 0 to {options.replicas - 1} (see --replicas) and needs --world: replicas "
                         "would render the same clips; render them first (a run with --until autoencoder)")
    for folder in options.world or ():
        if not (folder / "DONE").is_file():
            raise TrainError(f"{folder} is not a finished data set: it has no file DONE; render it again")
    worlds = options.world or render_worlds(options)
    config = configured(options, tuple(worlds))
    train(config, lambda text: print(text, flush=True), options.until)
    print(f"weights: {config.out}")
    return 0


def render_worlds(options: argparse.Namespace) -> list[Path]:
    """The training folders below the run folder, rendering those that are not there yet."""
    clips = SMOKE_CLIPS if options.smoke else options.clips
    world: World | None = None
    folders = []
    for number, first in enumerate(range(0, clips, CLIPS_A_FOLDER)):
        folder = options.run_dir / "world" / f"train_{number:02d}"
        folders.append(folder)
        if (folder / "DONE").is_file():
            continue
        count = min(CLIPS_A_FOLDER, clips - first)
        print(f"rendering {count} clips into {folder}", flush=True)
        world = world or World()
        backdrops = (SMOKE_CLIPS, SMOKE_CLIPS) if options.smoke else (BACKGROUNDS, SCENE_VARIANTS)
        generate(
            folder, "train", count, options.seed * 1000 + number, backgrounds=backdrops[0],
            scene_variants=backdrops[1], photos=options.photos, world=world,
        )  # fmt: skip
    return folders


def configured(options: argparse.Namespace, worlds: tuple[Path, ...]) -> TrainConfig:
    """The recipe's configuration for these options."""
    run_dir, out, number = options.run_dir, options.out, options.replica or 0
    if number:
        run_dir, out = run_dir / f"replica-{number}", None
    config = TrainConfig(worlds, run_dir, out or run_dir / "mirage-lsd-tiny.safetensors", seed=options.seed + number,
                         threads=options.threads, start=options.start)
    stages = config.stages
    if options.replica is not None:
        replicas = Replicas(options.run_dir / "replicas", number, options.replicas)
        stages = {name: dataclasses.replace(stage, replicas=replicas) for name, stage in stages.items()}
    if options.minutes is not None:
        share = options.minutes * 60.0 / sum(stage.seconds for stage in stages.values())
        stages = {name: dataclasses.replace(stage, seconds=stage.seconds * share) for name, stage in stages.items()}
    if options.smoke:
        stages = {name: dataclasses.replace(stage, steps=SMOKE_STEPS, batch=2) for name, stage in stages.items()}
        return dataclasses.replace(config, stages=stages, size_px=SMOKE_SIZE_PX)
    return dataclasses.replace(config, stages=stages)

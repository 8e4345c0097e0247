# SPDX-License-Identifier: Apache-2.0
"""`mirage-lsd train`: the whole recipe from nothing. Renders the synthetic world, then trains, blends, writes weights.

Called by the command line. Invariant: what is done is not done twice: a rendered folder with its DONE mark and a
finished stage's checkpoint are taken as they are, so the same command goes on after an interruption.
A run folder holds world/, a folder a step with its `weights.safetensors` and, of runs, their stages (see runs.py).
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

from mirage_lsd.worker.train.blend import write_blend
from mirage_lsd.worker.train.learning.replicas import Replicas
from mirage_lsd.worker.train.recipe import RECIPE, STAGES, Recipe, Run, TrainError, read_recipe
from mirage_lsd.worker.train.train_run import TrainConfig, train
from mirage_lsd.worker.train.world.generate import World, generate

CLIPS_A_FOLDER = 200
BACKGROUNDS, SCENE_VARIANTS = 240, 24
WEIGHTS = "weights.safetensors"
SMOKE_CLIPS, SMOKE_STEPS, SMOKE_SIZE_PX = 2, 2, (128, 96)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `mirage-lsd train`."""
    parser.add_argument("--run-dir", type=Path, required=True, metavar="DIR", help="checkpoints, losses, sheets, data")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the weights file (default: in the run folder)")
    parser.add_argument("--world", type=Path, action="append", metavar="DIR", help="rendered folders to use instead")
    parser.add_argument("--clips", type=int, default=1600, help="clips to render")
    parser.add_argument("--photos", type=Path, metavar="DIR", help="photographs for half of the backgrounds")
    parser.add_argument("--recipe", type=Path, default=RECIPE, metavar="FILE",
                        help="another recipe than the shipped one")
    parser.add_argument("--minutes", type=float, help="total training time, shared out over the runs' stages")
    parser.add_argument("--start", type=Path, metavar="FILE", help="weights to start from instead of random ones")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replica", type=int, metavar="K", help="number K of --replicas processes that learn side by "
                        "side in one run folder (start them together; number 0 writes --out)")
    parser.add_argument("--replicas", type=int, default=2, metavar="N", help="how many (default: 2, if --replica)")
    parser.add_argument("--until", choices=STAGES, help="the first run alone, up to this stage")
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
    recipe = adjusted(read_recipe(options.recipe), options)
    weights = follow(recipe, options, tuple(worlds), lambda text: print(text, flush=True))
    if not options.replica:
        weights = shutil.copyfile(weights, options.out or options.run_dir / "mirage-lsd-tiny.safetensors")
    print(f"weights: {weights}")
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


def adjusted(recipe: Recipe, options: argparse.Namespace) -> Recipe:
    """The recipe as these options want it: shorter, or with replicas."""
    if options.until is not None:
        recipe = recipe.until(options.until)
    if options.replica is not None:
        recipe = recipe.with_stages(lambda run, stage: dataclasses.replace(stage, replicas=Replicas(
            options.run_dir / run.name / "replicas", options.replica, options.replicas)))
    if options.minutes is not None:
        planned_s = sum(stage.seconds for run in recipe.runs for stage in run.stages.values())
        share = options.minutes * 60.0 / planned_s
        recipe = recipe.with_stages(lambda _, stage: dataclasses.replace(stage, seconds=stage.seconds * share))
    if options.smoke:
        recipe = recipe.with_stages(lambda _, stage: dataclasses.replace(stage, steps=SMOKE_STEPS, batch=2))
    return recipe


def run_config(run: Run, options: argparse.Namespace, worlds: tuple[Path, ...], folder: Path,
               made: dict[str, Path]) -> TrainConfig:
    """What a run is trained with, in its own part of `folder`."""
    return TrainConfig(worlds, folder / run.name, folder / run.name / WEIGHTS, run.stages,
                       SMOKE_SIZE_PX if options.smoke else TrainConfig.size_px,
                       options.seed + run.seed + (options.replica or 0),
                       made[run.start] if run.start else options.start, run.start is not None, options.threads)


def follow(recipe: Recipe, options: argparse.Namespace, worlds: tuple[Path, ...],
           report: Callable[[str], None]) -> Path:
    """Take every step; the last one's weights file."""
    folder = options.run_dir / f"replica-{options.replica}" if options.replica else options.run_dir
    made: dict[str, Path] = {}
    for step in recipe.steps:
        report(f"step {step.name}")
        made[step.name] = folder / step.name / WEIGHTS
        if isinstance(step, Run):
            train(run_config(step, options, worlds, folder, made), report)
        else:
            made[step.name].parent.mkdir(parents=True, exist_ok=True)
            write_blend(step, made, made[step.name], {"recipe": recipe.name, "step": step.name,
                                                      "license": "Apache-2.0"})
    return made[recipe.steps[-1].name]

# SPDX-License-Identifier: Apache-2.0
"""The recipe file, read and checked once: the steps by which a weights file is made, runs and blends.

Called by command.py. recipe.toml is the one that made mirage-lsd-tiny. Invariant: what a `Recipe` holds can be
followed in order; whatever is wrong with the file is said before anything is trained.
"""
from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker.presets.text_file import read_text
from mirage_lsd.worker.train.learning.replicas import Replicas

RECIPE = Path(__file__).with_name("recipe.toml")
STAGES = ("autoencoder", "flow", "denoiser", "surface", "stream", "schedule", "decoder", "motion")  # in this order
OPTIMIZERS = ("adamw", "muon")


class TrainError(MirageError):
    """The training command, or its recipe, asks for something that cannot be done."""

    code = "train_error"


@dataclass(frozen=True)
class StageConfig:
    """Size and length of one stage: it ends at `steps` or after `seconds` of work, whichever is first.

    batch: samples of the whole working size; scales: sizes, as shares of the working size, one of which each batch has
    (with as many more samples as it is smaller): small pictures teach layout faster, several sizes people near and far.
    optimizer: of OPTIMIZERS, at the same rates. replicas: of this stage, that learn side by side. again: so many
    batches are kept, one of which is met again after every new one (data echoing, Choi et al. 2019): composing is slow.
    counts: how much more or less than usual losses weigh, by name. hold_times: the learned time-steps stay (streams).
    """

    steps: int
    seconds: float
    batch: int
    rate: float
    frames: int = 1
    scales: tuple[float, ...] = (1.0,)
    optimizer: str = "adamw"
    replicas: Replicas | None = None
    again: int = 0
    counts: dict[str, float] = field(default_factory=dict)
    hold_times: bool = False

    @classmethod
    def of(cls, fields: dict) -> StageConfig:
        """From a recipe's table."""
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})

    def but(self, fields: dict) -> StageConfig:
        """With some of a recipe's table in place of its own."""
        return StageConfig.of({**vars(self), **fields})


@dataclass(frozen=True)
class Run:
    """Stages trained one after the other, from random weights or from those of an earlier step."""

    name: str
    stages: dict[str, StageConfig]
    start: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class Blend:
    """Weighted averages of earlier steps' tensors.

    blend: shares by step, by pattern of tensor names; of the patterns that match a name the last counts. scale: factors
    by pattern, afterwards. timesteps: by number of steps, what is put in place of the averaged ones.
    """

    name: str
    blend: dict[str, dict[str, float]]
    scale: dict[str, float]
    timesteps: dict[str, list[float]]

    def shares(self, tensor: str) -> dict[str, float]:
        """Of which steps a tensor is made, and how much of each."""
        return last_match(self.blend, tensor, {})

    def factor(self, tensor: str) -> float:
        return last_match(self.scale, tensor, 1.0)

    @property
    def parents(self) -> set[str]:
        return {parent for shares in self.blend.values() for parent in shares}


def last_match(by_pattern: dict, name: str, default):
    """The value of the last pattern that a name matches."""
    return next((by_pattern[pattern] for pattern in reversed(by_pattern) if fnmatchcase(name, pattern)), default)


@dataclass(frozen=True)
class Recipe:
    """Steps in the order in which they are taken; the last one's weights are the result."""

    name: str
    steps: tuple[Run | Blend, ...]

    @property
    def runs(self) -> list[Run]:
        return [step for step in self.steps if isinstance(step, Run)]

    def until(self, stage: str) -> Recipe:
        """The first run alone, up to and with a stage."""
        first = self.runs[0]
        stages = {name: first.stages[name] for name in STAGES[: STAGES.index(stage) + 1] if name in first.stages}
        return replace(self, steps=(replace(first, stages=stages),))

    def with_stages(self, change) -> Recipe:
        """With change(run, config) in place of every stage's config."""
        steps = [replace(step, stages={name: change(step, config) for name, config in step.stages.items()})
                 if isinstance(step, Run) else step for step in self.steps]
        return replace(self, steps=tuple(steps))


def read_recipe(path: Path = RECIPE) -> Recipe:
    """Raises TrainError."""
    try:
        table = tomllib.loads(read_text(path))
        usual = {name: StageConfig.of(fields) for name, fields in table["stages"].items()}
        recipe = Recipe(table["name"], tuple(_step(step, usual) for step in table["step"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainError(f"the recipe {path} cannot be read: {type(error).__name__}: {error}") from error
    _check(recipe, path)
    return recipe


def _step(table: dict, usual: dict[str, StageConfig]) -> Run | Blend:
    if "blend" in table:
        return Blend(**{"scale": {}, "timesteps": {}, **table})
    stages = {name: usual[name].but(fields) for name, fields in table.pop("run").items()}
    return Run(stages=stages, **table)


def _check(recipe: Recipe, path: Path) -> None:
    made: set[str] = set()
    for step in recipe.steps:
        for problem in _problems(step, made):
            raise TrainError(f"the recipe {path} cannot be followed: step {step.name!r} {problem}")
        made.add(step.name)
    if not recipe.runs:
        raise TrainError(f"the recipe {path} has no run")


def _problems(step: Run | Blend, made: set[str]):
    """What keeps a step from being taken when those in `made` have been."""
    if step.name in made:
        yield "is there twice"
    parents = step.parents if isinstance(step, Blend) else {step.start} - {None}
    if parents - made:
        yield f"needs {', '.join(sorted(parents - made))}, which no step before it makes"
    if isinstance(step, Run):
        if list(step.stages) != [name for name in STAGES if name in step.stages] or not step.stages:
            yield f"must have some of the stages {', '.join(STAGES)}, in this order"
        unknown = {config.optimizer for config in step.stages.values()} - set(OPTIMIZERS)
        if unknown:
            yield f"has the unknown optimizer {', '.join(unknown)}"
        return
    if "*" not in step.blend or next(iter(step.blend)) != "*":
        yield "must say first what '*', every tensor, is made of"
    for pattern, shares in step.blend.items():
        if not math.isclose(sum(shares.values()), 1.0, abs_tol=1e-6):
            yield f"has shares of {pattern} that do not add up to 1"

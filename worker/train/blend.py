# SPDX-License-Identifier: Apache-2.0
"""Weights averaged over runs, net by net (model soups: Wortsman et al. 2022). Torch-free.

Called by command.py for the recipe's blends. Invariant: all that is averaged has one form: the same tensors of the
same shapes, for this version's architecture.
"""
from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from mirage_lsd.worker.models.sampler import gaps_from_timesteps
from mirage_lsd.worker.models.weights import load_weights, save_weights
from mirage_lsd.worker.train.recipe import Blend, TrainError


def write_blend(step: Blend, made: dict[str, Path], out: Path, notes: dict[str, str]) -> None:
    """The weights file of a blend of the files in `made`, by name of the step. Raises TrainError, WeightsError."""
    tensors = {name: load_weights(made[name]) for name in sorted(step.parents)}
    save_weights(blended(step, tensors), out, notes)


def blended(step: Blend, parents: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Averages f32 of tensors, by the names of the steps they are from."""
    _check_forms(step, parents)
    first = next(iter(parents.values()))
    result = {}
    for name in first:
        shares = step.shares(name)
        result[name] = step.factor(name) * sum(share * parents[parent][name] for parent, share in shares.items())
    for steps, times in step.timesteps.items():
        result[f"gaps.{steps}"] = gaps_from_timesteps(np.asarray(times, np.float32))
    return result


def _check_forms(step: Blend, parents: dict[str, dict[str, np.ndarray]]) -> None:
    (first, wanted), *others = [(parent, {name: value.shape for name, value in tensors.items()})
                                for parent, tensors in parents.items()]
    for parent, form in others:
        differing = sorted(name for name in wanted.keys() | form.keys() if wanted.get(name) != form.get(name))
        if differing:
            raise TrainError(f"step {step.name!r} cannot average {first} and {parent}, which have other forms: "
                             f"{len(differing)} tensors differ, the first is {differing[0]}")
    idle = [pattern for pattern in (*step.blend, *step.scale)
            if not any(fnmatchcase(name, pattern) for name in wanted)]
    if idle:
        raise TrainError(f"step {step.name!r}: no tensor is named like {', '.join(idle)}")
    for steps, times in step.timesteps.items():
        if wanted.get(f"gaps.{steps}") != (len(times) + 1,) or not all(
                later < now for now, later in zip((1.0, *times), (*times, 0.0), strict=True)):
            raise TrainError(f"step {step.name!r}: the time-steps of {steps} steps must be {steps}, falling from "
                             "below 1 to above 0")

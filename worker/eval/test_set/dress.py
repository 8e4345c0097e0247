# SPDX-License-Identifier: Apache-2.0
"""Dresses the person of a test clip: the look that is worn and the look that is asked for.

Called by render_set.py. Invariant: the two looks differ in what the task names and in nothing else, the colours that
change differ visibly, so that "changed" is a question with an answer, and what is asked for is in standard form
(looks.standard), so that the prompt says all there is to know of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mirage_lsd.worker.eval.test_set.tasks import SHAPE_CHANGES, Task, far_enough
from mirage_lsd.worker.train.world.looks import Look, sample_look, standard

OUTFIT_FIELDS = ("upper", "pattern", "upper_main", "upper_second", "cut", "pattern_scale", "pattern_angle",
                 "dress_hem", "flare", "shirt_color")  # fmt: skip
LOWER_FIELDS = ("lower", "lower_color", "lower_hem")
HAIR_FIELDS = ("hair", "hair_shape")
DRAWS = 5000


def dress(rng: np.random.Generator, task: Task) -> tuple[Look, Look]:
    """(worn, asked) for one task; the same generator state gives the same pair."""
    worn = draw(rng, lambda look: _may_be_worn(look, task))
    if not task.changes_outfit:
        longer = draw(rng, lambda look: look.hair == "long")
        return worn, replace(worn, **_fields(standard(longer), HAIR_FIELDS))
    top = draw(rng, lambda look: _fits(look, worn, task))
    asked = replace(worn, **_fields(standard(top), OUTFIT_FIELDS), logo=0)
    if task.changes_shape or asked.upper == "dress":
        return worn, asked
    below = draw(rng, lambda look: far_enough(look.lower_color, worn.lower_color))
    return worn, replace(asked, **_fields(standard(below), LOWER_FIELDS))


def draw(rng: np.random.Generator, wanted: Callable[[Look], bool]) -> Look:
    """The first random look that is wanted."""
    for _ in range(DRAWS):
        look = sample_look(rng)
        if wanted(look):
            return look
    raise RuntimeError(f"no look out of {DRAWS} is as the task wants it; the world's shares have changed")


def _may_be_worn(look: Look, task: Task) -> bool:
    if task.kind == SHAPE_CHANGES[0]:
        return look.upper == "t-shirt" and look.cut.sleeve < 0.7
    if task.kind == SHAPE_CHANGES[1]:
        return look.upper in ("t-shirt", "shirt", "hoodie") and look.lower == "trousers"
    if task.kind == SHAPE_CHANGES[2]:
        return look.hair == "short" and "headphones" not in look.extras
    return look.upper != task.upper


def _fits(look: Look, worn: Look, task: Task) -> bool:
    pattern = look.pattern == task.pattern and look.upper == task.upper
    return pattern and far_enough(look.upper_main, worn.upper_main) and far_enough(look.upper_main, worn.lower_color)


def _fields(look: Look, names: tuple[str, ...]) -> dict:
    return {name: getattr(look, name) for name in names}

# SPDX-License-Identifier: Apache-2.0
"""What the test set asks for: one task a clip, a fixed list in a fixed order.

Torch-free and pure. Read by the renderer (which dresses the person) and by the scorer (which picks the gates
a clip counts for). Invariant: the list is cyclic and interleaved, so any prefix holds a mixture of kinds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHAPE_CHANGES = ("t-shirt to jacket", "trousers to dress", "short to long hair")
CHECKED_PATTERNS = ("stripes", "check", "dots")


@dataclass(frozen=True)
class Task:
    """kind: "outfit" or one of SHAPE_CHANGES; upper, pattern: what is asked ("" = any); crop: bust, half or full."""

    kind: str
    upper: str
    pattern: str
    crop: str

    @property
    def changes_shape(self) -> bool:
        return self.kind in SHAPE_CHANGES

    @property
    def changes_outfit(self) -> bool:
        """Whether clothes change and nothing else."""
        return self.kind != SHAPE_CHANGES[2]


TASKS = (
    Task("outfit", "t-shirt", "stripes", "bust"),
    Task(SHAPE_CHANGES[0], "jacket", "plain", "half"),
    Task("outfit", "shirt", "check", "bust"),
    Task(SHAPE_CHANGES[2], "", "", "bust"),
    Task("outfit", "hoodie", "dots", "half"),
    Task(SHAPE_CHANGES[1], "dress", "plain", "full"),
    Task("outfit", "leather jacket", "plain", "bust"),
    Task("outfit", "suit", "plain", "half"),
    Task("outfit", "hoodie", "stripes", "half"),
    Task(SHAPE_CHANGES[0], "jacket", "plain", "bust"),
    Task("outfit", "t-shirt", "dots", "bust"),
    Task(SHAPE_CHANGES[1], "dress", "plain", "full"),
    Task("outfit", "shirt", "stripes", "bust"),
    Task(SHAPE_CHANGES[2], "", "", "half"),
    Task("outfit", "t-shirt", "check", "half"),
    Task("outfit", "hoodie", "plain", "bust"),
    Task("outfit", "shirt", "dots", "bust"),
    Task("outfit", "t-shirt", "plain", "bust"),
    Task("outfit", "hoodie", "check", "bust"),
    Task("outfit", "dress", "plain", "half"),
    Task("outfit", "t-shirt", "camouflage", "bust"),
    Task("outfit", "jacket", "neon trim", "half"),
    Task("outfit", "shirt", "floral", "bust"),
    Task("outfit", "t-shirt", "plain", "full"),
)


def task_of(clip: int) -> Task:
    """The task of clip number `clip` (0, 1, …)."""
    return TASKS[clip % len(TASKS)]


def far_enough(first: tuple[float, ...], second: tuple[float, ...], least: float = 0.45) -> bool:
    """Whether two sRGB colours (0..1) differ enough for a change between them to be a visible one."""
    return float(np.abs(np.asarray(first) - np.asarray(second)).sum()) >= least


def prompt_of(asked: dict, task: Task) -> str:
    """The prompt for a look as the world describes it (words; colours sRGB 0..1, as seen on the cloth)."""
    if not task.changes_outfit:
        return f"{hex_color(asked['hair_color'])} {asked['hair']} hair"
    pattern = "" if asked["pattern"] == "plain" else asked["pattern"] + " "
    prompt = f"{pattern}{hex_color(asked['upper_color'])} {asked['upper']}"
    if asked["upper"] == "dress" or task.changes_shape:
        return prompt
    return f"{prompt}, {hex_color(asked['lower_color'])} {asked['lower']}"


def hex_color(color: tuple[float, ...]) -> str:
    """sRGB 0..1 → "#rrggbb"."""
    return "#" + "".join(f"{int(np.clip(part, 0, 1) * 255 + 0.5):02x}" for part in color)

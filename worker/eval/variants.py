# SPDX-License-Identifier: Apache-2.0
"""Which versions of the model are played: the model itself, those that gates compare it with, the ablation's.

Pure data. Invariant: every variant differs from the model in its switches or its number of steps only.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirage_lsd.worker.eval.switches import Switches

STEPS = 3


@dataclass(frozen=True)
class Variant:
    """name; switches: parts that are off; steps: denoising steps a frame."""

    name: str
    switches: Switches = Switches()
    steps: int = STEPS


MODEL = Variant("model")
UNIFORM = Variant("uniform schedule", Switches.without("schedule"))
FIVE_STEPS = Variant("five steps", steps=5)
# What the consistency gate compares with. The hidden state stays: the gate does not name it.
NO_MEMORY = Variant("without flow, cache and attention", Switches.without("flow", "cache", "attention"))
ZEROED = Variant("noise prediction zeroed", Switches.without("prediction"))
COMPARED = (UNIFORM, FIVE_STEPS, NO_MEMORY, ZEROED)

ABLATED_PARTS = ("flow", "cache", "attention", "temporal", "hidden_state", "schedule", "super_resolution")
ABLATIONS = tuple(Variant(part, Switches.without(part)) for part in ABLATED_PARTS)
ALONE = Variant("every frame on its own", Switches.without("flow", "cache", "attention", "hidden_state"))

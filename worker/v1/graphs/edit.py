# SPDX-License-Identifier: Apache-2.0
"""What may be changed and how much of the source stays: the user's controls as the graphs' numbers. Torch-free.

Called by the worker's loop thread when settings change. Invariant: an EditControl that exists is valid.

strength        how much of the edit is shown, 0 the untouched frame, bit for bit.
structure_lock  how much of the source's layout stays: it sets the noise level that the source's latent starts from;
                0 starts from pure noise, 1 changes texture only.
region          where the edit may show: REGIONS below, by the person mask and LSD-tiny's source encoder.
guidance        how strongly the prompt rules. Models with a guidance embedding (LCM) are told; others take the
                difference to the source's own noise once more (residual guidance). Neither runs the net twice.
history         how much of the moved last picture is mixed into the start, where it was visible.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mirage_lsd.shared.errors import FieldError
from mirage_lsd.worker.models.config import REGIONS as PARTS
from mirage_lsd.worker.v1.graphs.config import SdConfig
from mirage_lsd.worker.v1.graphs.graphs import EDIT_REGIONS
from mirage_lsd.worker.v1.graphs.schedule import FewStepSchedule, StepPlan, guidance_features

_PLAIN = ("everything", "person", "background")
# What each region is made of; "garment" is what LSD-tiny sees as clothing.
_MADE_OF: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in _PLAIN}, "garment": ("upper", "lower"), "upper garment": ("upper",),
    "lower garment": ("lower",), "hair": ("hair", "hat"), "face": ("face",),
}
REGIONS = tuple(_MADE_OF)
_LOWEST_NOISE = 0.3  # of the way to pure noise, at structure_lock 1: texture changes, layout cannot
_RESIDUAL_SHARE = 0.15  # few-step models without a guidance embedding bear scales of 1 to 2 or so
_LIMITS = {"strength": (0.0, 1.0), "structure_lock": (0.0, 1.0), "guidance": (1.0, 14.0), "history": (0.0, 1.0)}


@dataclass(frozen=True)
class EditControl:
    """See the module."""

    strength: float = 1.0
    structure_lock: float = 0.5
    region: str = "everything"
    guidance: float = 4.0
    history: float = 0.35

    def __post_init__(self) -> None:
        if self.region not in _MADE_OF:
            raise FieldError(f"region must be one of {', '.join(REGIONS)}, got {self.region!r}", "region")
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:  # also refuses not-a-number
                raise FieldError(f"{name} must be {low:g} to {high:g}, got {value!r}", name)

    @property
    def noise_level(self) -> float:
        """How much of the way to pure noise a frame starts from."""
        return 1.0 - (1.0 - _LOWEST_NOISE) * self.structure_lock

    def plan(self, schedule: FewStepSchedule, steps: int, config: SdConfig) -> StepPlan:
        """The frame's steps under this control."""
        residual = 0.0 if config.guidance else _RESIDUAL_SHARE * (self.guidance - 1.0)
        return schedule.plan(steps, self.noise_level, residual)

    def mix(self, plan: StepPlan, has_history: bool) -> np.ndarray:
        """`mix` f32 [1,3] of the start graph."""
        return np.array([[*plan.start, self.history if has_history else 0.0]], np.float32)

    def edit_regions(self) -> np.ndarray:
        """`edit_regions` f32 [1,11] of the encode graph."""
        weights = np.zeros((1, EDIT_REGIONS), np.float32)
        for name in _MADE_OF[self.region]:
            weights[0, _PLAIN.index(name) if name in _PLAIN else len(_PLAIN) + PARTS.index(name)] = 1.0
        return weights

    def guidance_embedding(self, config: SdConfig) -> np.ndarray:
        """`guidance` f32 [1,G] of the denoise graph; only for models that have it."""
        return guidance_features(self.guidance, config.guidance)

    def strength_input(self) -> np.ndarray:
        """`strength` f32 [1] of the upscale graph."""
        return np.array([self.strength], np.float32)

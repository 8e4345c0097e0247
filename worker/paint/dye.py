# SPDX-License-Identifier: Apache-2.0
"""From words to dyes: which cloth, colours, scene picture and light the layer is painted with. Torch-free.

Called by the upscale stage when the look or the seed changes, and by eval. Pure. Invariant: a colour that the words
do not give leaves its part undyed.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from mirage_lsd.shared.messages.settings import StreamSettings
from mirage_lsd.worker.models.conditions import BACKGROUNDS, Conditions
from mirage_lsd.worker.paint.cloth import NEUTRAL, UNTILED, Cloth, Color, standard_cloth
from mirage_lsd.worker.paint.detail.folds import COTTON, MATERIALS, Material

DEFAULT_SEED = StreamSettings().seed
OPEN = ("jacket", "suit")  # as they are drawn
OPENED = (*OPEN, "leather jacket")  # as the nets paint them


@dataclass(frozen=True)
class Dyes:
    """What is painted at full size. None: that part is not dyed, the scene is the source's own, the light is kept.

    Colours are RGB 0..1. scene and variant: which picture of paint/background/scenes.py, or a word of
    BACKGROUNDS; light: a word of LIGHTS; open: the garment is worn open over another, opened: the nets paint it so;
    garment: its word; face: whether the face changes.
    """

    upper: Cloth | None = None
    lower: Color | None = None
    hair: Color | None = None
    scene: str | None = None
    light: str | None = None
    variant: int = 0
    material: Material = COTTON
    open: bool = False
    opened: bool = False
    garment: str | None = None
    face: bool = False

    @property
    def pattern(self) -> Cloth | None:
        """The upper garment's cloth where it changes from place to place."""
        return self.upper if self.upper is not None and self.upper.pattern not in UNTILED else None

    @property
    def uncovers(self) -> bool:
        """Whether the look may show what was hidden: hair that goes, another shape of trousers or skirt. A garment
        follows the outline of the old one."""
        return self.hair is not None or self.lower is not None

    @property
    def takes_place_away(self) -> bool:
        """Whether the source's own place becomes nothing, or a blur, rather than a picture."""
        return self.scene in BACKGROUNDS

    @property
    def glows(self) -> bool:
        return self.upper is not None and self.upper.pattern == "neon trim"

    def matrix(self) -> np.ndarray:
        """f64 [3,5] for cv2.transform: shares (upper, lower, hair, scene) -> multiplier M in BGR; of a pattern that is
        all but upper * albedo / NEUTRAL."""
        upper = None if self.upper is None else (0.0,) * 3 if self.pattern else self.upper.main
        columns = [np.zeros(3) if color is None else np.asarray(color)[::-1] / NEUTRAL - 1.0
                   for color in (upper, self.lower, self.hair)]
        return np.column_stack([*columns, np.zeros(3), np.ones(3)])


@lru_cache(maxsize=64)
def dyes_for(conditions: Conditions, seed: int = DEFAULT_SEED) -> Dyes:
    """The dyes of a look. The default seed gives the canonical look; a higher one another cloth and scene picture."""
    variant = max(0, seed - DEFAULT_SEED)

    def color(field: str) -> Color | None:
        value = getattr(conditions, field)
        return None if value is None else tuple(part / 255.0 for part in value)

    main = color("upper_color")
    return Dyes(
        upper=None if main is None else standard_cloth(conditions.pattern, main, variant),
        lower=color("lower_color"),
        hair=color("hair_color"),
        scene=None if conditions.scene == "keep" else conditions.scene,
        light=None if conditions.light == "keep" else conditions.light,
        variant=variant,
        material=MATERIALS.get(conditions.upper, COTTON),
        open=conditions.upper in OPEN,
        opened=conditions.upper in OPENED,
        face=conditions.expression != "keep",
        garment=None if conditions.upper == "keep" else conditions.upper,
    )


def blended(shares: list[np.ndarray], row: np.ndarray) -> np.ndarray:
    """1 + the shares f32 [h,w] of upper, lower, hair (and more, which count nothing) weighted: one row of
    Dyes.matrix()."""
    out = np.full(shares[0].shape, row[-1], np.float32)
    for share, weight in zip(shares, row[:-1], strict=False):
        if weight:
            cv2.scaleAdd(share, float(weight), out, dst=out)
    return out

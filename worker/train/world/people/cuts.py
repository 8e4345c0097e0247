# SPDX-License-Identifier: Apache-2.0
"""The cut of each upper garment: a table of numbers, ranges and alternatives.

Called by looks.py. In CUTS a number is fixed, a pair is a range to draw from, a list holds equally likely
alternatives of either kind, of which the first is the standard one.
"""

from dataclasses import dataclass

import numpy as np

Range = float | tuple[float, float]


@dataclass(frozen=True)
class Cut:
    """Shape of a garment. hem, neck, vee (V-neck depth), opening (half width of the open front), offset
    (distance from the body) and collar (height) in canonical metres; sleeve in arm units (0 shoulder,
    1 elbow, 2 wrist); folds and gloss 0..1; smooth 0 or 1 (how much body shape is lost)."""

    hem: float
    sleeve: float
    neck: float
    vee: float
    opening: float
    offset: float
    folds: float
    gloss: float
    collar: float
    smooth: int = 0


CUTS: dict[str, dict[str, Range | list[Range]]] = {
    "t-shirt": {
        "hem": (-0.04, 0.04), "sleeve": (0.35, 0.8), "neck": (-0.012, 0.012), "vee": [0, 0, (0.03, 0.07)],
        "opening": 0, "offset": (0.008, 0.014), "folds": 0.5, "gloss": 0.03, "collar": 0,
    },
    "shirt": {
        "hem": (-0.04, 0.05), "sleeve": [2.0, (0.5, 0.75)], "neck": 0, "vee": (0.02, 0.06),
        "opening": 0, "offset": (0.009, 0.014), "folds": 0.7, "gloss": 0.06, "collar": (0.032, 0.042),
    },
    "hoodie": {
        "hem": (-0.03, 0.02), "sleeve": (1.94, 2.04), "neck": -0.005, "vee": (0, 0.02), "smooth": 1,
        "opening": 0, "offset": (0.018, 0.028), "folds": 0.9, "gloss": 0.02, "collar": 0,
    },
    "jacket": {
        "hem": (-0.06, 0.04), "sleeve": (1.94, 2.04), "neck": -0.002, "vee": 0.03, "smooth": 1, "folds": 0.7,
        "opening": (0.02, 0.06), "offset": (0.018, 0.026), "gloss": 0.08, "collar": (0.025, 0.04),
    },
    "leather jacket": {
        "hem": (0.0, 0.05), "sleeve": (1.94, 2.03), "neck": -0.002, "vee": 0.04, "smooth": 1, "folds": 0.8,
        "opening": (0.015, 0.06), "offset": (0.016, 0.022), "gloss": 0.3, "collar": (0.03, 0.045),
    },
    "suit": {
        "hem": (-0.1, -0.05), "sleeve": (1.88, 1.95), "neck": -0.004, "vee": (0.16, 0.24), "smooth": 1,
        "opening": 0.006, "offset": (0.016, 0.02), "folds": 0.35, "gloss": 0.06, "collar": 0.028,
    },
    "dress": {
        "hem": 0.1, "sleeve": [(0.2, 0.4), 0.04, (0.0, 0.1), (1.2, 2)], "neck": (-0.05, -0.02),
        "vee": [(0, 0.03), (0.05, 0.1)], "opening": 0, "offset": (0.006, 0.01), "folds": 0.4, "gloss": 0.08,
        "collar": 0,
    },
}  # fmt: skip


def sample_cut(rng: np.random.Generator, upper: str) -> Cut:
    """Draw the cut of an upper garment; upper is a key of CUTS."""

    def draw(value: Range | list[Range]) -> float:
        if isinstance(value, list):
            return draw(value[rng.integers(len(value))])
        return float(rng.uniform(*value)) if isinstance(value, tuple) else value

    return Cut(**{name: draw(value) for name, value in CUTS[upper].items()})


def standard_cut(upper: str) -> Cut:
    """The cut that the garment's word alone stands for: of every range the middle."""

    def middle(value: Range | list[Range]) -> float:
        if isinstance(value, list):
            return middle(value[0])
        return sum(value) / 2 if isinstance(value, tuple) else value

    return Cut(**{name: middle(value) for name, value in CUTS[upper].items()})

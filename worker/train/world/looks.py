# SPDX-License-Identifier: Apache-2.0
"""What a person wears: words for the model, and the cut, colours and cloth behind each word.

Called by generate.py; shells.py and render.py read the result. The words match models/conditions.py.
"""

import colorsys
from dataclasses import dataclass, field, replace

import numpy as np

from mirage_lsd.worker.paint.cloth import standard_cloth
from mirage_lsd.worker.train.world.people.cuts import Cut, sample_cut, standard_cut

UPPER = ("t-shirt", "shirt", "hoodie", "jacket", "leather jacket", "suit", "dress")
LOWER = ("trousers", "jeans", "shorts", "skirt")
PATTERNS = ("plain", "stripes", "check", "dots", "camouflage", "floral", "neon trim")
PATTERN_SHARES = (0.46, 0.12, 0.1, 0.1, 0.07, 0.08, 0.07)
HAIR = ("short", "long", "bun", "bald", "hat")
HAIR_SHARES = (0.38, 0.3, 0.12, 0.08, 0.12)
EXPRESSION = ("neutral", "smile", "surprised")
Color = tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """One set of clothes, hair and expression; colours are sRGB 0..1."""

    upper: str
    lower: str
    pattern: str
    hair: str
    expression: str
    upper_main: Color
    upper_second: Color
    lower_color: Color
    hair_color: Color
    shirt_color: Color
    shoe_color: Color
    pattern_scale: float
    pattern_angle: float
    cut: Cut
    lower_hem: float
    hair_shape: tuple[float, float, float]
    dress_hem: float = -0.45
    flare: float = 0.1
    logo: int = 0
    extras: tuple[str, ...] = field(default=())


def sample_color(rng: np.random.Generator) -> Color:
    """A garment colour over the whole gamut: vivid, dark, pastel, white, black and greys."""
    kind = rng.random()
    hue = rng.random()
    if kind < 0.46:
        return colorsys.hsv_to_rgb(hue, rng.uniform(0.7, 1), rng.uniform(0.5, 0.95))
    if kind < 0.62:
        return colorsys.hsv_to_rgb(hue, rng.uniform(0.35, 0.9), rng.uniform(0.15, 0.45))
    if kind < 0.78:
        return colorsys.hsv_to_rgb(hue, rng.uniform(0.12, 0.42), rng.uniform(0.75, 0.97))
    level = float(rng.choice([rng.uniform(0.03, 0.12), rng.uniform(0.86, 0.97), rng.uniform(0.2, 0.8)]))
    return tuple(float(np.clip(level + rng.normal(0, 0.012), 0.02, 0.98)) for _ in range(3))


def sample_hair_color(rng: np.random.Generator) -> Color:
    """Natural hair mostly, sometimes a dyed colour."""
    natural = (
        (0.05, 0.04, 0.035),
        (0.16, 0.1, 0.06),
        (0.3, 0.19, 0.11),
        (0.48, 0.33, 0.18),
        (0.75, 0.6, 0.36),
        (0.86, 0.76, 0.55),
        (0.5, 0.2, 0.09),
        (0.6, 0.6, 0.6),
        (0.88, 0.87, 0.85),
    )
    if rng.random() < 0.3:
        return colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.6, 1), rng.uniform(0.45, 0.95))
    base = np.asarray(natural[rng.integers(len(natural))])
    return tuple(np.clip(base * rng.uniform(0.8, 1.2) + rng.normal(0, 0.015, 3), 0.02, 0.95).tolist())


def _pattern(rng: np.random.Generator, upper: str) -> str:
    if upper in ("leather jacket", "suit") and rng.random() < 0.6:
        return "plain"
    return str(rng.choice(PATTERNS, p=PATTERN_SHARES))


def _second(rng: np.random.Generator, main: Color, pattern: str) -> Color:
    """A second colour that reads against the main one."""
    for _ in range(20):
        second = (
            sample_color(rng)
            if rng.random() < 0.5
            else rng.choice([(0.95,) * 3, (0.05,) * 3, (0.9,) * 3]).tolist()
        )
        if pattern == "neon trim":
            second = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.75, 1), 1.0)
        if np.abs(np.asarray(second) - main).sum() > 0.75:
            break
    return tuple(second)


def _dress_up(rng: np.random.Generator) -> dict:
    upper = str(rng.choice(UPPER))
    pattern = _pattern(rng, upper)
    main = sample_color(rng)
    if pattern == "neon trim" and rng.random() < 0.7:
        main = tuple(c * 0.25 for c in main)
    return {
        "upper": upper,
        "pattern": pattern,
        "upper_main": main,
        "upper_second": _second(rng, main, pattern),
        "cut": sample_cut(rng, upper),
        "pattern_scale": float(rng.uniform(0.7, 1.6)),
        "pattern_angle": float(rng.choice([0, 0, np.pi / 2, rng.uniform(-0.6, 0.6)])),
        "dress_hem": float(rng.uniform(-0.6, -0.2)),
        "flare": float(rng.uniform(0.02, 0.18)),
        "shirt_color": sample_color(rng) if rng.random() < 0.5 else (0.92, 0.92, 0.93),
        "logo": int(rng.integers(0, 4)) if pattern == "plain" and upper in ("t-shirt", "hoodie") else 0,
    }


def _lower(rng: np.random.Generator) -> dict:
    lower = str(rng.choice(LOWER, p=[0.34, 0.3, 0.18, 0.18]))
    color = sample_color(rng)
    if lower == "jeans":
        color = tuple(
            np.clip(
                np.array([0.2, 0.3, 0.5]) * rng.uniform(0.35, 1.5) + rng.normal(0, 0.02, 3), 0.02, 0.9
            ).tolist()
        )
    hem = {
        "trousers": rng.uniform(-0.8, -0.74),
        "jeans": rng.uniform(-0.8, -0.72),
        "shorts": rng.uniform(-0.42, -0.2),
        "skirt": rng.uniform(-0.6, -0.22),
    }[lower]
    return {"lower": lower, "lower_color": color, "lower_hem": float(hem), "shoe_color": sample_color(rng)}


STANDARD_HEMS = {"trousers": -0.77, "jeans": -0.76, "shorts": -0.32, "skirt": -0.42}
STANDARD_SHIRT = (0.92, 0.92, 0.93)


def standard(look: Look) -> Look:
    """The look as its words alone stand for it: standard cuts, hems, hair and cloth; so a target is what a prompt says
    and no more."""
    cloth = standard_cloth(look.pattern, look.upper_main)
    return replace(
        look, cut=standard_cut(look.upper), lower_hem=STANDARD_HEMS[look.lower], dress_hem=-0.45, flare=0.1, logo=0,
        hair_shape=(0.5, 0.5, 0.5), shirt_color=STANDARD_SHIRT, upper_main=tuple(map(float, cloth.main)),
        upper_second=tuple(map(float, cloth.second)),
        pattern_scale=1.0, pattern_angle=0.0,
    )  # fmt: skip


def _hair(rng: np.random.Generator) -> dict:
    hair = str(rng.choice(HAIR, p=HAIR_SHARES))
    color = sample_color(rng) if hair == "hat" else sample_hair_color(rng)
    return {"hair": hair, "hair_color": color, "hair_shape": tuple(rng.uniform(0, 1, 3).tolist())}


def sample_look(rng: np.random.Generator) -> Look:
    """A whole random look."""
    extras = tuple(name for name, share in (("glasses", 0.22), ("headphones", 0.12)) if rng.random() < share)
    return Look(
        **_dress_up(rng),
        **_lower(rng),
        **_hair(rng),
        extras=extras,
        expression=str(rng.choice(EXPRESSION, p=[0.66, 0.22, 0.12])),
    )


def vary_look(rng: np.random.Generator, look: Look) -> Look:
    """Another look of the same person, in standard form: other upper garment always; lower, hair, expression
    sometimes."""
    changes = _dress_up(rng)
    if rng.random() < 0.15:
        changes |= {"upper": look.upper, "cut": look.cut}
    if rng.random() < 0.6:
        changes |= _lower(rng)
    if rng.random() < 0.6:
        changes |= _hair(rng) if rng.random() < 0.85 else {"hair_color": sample_hair_color(rng)}
    if rng.random() < 0.2:
        changes["expression"] = str(rng.choice(EXPRESSION))
    return standard(replace(look, **changes))

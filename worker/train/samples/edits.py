# SPDX-License-Identifier: Apache-2.0
"""Which change a training sample shows, in words, and the dyes of what is worn and what is asked for."""
from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from mirage_lsd.worker.models.conditions import EXPRESSIONS, HAIRS, LOWERS, PATTERNS, SCENES, UPPERS, Conditions
from mirage_lsd.worker.paint.cloth import Cloth, standard_cloth
from mirage_lsd.worker.train.world.looks import sample_hair_color

SLEEVELESS = ("t-shirt", "dress")  # bare below the elbow


@dataclass(frozen=True)
class Edit:
    """names: what is repainted ("upper", "lower", "hair", "expression"); scene: whether the background becomes another
    picture; same_look: the shapes stay as they are; cloth, lower, hair: the dyes that are asked for, sRGB 0..1."""

    conditions: Conditions
    names: frozenset[str]
    scene: bool
    same_look: bool
    cloth: Cloth
    lower: tuple[float, float, float]
    hair: tuple[float, float, float]


@dataclass(frozen=True)
class Worn:
    """The dyes of what is worn in the source, varied freely from sample to sample."""

    cloth: Cloth
    lower: tuple[float, float, float]
    hair: tuple[float, float, float]


def shape_changes(worn: dict, other: dict) -> frozenset[str]:
    """Which outlines a change between two rendered looks moves much: "hair" grows long, "legs" (trousers become a dress
    or a skirt), "arms" (bare arms get sleeves, most of them of an open jacket), "bare" (long sleeves go)."""
    skirts = {"dress", "skirt"}
    legs, new_legs = (look["upper"] if look["upper"] == "dress" else look["lower"] for look in (worn, other))
    moved = {"hair": other["hair"] == "long" and worn["hair"] != "long",
             "legs": new_legs in skirts and legs not in skirts,
             "arms": worn["upper"] == "t-shirt" and other["upper"] not in SLEEVELESS,
             "bare": worn["upper"] not in SLEEVELESS and other["upper"] in SLEEVELESS}
    return frozenset(name for name, moves in moved.items() if moves)


def sample_edit(rng: np.random.Generator, worn: dict, other: dict) -> Edit:
    """56 % clothes and hair, 18 % scene, 18 % both, 8 % nothing."""
    kind = rng.random()
    scene = bool(0.56 <= kind < 0.92)
    words: dict[str, object] = {"scene": SCENES[0] if scene else "keep"}
    names: set[str] = set()
    same_look = kind >= 0.92 or 0.74 <= kind < 0.92
    if not same_look:
        same_look = bool(rng.random() < 0.2)
        names = _recolored(rng, worn, words) if same_look else _exchanged(rng, other, worn, words)
    pattern = str(rng.choice(PATTERNS[1:6])) if rng.random() < 0.45 else "plain"
    return Edit(Conditions(**words), frozenset(names), scene, same_look,
                standard_cloth(pattern, sample_color(rng)), sample_color(rng), sample_color(rng))


def _recolored(rng: np.random.Generator, worn: dict, words: dict) -> set[str]:
    """The same garments in other colours."""
    names = set()
    for name, share, known in (("upper", 0.85, UPPERS), ("lower", 0.3, LOWERS), ("hair", 0.15, HAIRS)):
        if rng.random() < share:
            names.add(name)
            words[f"{name}_color"] = (0, 0, 0)
            if rng.random() < 0.3 and worn[name] in known[1:]:
                words[name] = worn[name]
    return names


def _exchanged(rng: np.random.Generator, other: dict, worn: dict, words: dict) -> set[str]:
    """Garments (hair, expression) of another rendered look of the same person."""
    hair_differs = other["hair"] != worn["hair"]
    names = {"upper"} if rng.random() < 0.92 else set()
    if hair_differs and rng.random() < 0.4:
        names = set()
    elif "dress" in (worn["upper"], other["upper"]) or rng.random() < 0.35 or not names:
        names.add("lower")
    if "long" in (worn["hair"], other["hair"]) or "hat" in (worn["hair"], other["hair"]) or (
            not names or rng.random() < (0.6 if hair_differs else 0.15)):
        names.add("hair")
    if rng.random() < 0.15 and other["expression"] in EXPRESSIONS[1:]:
        names.add("expression")
        words["expression"] = other["expression"]
    if "upper" in names:
        words.update(upper=other["upper"], upper_color=(0, 0, 0))
    if "lower" in names and other["upper"] != "dress" and other["lower"] in LOWERS:
        words.update(lower=other["lower"], lower_color=(0, 0, 0))
    if "hair" in names and other["hair"] in HAIRS:
        words.update(hair=other["hair"])
        if other["hair"] != "bald":
            words.update(hair_color=(0, 0, 0))
    return names


def sample_worn(rng: np.random.Generator) -> Worn:
    """Any colours, patterns, scales and angles: the encoder must know garments by place and shape, not by cloth."""
    pattern = str(rng.choice(PATTERNS[1:6])) if rng.random() < 0.5 else "plain"
    angle = float(rng.choice([0, 0, np.pi / 2, rng.uniform(-0.6, 0.6)]))
    cloth = Cloth(pattern, sample_color(rng), sample_color(rng), float(rng.uniform(0.6, 1.7)), angle)
    return Worn(cloth, sample_color(rng), sample_hair_color(rng))


def sample_color(rng: np.random.Generator) -> tuple[float, float, float]:
    """A garment colour over the whole gamut, sRGB 0..1."""
    saturation = rng.uniform(0.6, 1.0) if rng.random() < 0.5 else rng.uniform(0.0, 0.5)
    return colorsys.hsv_to_rgb(rng.random(), saturation, rng.uniform(0.06, 0.97))


def vary_extras(rng: np.random.Generator) -> np.ndarray:
    """Gains f32 [8,3] of the source's colours by label: what is worn under a jacket, hats and shoes in any colour."""
    gains = np.ones((8, 3), np.float32)
    gains[1:] = np.exp(rng.normal(0, 0.08, (7, 1)))
    for label in (6, 7):
        if rng.random() < 0.4:
            gains[label] = np.exp(rng.normal(0, 0.35)) * np.exp(rng.normal(0, 0.25, 3))
    return gains

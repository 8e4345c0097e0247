# SPDX-License-Identifier: Apache-2.0
"""Turns a person and a look into shader uniforms, and a rendered look into the words stored with a clip.

Called by generate.py. Invariant: `upper_color` and `lower_color` are the mean sRGB albedo really seen.
"""

import numpy as np

from mirage_lsd.worker.train.world.looks import HAIR, LOWER, PATTERNS, UPPER, Look

SKINS = (
    (0.96, 0.80, 0.72),
    (0.91, 0.74, 0.63),
    (0.85, 0.66, 0.53),
    (0.76, 0.57, 0.43),
    (0.63, 0.44, 0.32),
    (0.47, 0.32, 0.23),
    (0.34, 0.23, 0.17),
)
IRISES = ((0.30, 0.19, 0.10), (0.20, 0.13, 0.08), (0.35, 0.45, 0.55), (0.32, 0.42, 0.28), (0.45, 0.36, 0.2))
CLOTH = {"leather jacket": 2, "hoodie": 3}
MIN_SEEN_PX = 60


def sample_person(rng: np.random.Generator) -> dict:
    """Uniforms of the person: skin, lips, iris, brows, and face (blush, freckles, stubble, make-up)."""
    place = rng.uniform(0, len(SKINS) - 1)
    low = int(place)
    skin = np.asarray(SKINS[low]) * (1 - place + low) + np.asarray(SKINS[min(low + 1, len(SKINS) - 1)]) * (
        place - low
    )
    skin = np.clip(skin * (1 + rng.normal(0, 0.025, 3)), 0.08, 0.98)
    lips = skin * np.array([0.86, 0.62, 0.62]) * rng.uniform(0.85, 1.05)
    if rng.random() < 0.15:
        lips = np.array([0.62, 0.12, 0.16]) * rng.uniform(0.7, 1.2)
    brow = np.asarray([0.13, 0.09, 0.06]) * rng.uniform(0.3, 2.6)
    face = (
        rng.uniform(0.3, 1),
        rng.choice([0, 0, rng.random()]),
        rng.choice([0, 0, rng.uniform(0.3, 0.95)]),
        rng.choice([0, 0, rng.uniform(0.2, 0.9)]),
    )
    return {
        "skin_color": skin,
        "lip_color": lips,
        "iris_color": IRISES[rng.integers(len(IRISES))],
        "brow_color": np.clip(brow, 0, 0.6),
        "face": np.asarray(face, float),
        "seed": rng.uniform(0, 40, 3),
    }


def look_uniforms(look: Look) -> dict:
    """Uniforms that cut and colour the clothes and hair of one look."""
    cut = look.cut
    length = 0.56 - 0.26 * look.hair_shape[1]
    return {
        "upper_cut": (cut.hem, cut.sleeve, cut.neck, cut.vee),
        "upper_more": (cut.opening, cut.collar, cut.folds, cut.gloss),
        "lower_hem": look.lower_hem if look.upper != "dress" else min(look.lower_hem, -0.2),
        "upper_kind": UPPER.index(look.upper),
        "lower_kind": LOWER.index(look.lower),
        "pattern": PATTERNS.index(look.pattern),
        "cloth": CLOTH.get(look.upper, 0),
        "main_color": look.upper_main,
        "second_color": look.upper_second,
        "lower_color": look.lower_color,
        "shirt_color": look.shirt_color,
        "shoe_color": look.shoe_color,
        "pattern_shape": (look.pattern_scale, look.pattern_angle),
        "logo": look.logo,
        "jacket": int(cut.opening > 0),
        "hair_color": look.hair_color,
        "hair": (float(HAIR.index(look.hair)), look.hair_shape[1], length, 0.0),
    }


def _seen(labels: np.ndarray, albedo: np.ndarray, label: int, fallback: tuple) -> list[float]:
    chosen = labels == label
    mean = albedo[chosen].mean(0) / 255 if chosen.sum() >= MIN_SEEN_PX else np.asarray(fallback)
    return [round(float(v), 4) for v in mean]


def describe(look: Look, labels: np.ndarray, albedo: np.ndarray) -> dict:
    """The words of a look, with colours measured on its first frame (labels u8 [H,W], albedo u8 [H,W,3])."""
    hair_label = 7 if look.hair == "hat" else 3
    return {
        "upper": look.upper,
        "upper_color": _seen(labels, albedo, 4, look.upper_main),
        "pattern": look.pattern,
        "upper_main": list(map(float, look.upper_main)),
        "upper_second": list(map(float, look.upper_second)),
        "lower": look.lower,
        "lower_color": _seen(labels, albedo, 5, look.lower_color),
        "hair": look.hair,
        "hair_color": _seen(labels, albedo, hair_label, look.hair_color),
        "expression": look.expression,
        "extras": list(look.extras),
    }

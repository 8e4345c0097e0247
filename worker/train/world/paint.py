# SPDX-License-Identifier: Apache-2.0
"""Turns a person and a look into shader uniforms, a look into the words stored with a clip, and dyes pictures.

Called by generate.py and compose.py. Invariant: what is rendered is undyed; `dyed` puts on the colours and the
pattern of the words, with the very cloths (worker/paint/cloth.py) that the live filter paints.
"""

import cv2
import numpy as np

from mirage_lsd.worker.paint.cloth import NEUTRAL, Cloth, albedo, emission
from mirage_lsd.worker.train.world.looks import HAIR, LOWER, UPPER, Look

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
HAIR_LABELS, UPPER_LABEL, LOWER_LABEL = (3, 7), 4, 5
DIM = 0.25  # a logo on undyed cloth is this bright, or white


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
        "lower_hem": look.lower_hem if look.upper != "dress" else look.dress_hem,
        "upper_kind": UPPER.index(look.upper),
        "lower_kind": LOWER.index(look.lower),
        "cloth": CLOTH.get(look.upper, 0),
        "main_color": (NEUTRAL,) * 3,
        "second_color": (DIM if sum(look.upper_second) < 1.5 else 1.0,) * 3,
        "lower_color": (NEUTRAL,) * 3,
        "shirt_color": look.shirt_color,
        "shoe_color": look.shoe_color,
        "logo": look.logo,
        "jacket": int(cut.opening > 0),
        "hair_color": (NEUTRAL,) * 3,
        "hair": (float(HAIR.index(look.hair)), look.hair_shape[1], length, 0.0),
    }


def describe(look: Look) -> dict:
    """The words of a look; colours are the sRGB 0..1 of the dyes."""
    return {
        "upper": look.upper,
        "upper_color": list(map(float, look.upper_main)),
        "upper_second": list(map(float, look.upper_second)),
        "pattern": look.pattern,
        "pattern_scale": look.pattern_scale,
        "pattern_angle": look.pattern_angle,
        "lower": look.lower,
        "lower_color": list(map(float, look.lower_color)),
        "hair": look.hair,
        "hair_color": list(map(float, look.hair_color)),
        "expression": look.expression,
        "extras": list(look.extras),
    }


def cloth_of(words: dict) -> Cloth:
    """The upper garment's cloth of a described look."""
    return Cloth(words["pattern"], tuple(words["upper_color"]), tuple(words["upper_second"]),
                 words["pattern_scale"], words["pattern_angle"])


def shares(labels: np.ndarray) -> np.ndarray:
    """Soft shares f32 [H,W,3] 0..1 of what is dyed: upper, lower, hair (or hat); labels u8 [H,W]."""
    hard = np.stack([labels == UPPER_LABEL, labels == LOWER_LABEL, np.isin(labels, HAIR_LABELS)], 2)
    return cv2.blur(hard.astype(np.float32), (3, 3))


def multiplier(shares: np.ndarray, cloth: np.ndarray, lower: tuple, hair: tuple) -> np.ndarray:
    """What undyed colours are multiplied by, f32 [H,W,3]; cloth: albedo f32 [H,W,3] of the upper garment."""
    out = 1.0 + shares[..., :1] * (cloth / NEUTRAL - 1.0)
    out += shares[..., 1:2] * (np.asarray(lower, np.float32) / NEUTRAL - 1.0)
    return out + shares[..., 2:] * (np.asarray(hair, np.float32) / NEUTRAL - 1.0)


def dyed(rgb: np.ndarray, labels: np.ndarray, xz: np.ndarray, words: dict) -> np.ndarray:
    """u8 [H,W,3] RGB of an undyed render in the colours and pattern of its words; xz f32 [H,W,2] metres."""
    cloth = albedo(cloth_of(words), np.ascontiguousarray(xz, np.float32))
    parts = shares(labels)
    factor = multiplier(parts, cloth, words["lower_color"], words["hair_color"]).astype(np.float32)
    out = cv2.multiply(rgb, factor, dtype=cv2.CV_8U)
    glow = emission(cloth_of(words), xz, parts[..., 0])
    return out if glow is None else cv2.add(out, glow * 255.0, dtype=cv2.CV_8U)

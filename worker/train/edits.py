# SPDX-License-Identifier: Apache-2.0
"""Which change a training sample shows, in words, and colour changes made on the rendered layers."""
from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from mirage_lsd.worker.models.conditions import EXPRESSIONS, HAIRS, LOWERS, SCENES, UPPERS, Conditions
from mirage_lsd.worker.models.conditions import LIGHTS as LIGHT_WORDS

HAIR, UPPER, LOWER = 3, 4, 5
# Coloured light as a translucent layer: (tint, share of it), in LIGHT_WORDS order.
LIGHTS = (((0, 0, 0), 0.0), ((1.0, 0.97, 0.9), 0.22), ((1.0, 0.45, 0.12), 0.3), ((0.04, 0.07, 0.25), 0.5),
          ((0.85, 0.1, 0.9), 0.3))
assert len(LIGHTS) == len(LIGHT_WORDS)


@dataclass(frozen=True)
class Edit:
    """names: what is repainted ("upper", "lower", "hair", "expression"); scene: -1 or index in SCENES; light: index;
    same_look: the target is the source's own look, with `recolors` (label -> rgb 0..255) applied."""

    conditions: Conditions
    names: frozenset[str]
    scene: int
    light: int
    same_look: bool
    recolors: dict[int, tuple[int, int, int]]


def sample_edit(rng: np.random.Generator, worn: dict, other: dict) -> Edit:
    """50 % clothes, 20 % scene, 20 % both, 10 % nothing; some with a light."""
    kind = rng.random()
    light = int(rng.integers(1, len(LIGHTS))) if rng.random() < 0.1 else 0
    scene = int(rng.integers(len(SCENES))) if 0.5 <= kind < 0.9 else -1
    words: dict[str, object] = {"scene": SCENES[scene] if scene >= 0 else "keep", "light": LIGHT_WORDS[light]}
    if kind >= 0.9 or 0.5 <= kind < 0.7:
        return Edit(Conditions(**words), frozenset(), scene, light, True, {})
    if rng.random() < 0.35:
        return _recolor_edit(rng, worn, words, scene, light)
    return _exchange_edit(rng, worn, other, words, scene, light)


def _recolor_edit(rng: np.random.Generator, worn: dict, words: dict, scene: int, light: int) -> Edit:
    """The same garments in other colours."""
    names = set()
    recolors: dict[int, tuple[int, int, int]] = {}
    for name, label, share in (("upper", UPPER, 0.85), ("lower", LOWER, 0.3), ("hair", HAIR, 0.15)):
        if rng.random() < share:
            names.add(name)
            recolors[label] = sample_color(rng)
            words[f"{name}_color"] = recolors[label]
            known = {"upper": UPPERS, "lower": LOWERS, "hair": HAIRS}[name]
            if rng.random() < 0.5 and worn[name] in known[1:]:
                words[name] = worn[name]
                if name == "upper":
                    words["pattern"] = worn["pattern"]
    return Edit(Conditions(**words), frozenset(names), scene, light, True, recolors)


def _exchange_edit(rng: np.random.Generator, worn: dict, other: dict, words: dict, scene: int, light: int) -> Edit:
    """Garments (hair, expression) of another rendered look of the same person."""
    names = {"upper"} if rng.random() < 0.9 else set()
    if "dress" in (worn["upper"], other["upper"]) or rng.random() < 0.4 or not names:
        names.add("lower")
    if "long" in (worn["hair"], other["hair"]) or "hat" in (worn["hair"], other["hair"]) or rng.random() < 0.3:
        names.add("hair")
    if rng.random() < 0.15 and other["expression"] in EXPRESSIONS[1:]:
        names.add("expression")
        words["expression"] = other["expression"]
    if "upper" in names:
        words.update(upper=other["upper"], upper_color=_color(other["upper_color"]), pattern=other["pattern"])
    if "lower" in names and other["upper"] != "dress" and other["lower"] in LOWERS:
        words.update(lower=other["lower"], lower_color=_color(other["lower_color"]))
    if "hair" in names and other["hair"] in HAIRS:
        words.update(hair=other["hair"])
        if other["hair"] != "bald":
            words.update(hair_color=_color(other["hair_color"]))
    return Edit(Conditions(**words), frozenset(names), scene, light, False, {})


def _color(value: list) -> tuple[int, int, int]:
    return tuple(int(np.clip(part * 255.0, 0, 255)) for part in value)  # stored as 0..1


def sample_color(rng: np.random.Generator) -> tuple[int, int, int]:
    """A garment colour over the whole gamut, sRGB 0..255."""
    saturation = rng.uniform(0.6, 1.0) if rng.random() < 0.6 else rng.uniform(0.0, 0.5)
    value = rng.uniform(0.08, 0.95)
    return tuple(int(255 * part) for part in colorsys.hsv_to_rgb(rng.random(), saturation, value))


def recolor(rgb: np.ndarray, labels: np.ndarray, edit: Edit) -> np.ndarray:
    """u8 person colours with each label of edit.recolors in its new colour, shaded as before."""
    out = rgb
    for label, color in edit.recolors.items():
        place = labels == label
        if place.any():
            light = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
            level = max(float(light[place].mean()), 4.0)
            shade = np.clip(light / level, 0.3, 1.8) ** 0.8
            painted = np.clip(shade[..., None] * np.float32(color), 0, 255).astype(np.uint8)
            out = np.where(place[..., None], painted, out)
    return out


def vary_clothes(rng: np.random.Generator, photos: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A fixed random change of the SOURCE's cloth, hair and skin colours and textures, so that the encoder learns
    garments by place and shape rather than by our renderer's cloth."""
    gains = np.ones((8, 3), np.float32)
    gains[1:] = np.exp(rng.normal(0, 0.08, (7, 1)))
    for label in (UPPER, LOWER, HAIR, 6, 7):
        if rng.random() < 0.4:
            gains[label] = np.exp(rng.normal(0, 0.35)) * np.exp(rng.normal(0, 0.25, 3))
    mix = np.zeros(8, np.float32)
    texture = None
    if rng.random() < 0.35:
        mix[UPPER] = rng.uniform(0.2, 0.9)
        mix[LOWER] = rng.uniform(0.0, 0.6)
        photo = np.asarray(photos[int(rng.integers(len(photos)))])
        row, column = int(rng.integers(0, 100)), int(rng.integers(0, 180))
        texture = photo[row : row + 112, column : column + 192]

    def change(rgb: np.ndarray, labels: np.ndarray) -> np.ndarray:
        out = cv2.multiply(rgb, gains[labels], dtype=cv2.CV_8U)
        if texture is None:
            return out
        weight = mix[labels]
        cloth = cv2.resize(texture, (rgb.shape[1], rgb.shape[0]))
        light = cv2.cvtColor(out, cv2.COLOR_RGB2GRAY).astype(np.float32) / 128.0
        cloth = cv2.multiply(cloth, cv2.merge((light, light, light)), dtype=cv2.CV_8U)
        return cv2.blendLinear(cloth, out, weight, 1.0 - weight)

    return change

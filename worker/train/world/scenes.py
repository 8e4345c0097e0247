# SPDX-License-Identifier: Apache-2.0
"""Paints the named scenes: city night, forest, beach, sci-fi, studio, space.

Called by backdrops.py. Every painter takes a seeded generator and returns f32 [224,384,3] sRGB 0..1; the
variants of one name differ in layout, colour and blur but stay the same kind of place.
"""

from collections.abc import Callable

import cv2
import numpy as np

from mirage_lsd.worker.train.world.canvas import (
    HEIGHT_PX,
    WIDTH_PX,
    blank,
    blur,
    clouds,
    gradient,
    hue,
    lay,
    lights,
)
from mirage_lsd.worker.train.world.outdoors import beach, forest

SCENES = ("city night", "forest", "beach", "sci-fi", "studio", "space")


def _towers(rng: np.random.Generator, picture: np.ndarray, base: np.ndarray, tall: float, lit: float) -> None:
    x = -10
    while x < WIDTH_PX:
        width, top = int(rng.uniform(22, 60)), int(HEIGHT_PX * (1 - tall * rng.uniform(0.5, 1)))
        picture[top:, max(0, x) : x + width] = base * rng.uniform(0.8, 1.25)
        step = int(rng.integers(5, 9))
        tint = hue(rng, 0.11, 0.05, rng.uniform(0.2, 0.7), 1.0)
        for y in range(top + 4, HEIGHT_PX - 3, step):
            for wx in range(max(0, x) + 3, min(x + width, WIDTH_PX) - 4, step):
                if rng.random() < lit:
                    picture[y : y + step - 3, wx : wx + step - 3] = tint * rng.uniform(0.45, 1)
        x += width + int(rng.uniform(0, 6))


def city_night(rng: np.random.Generator) -> np.ndarray:
    """Dark sky, lit towers in depth, neon and street bokeh."""
    picture = gradient(
        hue(rng, 0.65, 0.04, 0.8, 0.10), hue(rng, rng.choice([0.62, 0.8, 0.95]), 0.04, 0.6, 0.36)
    )
    for depth in range(3):
        haze = hue(rng, 0.66, 0.04, 0.6, 0.17 - 0.045 * depth)
        _towers(rng, picture, haze, 0.85 - 0.16 * depth, 0.22 + 0.1 * rng.random())
        picture = blur(picture, 1.2 - 0.4 * depth)
    neon = [hue(rng, h, 0.02, 0.85, 1.0) for h in (0.9, 0.52, 0.12, 0.08, 0.0)]
    for _ in range(rng.integers(2, 7)):
        x, y = int(rng.uniform(0, WIDTH_PX - 40)), int(rng.uniform(70, 180))
        width, height = (int(v) for v in rng.uniform((6, 14), (34, 40)))
        cv2.rectangle(
            picture, (x, y), (x + width, y + height), neon[rng.integers(5)].tolist(), int(rng.choice([2, 3]))
        )
    picture += 0.8 * blur(np.maximum(picture - 0.45, 0), 7)
    picture += lights(rng, int(rng.uniform(12, 40)), (2, rng.uniform(5, 12)), neon, (0.55, 1.0))
    return blur(picture, rng.uniform(0, 2.2))


def sci_fi(rng: np.random.Generator) -> np.ndarray:
    """A corridor or bridge of dark panels in perspective with glowing strips and screens."""
    accent, other = (
        hue(rng, rng.choice([0.5, 0.55, 0.83, 0.05, 0.38]), 0.02, 0.8, 1.0),
        hue(rng, rng.random(), 0, 0.7, 1),
    )
    base = hue(rng, 0.6, 0.05, 0.35, rng.uniform(0.14, 0.3))
    picture = blank(base)
    vanish = np.array([WIDTH_PX * rng.uniform(0.3, 0.7), HEIGHT_PX * rng.uniform(0.35, 0.55)])
    corners = np.array([[0, 0], [WIDTH_PX, 0], [WIDTH_PX, HEIGHT_PX], [0, HEIGHT_PX]], float) * 1.3 - [58, 34]
    rings = [vanish + (corners - vanish) * scale for scale in 0.82 ** np.arange(0, 12)]
    for depth, (outer, inner) in enumerate(zip(rings, rings[1:], strict=False)):
        for side in range(4):
            quad = np.stack([outer[side], outer[(side + 1) % 4], inner[(side + 1) % 4], inner[side]]).astype(
                np.int32
            )
            shade = base * rng.uniform(0.55, 1.5) * (0.8 + 0.09 * depth)
            cv2.fillPoly(picture, [quad], shade.tolist(), cv2.LINE_AA)
            if rng.random() < 0.3:
                color = (accent if rng.random() < 0.75 else other).tolist()
                mid = ((quad[0] + quad[3]) // 2, (quad[1] + quad[2]) // 2)
                cut = rng.uniform(0.1, 0.4)
                ends = [tuple((mid[0] + (mid[1] - mid[0]) * s).astype(int).tolist()) for s in (cut, 1 - cut)]
                cv2.line(picture, *ends, color, max(1, 5 - depth), cv2.LINE_AA)
        cv2.polylines(
            picture,
            [inner.astype(np.int32)],
            True,
            (base * 0.35).tolist(),
            max(1, 3 - depth // 2),
            cv2.LINE_AA,
        )
        if depth % int(rng.integers(2, 4)) == 0:
            cv2.polylines(
                picture, [inner.astype(np.int32)], True, accent.tolist(), max(1, 3 - depth // 3), cv2.LINE_AA
            )
    cv2.fillPoly(picture, [rings[-1].astype(np.int32)], (0.5 + 0.5 * accent).tolist(), cv2.LINE_AA)
    picture += 0.9 * blur(np.maximum(picture - 0.42, 0), 6) + 0.5 * blur(np.maximum(picture - 0.5, 0), 18)
    return blur(picture, rng.uniform(0, 1.8))


def studio(rng: np.random.Generator) -> np.ndarray:
    """A seamless paper backdrop with a soft spot, floor line, sometimes light stands or softboxes."""
    color = hue(rng, rng.random(), 0, rng.choice([0.04, 0.1, 0.45]), rng.uniform(0.3, 0.92))
    y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    centre = WIDTH_PX * rng.uniform(0.3, 0.7), HEIGHT_PX * rng.uniform(0.25, 0.6)
    spot = np.exp(-(((x - centre[0]) / 190) ** 2 + ((y - centre[1]) / 130) ** 2) * rng.uniform(0.6, 1.6))
    picture = blank(color) * (0.45 + 0.62 * spot)[..., None]
    floor = np.clip((y - HEIGHT_PX * rng.uniform(0.78, 0.92)) / 14, 0, 1)
    picture = lay(picture, floor, picture * rng.uniform(1.08, 1.3))
    for side in (0, 1):
        if rng.random() < 0.45:
            left = int(rng.uniform(-20, 30) if side == 0 else WIDTH_PX - rng.uniform(50, 90))
            top = int(rng.uniform(-10, 50))
            cv2.line(picture, (left + 30, top), (left + 30, HEIGHT_PX), (0.05, 0.05, 0.05), 3, cv2.LINE_AA)
            cv2.rectangle(picture, (left, top), (left + 60, top + 80), (0.04, 0.04, 0.04), -1)
            cv2.rectangle(picture, (left + 4, top + 4), (left + 56, top + 76), (1.0, 0.98, 0.93), -1)
    picture += 0.4 * blur(np.maximum(picture - 0.9, 0) * 6, 12)
    return blur(picture, rng.uniform(0.5, 2.5))


def space(rng: np.random.Generator) -> np.ndarray:
    """Stars, nebula clouds in two colours and sometimes a planet with a lit edge."""
    first, second = (
        hue(rng, rng.choice([0.62, 0.75, 0.9, 0.5]), 0.03, 0.75, 0.8),
        hue(rng, rng.choice([0.55, 0.95, 0.08, 0.8]), 0.03, 0.7, 0.8),
    )
    dust = np.clip(clouds(rng, 2, 6) - 0.36, 0, 1) * 2
    other = np.clip(clouds(rng, 3, 5) - 0.42, 0, 1) * 2
    picture = (
        blank((0.012, 0.014, 0.03))
        + 0.75 * (dust**1.6)[..., None] * first
        + 0.65 * (other**1.8)[..., None] * second
    )
    stars = np.where(
        rng.random((HEIGHT_PX, WIDTH_PX)) > 0.994, rng.random((HEIGHT_PX, WIDTH_PX)) ** 2, 0
    ).astype(np.float32)
    picture += (
        stars[..., None] + 2.5 * blur(np.where(stars > 0.72, stars, 0).astype(np.float32), 1.4)[..., None]
    )
    if rng.random() < 0.7:
        radius, centre = rng.uniform(25, 120), rng.uniform((0, 0), (WIDTH_PX, HEIGHT_PX))
        y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
        dx, dy = (x - centre[0]) / radius, (y - centre[1]) / radius
        depth = np.sqrt(np.maximum(0, 1 - dx**2 - dy**2))
        sun = rng.uniform(-1, 1, 2)
        lit = np.clip((dx * sun[0] + dy * sun[1] + 0.35 * depth) / (np.hypot(*sun) + 0.3), 0.02, 1)
        band = cv2.warpAffine(
            clouds(rng, 6, 4, 0.4),
            np.float32([[1, 0.3, 0], [0.2, 1, 0]]),
            (WIDTH_PX, HEIGHT_PX),
            borderMode=cv2.BORDER_REFLECT,
        )
        ball = lit[..., None] * (hue(rng, rng.random(), 0, 0.5, 0.95) * (0.6 + 0.7 * band[..., None]))
        picture = lay(picture, np.clip((1 - np.hypot(dx, dy)) * radius, 0, 1), ball)
        picture += (
            0.35 * np.exp(-np.maximum(0, np.hypot(dx, dy) - 1) * 14)[..., None] * lit[..., None] * first
        )
    return blur(picture, rng.uniform(0, 0.9))


PAINTERS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "city night": city_night,
    "forest": forest,
    "beach": beach,
    "sci-fi": sci_fi,
    "studio": studio,
    "space": space,
}


def paint_scene(name: str, rng: np.random.Generator) -> np.ndarray:
    """One variant of a named scene: u8 [224,384,3] RGB."""
    picture = PAINTERS[name](rng)
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    return (255 * np.clip(picture, 0, 1) + 0.5).astype(np.uint8)
